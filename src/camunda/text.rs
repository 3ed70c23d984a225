//! Text that crosses the border: what the engine may send and what it may be sent.
//!
//! The engine cuts and stores text in UTF-16, so its JSON may hold half of a character as an
//! escape that no Rust string can carry. What we send is cut before the engine cuts it.

use serde::de::DeserializeOwned;

/// Where a JSON text stopped being what was asked for. It never holds the text itself, which may
/// be personal data, as the messages of `serde_json` may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the expected JSON at line {line} column {column}")]
pub struct JsonFault {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

/// Parses JSON as the engine writes it: lone surrogates and broken UTF-8 become U+FFFD.
pub(crate) fn parse_json<T: DeserializeOwned>(mut json: Vec<u8>) -> Result<T, JsonFault> {
    if std::str::from_utf8(&json).is_err() {
        json = String::from_utf8_lossy(&json).into_owned().into_bytes();
    }
    replace_lone_surrogates(&mut json);
    serde_json::from_slice(&json).map_err(|fault| JsonFault {
        line: fault.line(),
        column: fault.column(),
    })
}

/// Overwrites each escaped surrogate that has no partner by `\ufffd`, which is as long.
fn replace_lone_surrogates(json: &mut [u8]) {
    let mut at = 0;
    while at < json.len() {
        if json[at] != b'\\' {
            at += 1;
            continue;
        }
        at += match (
            escaped_unit(&json[at..]),
            json.get(at + 6..).and_then(escaped_unit),
        ) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                json[at + 2..at + 6].copy_from_slice(b"fffd");
                6
            }
            (Some(_), _) => 6,
            // Any other escape, `\\` among them: both its bytes are spent.
            (None, _) => 2,
        };
    }
}

/// The UTF-16 unit that a `\uXXXX` at the start of `json` stands for.
fn escaped_unit(json: &[u8]) -> Option<u16> {
    let digits = json.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// At most `limit` UTF-16 units of `text`, control characters escaped, cut between characters.
///
/// The engine counts in UTF-16 and cuts without looking, which leaves half a character.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    bounded(text, limit, char::len_utf16, |c| c.is_control())
}

/// At most `limit` bytes of `text`, cut between characters; lines and tabs are kept.
pub(crate) fn lines(text: &str, limit: usize) -> String {
    bounded(text, limit, char::len_utf8, |c| {
        c.is_control() && !matches!(c, '\n' | '\t')
    })
}

fn bounded(text: &str, limit: usize, size: fn(char) -> usize, escape: fn(char) -> bool) -> String {
    let mut kept = String::new();
    let mut spent = 0;
    for c in text.chars() {
        let before = kept.len();
        match escape(c) {
            true => kept.extend(c.escape_default()),
            false => kept.push(c),
        }
        spent += kept[before..].chars().map(size).sum::<usize>();
        if spent > limit {
            kept.truncate(before);
            break;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> String {
        parse_json(json.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_lone_surrogate_becomes_the_replacement_character() {
        assert_eq!(parsed(r#""a\ud83d""#), "a\u{fffd}");
        assert_eq!(parsed(r#""\uD83Dx\udE00""#), "\u{fffd}x\u{fffd}");
        assert_eq!(parsed(r#""\ud83d\ud83d\ude00""#), "\u{fffd}😀");
    }

    #[test]
    fn a_pair_and_an_escaped_backslash_stay_as_they_are() {
        assert_eq!(parsed(r#""\ud83d\ude00""#), "😀");
        assert_eq!(parsed(r#""\\ud800""#), "\\ud800");
        assert_eq!(parsed(r#""\\\ud800 \u0041""#), "\\\u{fffd} A");
    }

    #[test]
    fn broken_utf_8_is_replaced() {
        let text: String = parse_json(b"\"a\xffb\"".to_vec()).unwrap();

        assert_eq!(text, "a\u{fffd}b");
    }

    #[test]
    fn a_truncated_escape_is_a_fault_and_no_panic() {
        for json in [r#""\u"#, r#""\ud8"#, r#""\ud800\u"#, "\"\\"] {
            assert!(parse_json::<String>(json.as_bytes().to_vec()).is_err());
        }
    }

    #[test]
    fn a_fault_never_shows_the_text() {
        let fault = parse_json::<u8>(b"\"secret\"".to_vec()).unwrap_err();

        assert_eq!(
            fault.to_string(),
            "not the expected JSON at line 1 column 8"
        );
    }

    #[test]
    fn one_line_is_cut_in_utf_16_between_characters() {
        assert_eq!(one_line("a😀😀", 4), "a😀");
        assert_eq!(one_line("a😀😀", 5), "a😀😀");
        assert_eq!(one_line("a\n\u{7}b", 99), "a\\n\\u{7}b");
    }

    #[test]
    fn lines_are_kept_and_cut_in_bytes() {
        assert_eq!(lines("a\nb\0", 99), "a\nb\\u{0}");
        assert_eq!(lines("éé", 3), "é");
    }
}
