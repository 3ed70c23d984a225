//! Each rule's accepted and refused texts, its boundaries, and what no text may do.

use chrono::{Datelike, TimeZone};
use proptest::prelude::*;
use serde_json::json;

use super::*;

const INVALID: Option<Fault> = Some(Fault::Invalid);

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn born(text: &str, today: &str) -> Option<Fault> {
    BirthDate::parse(text, day(today)).err()
}

fn fault_in(object: &Value) -> Option<String> {
    let object = serde_json::from_value(object.clone()).unwrap();
    let read = Fields::of(&object).read("first_name", PersonName::parse);
    read.err().map(|error| error.code.into_owned())
}

#[test]
fn a_field_that_is_not_text_says_why() {
    for (object, code) in [
        (json!({}), "first_name_missing"),
        (json!({"first_name": null}), "first_name_missing"),
        (json!({"FIRST_NAME": "Neo"}), "first_name_missing"),
        (json!({"first_name": 7}), "first_name_invalid"),
        (json!({"first_name": true}), "first_name_invalid"),
        (json!({"first_name": ["Neo"]}), "first_name_invalid"),
        (json!({"first_name": {"a": 1}}), "first_name_invalid"),
        (json!({"first_name": ""}), "first_name_invalid"),
    ] {
        assert_eq!(fault_in(&object).as_deref(), Some(code), "{object}");
    }
    assert_eq!(fault_in(&json!({"first_name": "Neo", "more": [1]})), None);
}

#[test]
fn text_that_steers_what_is_around_it_is_refused_in_every_field() {
    for c in [
        '\0', '\n', '\r', '\t', '\u{1b}', '\u{7f}', '\u{85}', '\u{2028}', '\u{202e}', '\u{2066}',
        '\u{fffd}',
    ] {
        let object = json!({ "first_name": format!("Neo{c}Moeng") });

        assert_eq!(
            fault_in(&object).as_deref(),
            Some("first_name_invalid"),
            "{c:?}"
        );
    }
}

#[test]
fn a_name_is_whatever_people_are_called() {
    for name in [
        "N",
        "O'Brien-Śmith",
        "Mma Ramotswe",
        "محمد",
        "שָׂרָה",
        "中村",
        "Кeabetswe", // its first letter is Cyrillic
        "😀",
        "Zoe\u{301}",
        "Robert'); DROP TABLE users;--",
    ] {
        assert!(PersonName::parse(name).is_ok(), "{name}");
    }
    let name = PersonName::parse("  Neo \u{a0}").map(|name| name.0);
    assert_eq!(name.ok().as_deref(), Some("Neo"));
}

#[test]
fn a_name_has_1_to_150_characters_and_not_bytes() {
    assert!(PersonName::parse(&"é".repeat(150)).is_ok());
    assert_eq!(PersonName::parse(&"a".repeat(151)).err(), INVALID);
    assert_eq!(PersonName::parse("").err(), INVALID);
    assert_eq!(PersonName::parse(" \u{3000} ").err(), INVALID);
}

#[test]
fn an_e_mail_is_one_address_under_a_public_domain() {
    for address in [
        "a@b.bw",
        "Neo.Moeng+wallet@Mail.example.co.bw",
        "o'neil@example.com",
    ] {
        let parsed = EmailAddress::parse(address).map(|email| email.0);
        assert_eq!(parsed.ok().as_deref(), Some(address));
    }
    for address in [
        "",
        " ",
        "neo",
        "neo@",
        "@example.bw",
        "neo@example",
        "neo@@example.bw",
        "neo@example..bw",
        ".neo@example.bw",
        "neo @example.bw",
        "neo@example.bw ",
        "Neo <neo@example.bw>",
        "<neo@example.bw>",
        "\"neo, moeng\"@example.bw",
        "neo@example.bw,eve@example.bw",
        "neo@example.bw;eve@example.bw",
        "neo@[127.0.0.1]",
        "neo@-example.bw",
        "mailto:neo@example.bw?bcc=eve@example.bw",
        "nео@example.bw", // two letters are Cyrillic
        "neo@exämple.bw",
        "😀@example.bw",
    ] {
        assert_eq!(EmailAddress::parse(address).err(), INVALID, "{address}");
    }
}

