//! Whatever customers and merchants call themselves, a mail stays one mail with the headers it has,
//! and shows what it shows.

use proptest::prelude::*;
use serde_json::Value;
use url::Url;

use super::samples::{each_mail, letter, verify_email};
use super::{mail_to, sender};
use crate::mail::compose::compose;
use crate::mail::{Letter, Mail, Rendered, Sender};

const HOSTILE: [&str; 10] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "{{ mail.recipient }}{% include \"layout.html\" %}",
    "x\r\nBcc: victim@example.test\r\n\r\nnew body",
    "x\r.\rMAIL FROM:<a@b>",
    "x\r\n.\r\nMAIL FROM:<a@b>\r\n",
    "nul\0esc\u{1b}del\u{7f}nel\u{85}ls\u{2028}",
    "\u{202e}drawkcab\u{202c}\u{2067}\u{200f}\u{feff}",
    "👩🏾‍💻 =?utf-8?q?x?= ňǃ",
    "=\u{a0}trailing ",
];

/// A mail with something hostile in one of its texts.
struct Hostile {
    /// Where, as a JSON pointer.
    place: String,
    mail: Mail,
}

fn hostile_mails() -> Vec<Hostile> {
    let values = HOSTILE.map(str::to_owned);
    let values = values
        .into_iter()
        .chain(["ň<&>\r\n".repeat(2000), String::new()]);
    let mails = each_mail().map(|mail| (texts(&mail), mail));
    values
        .flat_map(|value| {
            mails.iter().flat_map(move |(places, mail)| {
                let value = value.clone();
                let hostile = move |place: &String| Hostile {
                    place: place.clone(),
                    mail: with(mail, place, &value).expect("the place takes any text"),
                };
                places.iter().map(hostile)
            })
        })
        .collect()
}

/// The places of a mail that take any text.
fn texts(mail: &Mail) -> Vec<String> {
    let mut places = Vec::new();
    leaves(
        &serde_json::to_value(mail).unwrap(),
        String::new(),
        &mut places,
    );
    places.retain(|place| with(mail, place, "any text").is_some());
    places
}

fn leaves(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                leaves(value, format!("{place}/{name}"), places);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                leaves(value, format!("{place}/{index}"), places);
            }
        }
        _ => places.push(place),
    }
}

/// The `mail` with another text at a place, if the place takes it.
fn with(mail: &Mail, place: &str, text: &str) -> Option<Mail> {
    let mut row = serde_json::to_value(mail).unwrap();
    *row.pointer_mut(place).unwrap() = Value::from(text);
    serde_json::from_value(row).ok()
}

/// The same mail with nothing hostile in it.
fn usual(mail: &Mail) -> Rendered {
    let mails = each_mail();
    let usual = mails
        .iter()
        .find(|usual| usual.template() == mail.template());
    letter(usual.unwrap()).render("Example")
}

#[test]
fn every_text_that_a_mail_holds_is_tried() {
    let places = each_mail().map(|mail| texts(&mail).join(" "));

    assert_eq!(
        places,
        [
            "/currency /first_name /merchant /recipient /wallet_id",
            "/business_name /recipient",
            "/business_name /reasons/0 /reasons/1 /recipient",
            "/greeting_name /recipient",
            "/greeting_name /recipient",
            "/greeting_name /recipient /verification/key_id",
        ]
    );
}

#[test]
fn no_field_breaks_out_of_the_html() {
    let tags = |html: &str| html.matches('<').count();

    for Hostile { place, mail } in hostile_mails() {
        let html = letter(&mail).render("Example").html;

        assert_eq!(tags(&html), tags(&usual(&mail).html), "{place} in\n{html}");
        assert!(html.chars().all(|c| c == '\n' || !c.is_control()));
        assert!(!html.contains(['\u{202e}', '\u{2067}', '\u{200f}']));
    }
}

#[test]
fn no_field_adds_a_line_to_the_text() {
    for Hostile { place, mail } in hostile_mails() {
        let text = letter(&mail).render("Example").text;

        assert_eq!(
            text.lines().count(),
            usual(&mail).text.lines().count(),
            "{place} in\n{text}"
        );
    }
}

#[test]
fn no_subject_shows_anything_of_a_person() {
    for Hostile { place, mail } in hostile_mails() {
        // The merchant of a wallet is a business that the customer went to.
        if place != "/merchant" {
            let subject = letter(&mail).render("Example").subject;

            assert_eq!(subject, usual(&mail).subject);
        }
    }
}

#[test]
fn no_link_breaks_out_of_the_html() {
    let mail = verify_email();
    let link = "https://pay.example/\"><img src=x>?a='b'&c=\"<&lt;#\" onclick=x";
    let letter = Letter::new(&mail, |_, _| Url::parse(link)).unwrap_or_else(|e| panic!("{e}"));

    let html = letter.render("Example").html;

    let marks = |html: &str| html.matches(['<', '>', '"']).count();
    assert_eq!(marks(&html), marks(&usual(&mail).html), "{html}");
}

