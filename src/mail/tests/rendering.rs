//! What the mails say and look like.

use url::Url;

use super::samples::{
    LINK, account_locked, each_mail, letter, merchant_declined, unusual_activity, verification,
    verify_email,
};
use super::sender;
use crate::mail::{Letter, Mail, Rendered};

fn rendered(mail: &Mail) -> Rendered {
    letter(mail).render(sender().name())
}

fn as_text(mail: &Mail) -> String {
    let Rendered { subject, text, .. } = rendered(mail);
    format!("Subject: {subject}\n\n{text}")
}

#[test]
fn each_mail_as_text() {
    for mail in each_mail() {
        insta::assert_snapshot!(format!("{}_as_text", mail.template()), as_text(&mail));
    }
}

#[test]
fn each_mail_as_html() {
    for mail in each_mail() {
        insta::assert_snapshot!(format!("{}_as_html", mail.template()), rendered(&mail).html);
    }
}

#[test]
fn an_account_locked_for_good_waits_for_no_time() {
    let mail = account_locked("9999-12-31T23:59:59Z");

    let Rendered { text, html, .. } = rendered(&mail);

    assert!(!html.contains("Botswana time"), "{html}");
    insta::assert_snapshot!("account_locked_for_good_as_text", text);
    insta::assert_snapshot!("account_locked_for_good_as_html", html);
}

#[test]
fn a_merchant_declined_for_a_reason_of_a_newer_version_gets_a_sentence() {
    let Rendered { text, html, .. } = rendered(&merchant_declined(&["owner_on_the_moon"]));

    for part in [&text, &html] {
        assert!(part.contains("Some of the details we have could not be accepted."));
        assert!(!part.contains("owner_on_the_moon"));
    }
}

#[test]
fn only_the_mail_that_needs_a_link_asks_for_one() {
    for mail in each_mail() {
        let mut asked = 0;

        let letter = Letter::new(&mail, |_, _| {
            asked += 1;
            Url::parse(LINK)
        });

        assert!(letter.is_ok());
        let needs_one = matches!(mail, Mail::VerifyEmail { .. });
        assert_eq!(asked, i32::from(needs_one), "{}", mail.template());
    }
}

#[test]
fn a_link_is_made_from_the_verification_and_the_address_it_is_sent_to() {
    let mail = verify_email();

    let letter = Letter::new(&mail, |asked, email| {
        assert_eq!(asked, &verification());
        assert_eq!(email, "neo@example.test");
        Url::parse(LINK)
    });

    assert!(letter.is_ok());
}

#[test]
fn a_mail_that_needs_a_link_is_no_letter_without_it() {
    let mail = verify_email();

    let letter = Letter::new(&mail, |_, _| Err("the key is not there"));

    assert_eq!(letter.err(), Some("the key is not there"));
}

#[test]
fn a_mail_without_a_link_names_no_address_to_open() {
    for mail in each_mail() {
        let Ok(letter) = Letter::new(&mail, |_, _| Err(())) else {
            continue;
        };

        let Rendered { text, html, .. } = letter.render(sender().name());

        for part in [text, html] {
            for sign in ["://", "www.", "href", "mailto:", "tel:"] {
                assert!(!part.contains(sign), "{sign} in\n{part}");
            }
        }
    }
}

#[test]
fn a_link_stands_on_a_button_and_to_be_copied_and_alone_in_its_line() {
    let Rendered { text, html, .. } = rendered(&verify_email());

    assert_eq!(html.matches(&format!("href=\"{LINK}\"")).count(), 2);
    assert_eq!(html.matches(&format!(">{LINK}</a>")).count(), 1);
    assert!(text.lines().any(|line| line == LINK), "{text}");
}

#[test]
fn nothing_in_a_mail_is_loaded_from_anywhere() {
    for mail in each_mail() {
        let html = rendered(&mail).html.replace(LINK, "");

        for loaded in [
            "http:", "https:", "src=", "url(", "@import", "<link", "<script", "<img",
        ] {
            assert!(!html.contains(loaded), "{loaded} in\n{html}");
        }
    }
}

#[test]
fn somebody_whose_name_is_not_known_is_greeted() {
    let Rendered { text, html, .. } = rendered(&unusual_activity());

    assert!(text.starts_with("Hello,\n"), "{text}");
    assert!(html.contains(">Hello,</p>"), "{html}");
}

#[test]
fn whoever_sends_signs_every_mail() {
    for mail in each_mail() {
        let Rendered { text, html, .. } = letter(&mail).render("Kgale &\r\nSons");

        assert!(text.contains("\n--\nKgale & Sons\n"), "{text}");
        assert!(html.contains(">Kgale &#38; Sons</td>"), "{html}");
    }
}
