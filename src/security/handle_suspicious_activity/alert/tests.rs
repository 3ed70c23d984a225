//! Each known key's accepted and refused values, and what no input may do.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn details(event_data: &Value) -> Value {
    let object = serde_json::from_value(event_data.clone()).unwrap();
    json!(Details::of(&object))
}

/// What is kept of a key with this value; `None` when its name is in `ignored`.
fn kept(key: &str, value: &Value) -> Option<Value> {
    let mut details = details(&json!({ key: value }));
    match details["ignored"].take() {
        Value::Null => Some(details[key].take()),
        ignored => {
            assert_eq!(ignored, json!([key]), "{value}");
            assert_eq!(details, json!({ "ignored": null }), "{value}");
            None
        }
    }
}

fn assert_kept(key: &str, values: &[(Value, Value)]) {
    for (value, expected) in values {
        assert_eq!(kept(key, value).as_ref(), Some(expected), "{key} {value}");
    }
}

fn assert_ignored(key: &str, values: &[Value]) {
    for value in values {
        assert_eq!(kept(key, value), None, "{key} {value}");
    }
    for value in [json!(true), json!([1]), json!({"a": 1}), json!(-1.5e300)] {
        assert_eq!(kept(key, &value), None, "{key} {value}");
    }
    for steering in ["1\n2", "a\u{0}", "\u{202e}", "\u{7f}", ""] {
        assert_eq!(kept(key, &json!(steering)), None, "{key} {steering:?}");
    }
}

fn text_of(characters: usize) -> Value {
    json!("é".repeat(characters))
}

#[test]
fn the_type_is_one_of_two_texts() {
    let of = |event_data: Value| ActivityType::of(&serde_json::from_value(event_data).unwrap());

    assert_eq!(
        of(json!({"type": "multiple_failed_logins"})),
        Some(ActivityType::MultipleFailedLogins)
    );
    assert_eq!(
        of(json!({"type": "unusual_transaction_pattern", "more": 1})),
        Some(ActivityType::UnusualTransactionPattern)
    );
    for unknown in [
        json!({}),
        json!({"Type": "multiple_failed_logins"}),
        json!({"type": null}),
        json!({"type": 1}),
        json!({"type": ["multiple_failed_logins"]}),
        json!({"type": ""}),
        json!({"type": "Multiple_Failed_Logins"}),
        json!({"type": "multiple_failed_logins "}),
        json!({"type": "kyc_validated"}),
    ] {
        assert_eq!(of(unknown.clone()), None, "{unknown}");
    }
}

#[test]
fn an_ip_address_is_one_of_either_version() {
    assert_kept(
        "ip_address",
        &[
            (json!("196.45.1.2"), json!("196.45.1.2")),
            (json!("2001:0DB8::0001"), json!("2001:db8::1")),
            (json!("::ffff:1.2.3.4"), json!("::ffff:1.2.3.4")),
        ],
    );
    assert_ignored(
        "ip_address",
        &[
            json!("196.45.1"),
            json!("196.45.1.256"),
            json!("196.045.1.2"),
            json!("196.45.1.2:80"),
            json!("196.45.1.0/24"),
            json!("fe80::1%eth0"),
            json!("[::1]"),
            json!(" ::1"),
            json!("localhost"),
            json!(3_291_285_762_u32),
        ],
    );
}

#[test]
fn an_instant_has_an_offset_and_is_kept_at_utc() {
    assert_kept(
        "occurred_at",
        &[
            (json!("2026-11-23T12:35:59Z"), json!("2026-11-23T12:35:59Z")),
            (
                json!("2026-11-23T00:30:00.120+02:00"),
                json!("2026-11-22T22:30:00.120Z"),
            ),
            // As the engine and Java write it.
            (
                json!("2026-11-23T12:35:59.000+0200"),
                json!("2026-11-23T10:35:59Z"),
            ),
            (
                json!("2026-11-23T12:35:59.123456789+02:00"),
                json!("2026-11-23T10:35:59.123456789Z"),
            ),
        ],
    );
    assert_ignored(
        "occurred_at",
        &[
            json!("2026-11-23"),
            json!("2026-11-23T12:35:59"),
            json!("2026-11-23 12:35:59Z"),
            json!("2026-02-29T12:35:59Z"),
            json!("2026-11-23T24:35:59Z"),
            json!("+2026-11-23T12:35:59Z"),
            json!("12026-11-23T12:35:59Z"),
            json!("9999-12-31T23:59:59-14:00"),
            json!("2026-11-23T12:35:59.1234567890+02:00"),
            json!("yesterday"),
            json!(1_795_426_680),
        ],
    );
}