#[test]
fn templates_in_a_field_are_not_run() {
    let mail = with(&mail_to("neo@example.test"), "/first_name", HOSTILE[2]).unwrap();

    let Rendered { text, html, .. } = letter(&mail).render("Example");

    assert!(text.contains("Hello {{ mail.recipient }}{% include"));
    assert!(html.contains("{{ mail.recipient }}"));
}

/// The hostile mails that are sent: a hostile address is refused.
fn sendable() -> impl Iterator<Item = Mail> {
    let sendable = hostile_mails()
        .into_iter()
        .filter(|hostile| hostile.place != "/recipient");
    sendable.map(|hostile| hostile.mail)
}

#[test]
fn no_hostile_address_is_written_to() {
    let refused = hostile_mails()
        .into_iter()
        .filter(|hostile| hostile.place == "/recipient");

    for Hostile { mail, .. } in refused {
        assert!(compose(&sender(), "key", &letter(&mail)).is_err());
    }
}

#[test]
fn no_field_adds_a_header_a_line_or_an_end_to_a_mail() {
    let sender = sender();
    let headers_of = |bytes: &[u8]| {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap().to_owned();
        let names = head
            .split("\r\n")
            .filter(|line| !line.starts_with([' ', '\t']));
        names
            .map(|line| line.split(':').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };

    for mail in sendable() {
        let bytes = compose(&sender, "key", &letter(&mail))
            .unwrap_or_else(|e| panic!("{e}"))
            .bytes;

        assert_eq!(
            headers_of(&bytes),
            [
                "From",
                "To",
                "Subject",
                "Message-ID",
                "Auto-Submitted",
                "MIME-Version",
                "Date",
                "Content-Type"
            ],
        );
        assert!(bytes.is_ascii());
        assert!(!bytes.contains(&0));
        let text = String::from_utf8(bytes).unwrap();
        let without_ends = text.replace("\r\n", "");
        assert!(
            !without_ends.contains(['\r', '\n']),
            "a bare line break in\n{text}"
        );
        assert!(
            text.split("\r\n")
                .all(|line| line.len() <= 998 && line != ".")
        );
    }
}

#[test]
fn no_field_reaches_a_display_name() {
    for mail in sendable() {
        let bytes = compose(&sender(), "key", &letter(&mail))
            .unwrap_or_else(|e| panic!("{e}"))
            .bytes;

        let to = format!("\r\nTo: {}\r\n", mail.recipient());
        assert!(String::from_utf8(bytes).unwrap().contains(&to));
    }
}

#[test]
fn an_odd_address_is_written_to_as_it_is() {
    for address in [
        "\"a b\"@example.test",
        "\"a\\\"b\"@example.test",
        "\"x,y\"@example.test",
        "\"a@b\"@example.test",
        "o'neil+wallet@example.test",
        "neo@[127.0.0.1]",
    ] {
        let composed =
            compose(&sender(), "key", &letter(&mail_to(address))).map_err(|e| e.to_string());

        let composed = composed.unwrap_or_else(|fault| panic!("{address}: {fault}"));
        assert_eq!(composed.envelope.to()[0].to_string(), address);
        let text = String::from_utf8(composed.bytes).unwrap();
        assert!(
            text.contains(&format!("\r\nTo: {address}\r\n")),
            "{address} in\n{text}"
        );
    }
}

#[test]
fn an_odd_sender_shows_in_one_header() {
    for name in [
        "\"Kgale, Inc.\"",
        "名前 👩🏾‍💻",
        "Kgale Ltd.",
        "\"a\\\"b\"",
        "=?utf-8?q?x?=",
    ] {
        let sender = Sender::parse(&format!("{name} <no-reply@pay.example>")).unwrap();

        let composed = compose(&sender, "key", &letter(&mail_to("neo@example.test")));

        let bytes = composed.unwrap_or_else(|fault| panic!("{fault}")).bytes;
        let first = String::from_utf8(bytes)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .to_owned();
        assert!(
            first.starts_with("From: ") && first.ends_with(" <no-reply@pay.example>"),
            "{first}"
        );
    }
}

proptest! {
    #[test]
    fn whatever_an_address_is_made_of_composing_never_panics(
        address in r#"[a-z"<>@,;: \\.()\[\]ňü\r\n\t-]{0,20}@[a-zü.\[\]:0-9-]{1,12}"#,
    ) {
        if let Ok(composed) = compose(&sender(), "key", &letter(&mail_to(&address))) {
            let recipient = composed.envelope.to()[0].to_string();
            prop_assert!(!recipient.contains(char::is_control), "{recipient:?}");
            let mail = String::from_utf8(composed.bytes).unwrap();
            prop_assert!(mail.contains("\r\nSubject: Your wallet with Kgale"));
        }
    }
}
