//! Whatever customers and merchants call themselves, a mail stays one mail with the headers it has.

use proptest::prelude::*;

use super::{mail_to, plain, sender};
use crate::mail::compose::compose;
use crate::mail::{Mail, Rendered, Sender};

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

/// A mail with `value` in the field at `index`, and what the field is called.
fn mail_with(index: usize, value: &str) -> Mail {
    let mut fields = ["Neo", "W0123456789", "Kgale Hardware", "BWP"].map(str::to_owned);
    value.clone_into(&mut fields[index]);
    let [first_name, wallet_id, merchant, currency] = fields;
    Mail::WalletCreated {
        recipient: "neo@example.test".to_owned(),
        first_name,
        wallet_id,
        merchant,
        daily_limit: "1000".parse().unwrap(),
        monthly_limit: "10000".parse().unwrap(),
        currency,
    }
}

fn hostile_mails() -> impl Iterator<Item = Mail> {
    let long = "ň<&>\r\n".repeat(2000);
    let values: Vec<String> = HOSTILE
        .iter()
        .map(|&value| value.to_owned())
        .chain([long, String::new()])
        .collect();
    (0..4).flat_map(move |field| {
        values
            .iter()
            .map(|value| mail_with(field, value))
            .collect::<Vec<_>>()
    })
}

#[test]
fn no_field_breaks_out_of_the_html() {
    let usual = plain(&mail_with(0, "Neo")).render("Example").html;
    let tags = |html: &str| html.matches('<').count();

    for mail in hostile_mails() {
        let html = plain(&mail).render("Example").html;

        assert_eq!(tags(&html), tags(&usual), "{html}");
        assert!(html.chars().all(|c| c == '\n' || !c.is_control()));
        assert!(!html.contains(['\u{202e}', '\u{2067}', '\u{200f}']));
    }
}

#[test]
fn templates_in_a_field_are_not_run() {
    let Rendered { text, html, .. } = plain(&mail_with(0, HOSTILE[2])).render("Example");

    assert!(text.contains("Hello {{ mail.recipient }}{% include"));
    assert!(html.contains("{{ mail.recipient }}"));
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

    for mail in hostile_mails() {
        let bytes = compose(&sender, "key", &plain(&mail))
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
    for mail in hostile_mails() {
        let bytes = compose(&sender(), "key", &plain(&mail))
            .unwrap_or_else(|e| panic!("{e}"))
            .bytes;

        assert!(
            String::from_utf8(bytes)
                .unwrap()
                .contains("\r\nTo: neo@example.test\r\n")
        );
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
            compose(&sender(), "key", &plain(&mail_to(address))).map_err(|e| e.to_string());

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

        let composed = compose(&sender, "key", &plain(&mail_to("neo@example.test")));

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
        if let Ok(composed) = compose(&sender(), "key", &plain(&mail_to(&address))) {
            let recipient = composed.envelope.to()[0].to_string();
            prop_assert!(!recipient.contains(char::is_control), "{recipient:?}");
            let mail = String::from_utf8(composed.bytes).unwrap();
            prop_assert!(mail.contains("\r\nSubject: Your wallet with Kgale"));
        }
    }
}