#[test]
fn attempts_are_a_small_number() {
    assert_kept(
        "attempts",
        &[
            (json!(0), json!(0)),
            (json!(7), json!(7)),
            (json!(1_000_000), json!(1_000_000)),
        ],
    );
    assert_ignored(
        "attempts",
        &[
            json!(-1),
            json!(1_000_001),
            json!(u64::MAX),
            json!(7.5),
            json!(7.0),
            json!("7"),
        ],
    );
}

#[test]
fn an_amount_is_a_plain_decimal_that_stays_exact() {
    assert_kept(
        "amount",
        &[
            (json!(1500), json!("1500")),
            (json!(1500.5), json!("1500.5")),
            (json!("1500.50"), json!("1500.50")),
            (json!(-0.05), json!("-0.05")),
            (json!("0.1234"), json!("0.1234")),
            (json!("999999999999999.9999"), json!("999999999999999.9999")),
            (json!(999_999_999_999_999_u64), json!("999999999999999")),
        ],
    );
    assert_ignored(
        "amount",
        &[
            json!("1000000000000000"),
            json!(1_000_000_000_000_000_u64),
            json!("0.12345"),
            json!(0.1 + 0.2),
            json!(1e21),
            json!("1e3"),
            json!("1,500.00"),
            json!("1_500"),
            json!("P 1500"),
            json!("+1500"),
            json!(".5"),
            json!("5."),
            json!("-"),
            json!("--5"),
            json!("1.2.3"),
            json!("NaN"),
            json!("١٥"),
        ],
    );
}

#[test]
fn a_currency_has_three_letters() {
    assert_kept(
        "currency",
        &[(json!("BWP"), json!("BWP")), (json!("zar"), json!("ZAR"))],
    );
    assert_ignored(
        "currency",
        &[
            json!("BW"),
            json!("BWPX"),
            json!("B1P"),
            json!("€uro"),
            json!("é€"),
            json!("BW "),
            json!(72),
        ],
    );
}

#[test]
fn a_transaction_s_id_is_text_of_limited_length() {
    assert_kept(
        "transaction_id",
        &[
            (json!("T"), json!("T")),
            (json!("tx/2026-11:00 42"), json!("tx/2026-11:00 42")),
            (text_of(100), text_of(100)),
        ],
    );
    assert_ignored("transaction_id", &[text_of(101), json!(42)]);
}

#[test]
fn all_keys_are_read_and_those_that_cannot_be_are_named_in_order() {
    let good = json!({
        "ip_address": "10.0.0.1",
        "occurred_at": "2026-11-23T12:35:59Z",
        "attempts": 3,
        "amount": "1.00",
        "currency": "BWP",
        "transaction_id": "T-1",
    });
    let mut event_data = good.clone();
    event_data["type"] = json!("multiple_failed_logins");
    event_data["ignored"] = json!(["attempts"]);
    event_data["user_id"] = json!("another");

    assert_eq!(details(&event_data), good);

    event_data["transaction_id"] = json!(1);
    event_data["ip_address"] = json!("home");
    event_data["attempts"] = Value::Null;
    assert_eq!(
        details(&event_data),
        json!({
            "occurred_at": "2026-11-23T12:35:59Z",
            "amount": "1.00",
            "currency": "BWP",
            "ignored": ["ip_address", "transaction_id"],
        })
    );
}

const KEYS: [&str; 6] = [
    "ip_address",
    "occurred_at",
    "attempts",
    "amount",
    "currency",
    "transaction_id",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[0-9.:-]{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(".{0,8}", inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_but_known_keys_in_known_shapes_is_kept(
        unknown in proptest::collection::btree_map("[a-z_]{0,16}", any_json(), 0..6),
        known in proptest::collection::btree_map(proptest::sample::select(&KEYS[..]), any_json(), 0..6),
    ) {
        let mut object: BTreeMap<String, Value> = unknown;
        object.retain(|key, _| !KEYS.contains(&key.as_str()));
        object.insert("canary".to_owned(), json!("CANARY"));
        object.extend(known.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));

        let details = json!(Details::of(&object));

        let kept = details.as_object().unwrap();
        let ignored: Vec<_> = kept.get("ignored").map(|list| list.as_array().unwrap().clone()).unwrap_or_default();
        for (key, value) in kept.iter().filter(|(key, _)| *key != "ignored") {
            prop_assert!(known.contains_key(key.as_str()), "{} is nobody's", key);
            prop_assert!(value.as_u64().is_some_and(|n| n <= 1_000_000) || value.as_str().is_some_and(|text| text.chars().count() <= 100));
        }
        for (key, value) in &known {
            let is_kept = kept.contains_key(*key);
            let is_ignored = ignored.contains(&json!(key));
            prop_assert_eq!(is_kept || is_ignored, !value.is_null(), "{} {}", key, value);
            prop_assert!(!(is_kept && is_ignored));
        }
        prop_assert!(ignored.iter().all(|name| KEYS.contains(&name.as_str().unwrap())));
        prop_assert!(!details.to_string().contains("CANARY"));
    }
}