#[test]
fn an_e_mail_has_at_most_254_characters() {
    let address = |last_label: usize| {
        let label = "d".repeat(61);
        format!(
            "{}@{label}.{label}.{}.bw",
            "a".repeat(64),
            "e".repeat(last_label)
        )
    };
    let (longest, longer) = (address(62), address(63));

    assert_eq!((longest.len(), longer.len()), (254, 255));
    assert!(EmailAddress::parse(&longest).is_ok());
    assert_eq!(EmailAddress::parse(&longer).err(), INVALID);
}

#[test]
fn a_phone_number_is_kept_in_e_164() {
    for (written, kept) in [
        ("71234567", "+26771234567"),
        ("71 234 567", "+26771234567"),
        ("+26771234567", "+26771234567"),
        ("+267 71 234 567", "+26771234567"),
        ("00267 71234567", "+26771234567"),
        ("3901234", "+2673901234"),
        ("+27821234567", "+27821234567"),
        ("+44 (20) 7946-0018", "+442079460018"),
    ] {
        let number = PhoneNumber::parse(written).map(|number| number.0);
        assert_eq!(number.ok().as_deref(), Some(kept), "{written}");
    }
}

#[test]
fn what_no_numbering_plan_has_is_no_phone_number() {
    for written in [
        "",
        " ",
        "+",
        "1",
        "7123456",
        "712345678901",
        "00000000",
        "+26700000000",
        "+99912345678",
        "+2677123456789012345",
        "71234567 ext 5",
        "71234567;ext=5",
        "call 71234567",
        "7123GOLD",
        "tel:+26771234567",
        "+26771234567 / 72345678",
        "++26771234567",
        "+26771234567+26772345678",
        "71234567+267",
        "٧١٢٣٤٥٦٧",
        "７１２３４５６７",
    ] {
        assert_eq!(PhoneNumber::parse(written).err(), INVALID, "{written}");
    }
}

#[test]
fn an_omang_is_nine_digits_with_the_sex_in_the_fifth() {
    for text in ["123412345", "123422345", "000010000"] {
        assert!(NationalId::parse(text).is_ok(), "{text}");
    }
    for text in [
        "",
        "123402345",
        "123432345",
        "12341234",
        "1234123456",
        "12341234a",
        " 12341234",
        "123412345 ",
        "1234-1234",
        "١٢٣٤١٢٣٤٥",
        "１２３",
        "+12341234",
    ] {
        assert_eq!(NationalId::parse(text).err(), INVALID, "{text}");
    }
}

#[test]
fn a_registration_number_is_bw_and_eleven_digits() {
    for text in ["BW00000000000", "BW12345678901", "BW99999999999"] {
        let number = RegistrationNumber::parse(text).map(|number| number.0);
        assert_eq!(number.ok().as_deref(), Some(text));
    }
    for text in [
        "",
        "BW",
        "12345678901",
        "bw12345678901",
        "Bw12345678901",
        "ZA12345678901",
        "BW1234567890",
        "BW123456789012",
        "BW1234567890a",
        "BW 1234567890",
        "BW+1234567890",
        " BW12345678901",
        "BW12345678901 ",
        "BW12345678901\n",
        "BWBW123456789",
        "BW١٢٣٤٥٦٧٨٩٠١",
        "BW123456789\u{0661}",
        "\u{0412}W12345678901", // its first letter is Cyrillic
    ] {
        assert_eq!(RegistrationNumber::parse(text).err(), INVALID, "{text}");
    }
}

#[test]
fn a_customer_is_18_on_the_birthday_itself() {
    assert_eq!(born("2008-05-20", "2026-05-19"), Some(Fault::UnderAge));
    assert_eq!(born("2008-05-20", "2026-05-20"), None);
    assert_eq!(born("2009-05-20", "2026-05-20"), Some(Fault::UnderAge));
    assert_eq!(born("2026-05-20", "2026-05-20"), Some(Fault::UnderAge));
}

