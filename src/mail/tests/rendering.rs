//! What the mails look like.

use super::{mail, plain, sender};
use crate::mail::{Mail, Rendered};

fn rendered() -> Rendered {
    plain(&mail()).render(sender().name())
}

#[test]
fn wallet_created_as_text() {
    let Rendered { subject, text, .. } = rendered();

    insta::assert_snapshot!(format!("Subject: {subject}\n\n{text}"));
}

#[test]
fn wallet_created_as_html() {
    insta::assert_snapshot!(rendered().html);
}

#[test]
fn a_mail_survives_the_outbox() {
    let json = serde_json::to_value(mail()).unwrap();

    assert_eq!(json["template"], mail().template());
    assert_eq!(json["daily_limit"], "1000.00");
    assert!(serde_json::from_value::<Mail>(json).unwrap() == mail());
}

#[test]
fn a_wallet_is_announced_under_one_key() {
    assert_eq!(mail().key(), "wallet-created:W0123456789");
}

#[test]
fn nothing_in_a_mail_is_loaded_from_anywhere() {
    let html = rendered().html;

    for loaded in [
        "http:", "https:", "src=", "href=", "url(", "@import", "<link", "<script",
    ] {
        assert!(!html.contains(loaded), "{loaded} in\n{html}");
    }
}
