//! Makes what customers and merchants typed fit to be shown in a mail.

use rust_decimal::Decimal;

/// Longer than any name that the rules let in; only a fault upstream is ever cut.
const MAX_CHARS: usize = 160;

/// One line of text: no line breaks, no control characters, nothing that turns the reading
/// direction of the words around it, at most [`MAX_CHARS`] characters.
pub(super) fn one_line(raw: &str) -> String {
    let visible: String = raw.chars().map(as_visible).collect();
    let mut line = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((cut, _)) = line.char_indices().nth(MAX_CHARS) {
        line.truncate(cut);
        line.push('…');
    }
    line
}

// A space instead of nothing: `a\r\nb` shall not become one word.
fn as_visible(c: char) -> char {
    if c.is_control() || is_separator(c) || turns_direction(c) {
        ' '
    } else {
        c
    }
}

fn is_separator(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Unicode's Bidi_Control characters, and the byte order mark, which shows as nothing.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// How a mail begins, also one to somebody whose name is not known.
pub(super) fn greeting(name: Option<&str>) -> String {
    match name.map(one_line).as_deref() {
        None | Some("") => "Hello,".to_owned(),
        Some(name) => format!("Hello {name},"),
    }
}

/// An amount as it is written in Botswana: `BWP 10,000.00`.
pub(super) fn money(amount: Decimal, currency: &str) -> String {
    let digits = format!("{:.2}", amount.round_dp(2).abs());
    let (whole, cents) = digits.split_once('.').expect("two decimals were asked for");
    let sign = if amount.is_sign_negative() && !amount.is_zero() {
        "-"
    } else {
        ""
    };
    format!("{} {sign}{}.{cents}", one_line(currency), grouped(whole))
}

fn grouped(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::{MAX_CHARS, greeting, money, one_line};

    #[test]
    fn line_breaks_and_control_characters_become_single_spaces() {
        assert_eq!(
            one_line(" Neo\r\nBcc: x\0\u{1b}[2J\u{85}\u{2028}end\t"),
            "Neo Bcc: x [2J end"
        );
    }

    #[test]
    fn marks_that_turn_the_reading_direction_are_taken_out() {
        assert_eq!(
            one_line("\u{202e}oeN\u{202c} \u{2067}x\u{2069}\u{200f}"),
            "oeN x"
        );
    }

    #[test]
    fn letters_of_any_script_and_emoji_stay() {
        assert_eq!(one_line("Kgomotso 👩🏾‍💻 نور ǃXun"), "Kgomotso 👩🏾‍💻 نور ǃXun");
    }

    #[test]
    fn text_beyond_the_limit_is_cut_between_characters() {
        let line = one_line(&"ň".repeat(10_000));

        assert_eq!(line.chars().count(), MAX_CHARS + 1);
        assert!(line.ends_with("ň…"));
    }

    #[test]
    fn somebody_without_a_name_is_greeted_too() {
        assert_eq!(greeting(Some("Neo\r\n")), "Hello Neo,");
        assert_eq!(greeting(Some("\u{200f} \0")), "Hello,");
        assert_eq!(greeting(None), "Hello,");
    }

    #[test]
    fn amounts_are_grouped_by_thousands_with_two_decimals() {
        let shown = |amount: &str| money(amount.parse().unwrap(), "BWP");

        assert_eq!(shown("0"), "BWP 0.00");
        assert_eq!(shown("999.5"), "BWP 999.50");
        assert_eq!(shown("1000"), "BWP 1,000.00");
        assert_eq!(shown("-1234567.891"), "BWP -1,234,567.89");
    }
}