#[test]
fn nobody_is_born_tomorrow_or_older_than_120() {
    assert_eq!(born("2026-05-21", "2026-05-20"), INVALID);
    assert_eq!(born("1906-05-20", "2026-05-20"), None);
    assert_eq!(born("1905-05-21", "2026-05-20"), None);
    assert_eq!(born("1905-05-20", "2026-05-20"), INVALID);
}

#[test]
fn who_was_born_on_a_leap_day_is_older_on_1_march() {
    assert_eq!(born("2008-02-29", "2026-02-28"), Some(Fault::UnderAge));
    assert_eq!(born("2008-02-29", "2026-03-01"), None);
    assert_eq!(born("2004-02-29", "2024-02-29"), None);
}

#[test]
fn a_birth_date_is_an_iso_date() {
    for text in [
        "",
        "2000-1-1",
        "+2000-01-01",
        "20000101",
        "01-01-2000",
        "2000/01/01",
        "2001-02-29",
        "2000-13-01",
        "2000-00-10",
        "2000-01-01T00:00:00",
        "2000-01-01 ",
        "0000-01-01",
        "-200-01-01",
        "٢٠٠٠-٠١-٠١",
        "2000-01-é",
    ] {
        assert_eq!(born(text, "2026-05-20"), INVALID, "{text}");
    }
}

#[test]
fn today_begins_at_midnight_in_botswana() {
    let at = |hour, minute| today(Utc.with_ymd_and_hms(2026, 5, 19, hour, minute, 0).unwrap());

    assert_eq!(at(21, 59), day("2026-05-19"));
    assert_eq!(at(22, 0), day("2026-05-20"));
}

/// Texts near the rules, so that some of them are accepted.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[+0-9 ().-]{0,34}",
        r"\+?(267|27|44|1)?[0-9]{6,10}",
        "[0-9]{4}[0-9][0-9]{4}",
        "[ BbW]{1,3}[0-9]{10,12}",
        "[a-zA-Z0-9.\"<>, @+-]{1,20}@[a-z0-9.\\[\\]-]{1,20}\\.[a-z]{1,4}",
        "(18|19|20)[0-9]{2}-[0-1][0-9]-[0-3][0-9]",
    ]
}

proptest! {
    #[test]
    fn what_is_accepted_keeps_its_rule(text in texts(), days in 0i64..40_000) {
        let today = day("1990-01-01") + TimeDelta::days(days);

        if let Ok(name) = PersonName::parse(&text) {
            prop_assert!((1..=150).contains(&name.0.chars().count()));
        }
        if let Ok(email) = EmailAddress::parse(&text) {
            prop_assert!(email.0 == text && text.len() <= 254 && text.is_ascii());
            let (_, domain) = text.rsplit_once('@').unwrap();
            prop_assert!(domain.contains('.') && !text.contains(['<', '>', '\n']), "{}", text);
        }
        if let Ok(phone) = PhoneNumber::parse(&text) {
            let digits = phone.0.strip_prefix('+').unwrap();
            prop_assert!((4..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()));
        }
        if let Ok(id) = NationalId::parse(&text) {
            prop_assert!(id.0.len() == 9 && id.0.bytes().all(|b| b.is_ascii_digit()));
            prop_assert!(matches!(id.0.as_bytes()[4], b'1' | b'2'));
        }
        if let Ok(number) = RegistrationNumber::parse(&text) {
            prop_assert!(number.0 == text && text.len() == 13 && text.starts_with("BW"));
            prop_assert!(text[2..].bytes().all(|b| b.is_ascii_digit()));
        }
        if let Ok(BirthDate(date)) = BirthDate::parse(&text, today) {
            prop_assert_eq!(date.format("%Y-%m-%d").to_string(), text);
            let years = today.year() - date.year();
            prop_assert!((18..=121).contains(&years));
        }
    }
}
