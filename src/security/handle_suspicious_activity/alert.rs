//! What the monitoring may tell with an alert: its type, and known keys by a rule each.
//!
//! `event_data` is not ours: keys that nobody knows are not looked at, and a known key that breaks
//! its rule is left out, so that an alert is never lost for a detail. Of such a key only the name
//! is kept, in `ignored`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;

use crate::tasks::fields::{Fault, Fields};

/// What happened, of what this system knows a measure for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ActivityType {
    /// `multiple_failed_logins`
    MultipleFailedLogins,
    /// `unusual_transaction_pattern`
    UnusualTransactionPattern,
}

impl ActivityType {
    /// The type that the alert names; `None` when it names none that is known.
    pub(super) fn of(event_data: &BTreeMap<String, Value>) -> Option<Self> {
        match event_data.get("type")?.as_str()? {
            "multiple_failed_logins" => Some(Self::MultipleFailedLogins),
            "unusual_transaction_pattern" => Some(Self::UnusualTransactionPattern),
            _ => None,
        }
    }
}

/// The known keys of an alert. No `Debug`: a network address and what somebody pays are personal.
#[derive(Serialize)]
pub(super) struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
    /// The names of known keys that broke their rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ignored: Vec<&'static str>,
}

impl Details {
    /// Reads the known keys. One that is null is as good as not there.
    pub(super) fn of(event_data: &BTreeMap<String, Value>) -> Self {
        let mut reader = Reader {
            event_data,
            ignored: Vec::new(),
        };
        Self {
            ip_address: reader.text("ip_address", |text| text.parse().ok()),
            occurred_at: reader.text("occurred_at", instant),
            attempts: reader.value("attempts", attempts),
            amount: reader.value("amount", amount),
            currency: reader.text("currency", currency),
            transaction_id: reader.text("transaction_id", transaction_id),
            ignored: reader.ignored,
        }
    }
}

/// Reads keys one by one and notes those that cannot be read.
struct Reader<'a> {
    event_data: &'a BTreeMap<String, Value>,
    ignored: Vec<&'static str>,
}

impl Reader<'_> {
    fn value<T>(&mut self, key: &'static str, rule: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.event_data.get(key).filter(|value| !value.is_null())?;
        let read = rule(value);
        if read.is_none() {
            self.ignored.push(key);
        }
        read
    }

    /// Text without anything that steers what is around it.
    fn text<T>(&mut self, key: &'static str, rule: impl Fn(&str) -> Option<T>) -> Option<T> {
        let fields = Fields::of(self.event_data);
        let rule = |text: &str| rule(text).ok_or(Fault::Invalid);
        self.value(key, |_| fields.read(key, rule).ok())
    }
}

/// The longest spelling of an instant: nine digits of fraction and an offset.
const MAX_INSTANT: usize = "2026-11-23T12:35:59.123456789+02:00".len();

/// An ISO 8601 instant with its offset, also in the engine's spelling `+0200`; kept at UTC.
fn instant(text: &str) -> Option<String> {
    let is_iso = text.len() <= MAX_INSTANT
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text.as_bytes().get(10) == Some(&b'T');
    let instant = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    let instant = instant.ok().filter(|_| is_iso)?.with_timezone(&Utc);
    (0..=9999)
        .contains(&instant.year())
        .then(|| instant.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// More attempts than anybody counts.
const MAX_ATTEMPTS: u32 = 1_000_000;

fn attempts(value: &Value) -> Option<u32> {
    let attempts = u32::try_from(value.as_u64()?).ok()?;
    (attempts <= MAX_ATTEMPTS).then_some(attempts)
}

/// The most digits of an amount before its point, more than anybody pays, and behind it, as many as a
/// currency has at most.
const AMOUNT_DIGITS: (usize, usize) = (15, 4);

/// A plain decimal, as a number or as text; kept as text, for a JSON number would become a float.
fn amount(value: &Value) -> Option<String> {
    let written = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    let (whole, fraction) = match written.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (&*written, None),
    };
    let are_digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_plain = are_digits(whole.strip_prefix('-').unwrap_or(whole), AMOUNT_DIGITS.0)
        && fraction.is_none_or(|digits| are_digits(digits, AMOUNT_DIGITS.1));
    let amount = is_plain.then(|| Decimal::from_str_exact(&written))?.ok()?;
    Some(amount.to_string())
}

/// Three letters; ISO 4217 writes them large.
fn currency(text: &str) -> Option<String> {
    let is_code = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_code.then(|| text.to_ascii_uppercase())
}

/// The most characters of a transaction's id.
const MAX_TRANSACTION_ID: usize = 100;

fn transaction_id(text: &str) -> Option<String> {
    (1..=MAX_TRANSACTION_ID)
        .contains(&text.chars().count())
        .then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
