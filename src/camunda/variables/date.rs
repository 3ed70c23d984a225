//! The engine's way to write an instant: `yyyy-MM-dd'T'HH:mm:ss.SSSZ`, nothing else.
//!
//! The engine refuses `Z`, `+00:00` and a missing fraction, and reads six digits of fraction as so
//! many milliseconds without a word, so an instant is written with exactly three and `+0000`.

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// Marks an [`EngineDate`] to our own serializer and deserializer, which know the type Date.
pub(super) const TOKEN: &str = "$phantom::EngineDate";

/// An instant that goes to the engine as type Date, and comes from it as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EngineDate(pub DateTime<Utc>);

/// Writes an instant as the engine reads it, to the millisecond.
pub(super) fn write(instant: DateTime<Utc>) -> String {
    instant.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

/// Whether [`write()`] gives a year of four digits.
pub(super) fn is_writable(instant: DateTime<Utc>) -> bool {
    (0..=9999).contains(&instant.year())
}

/// Reads an instant leniently: other offsets, `Z`, a missing fraction, zone or time (then UTC).
pub(super) fn read(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z")
        .or_else(|_| DateTime::parse_from_rfc3339(text))
        .map(|instant| instant.to_utc())
        .or_else(|_| {
            NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(|time| time.and_utc())
        })
        .or_else(|_| {
            NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .map(|day| day.and_time(NaiveTime::MIN).and_utc())
        })
        .ok()
}

impl Serialize for EngineDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(TOKEN, &write(self.0))
    }
}

impl<'de> Deserialize<'de> for EngineDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(TOKEN, EngineDateVisitor)
    }
}

struct EngineDateVisitor;

impl<'de> Visitor<'de> for EngineDateVisitor {
    type Value = EngineDate;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a Date")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<EngineDate, E> {
        read(text)
            .map(EngineDate)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Other("text"), &self))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<EngineDate, D::Error> {
        inner.deserialize_str(self)
    }
}

/// For optional instants among the engine's own fields; what cannot be read is none.
pub(crate) fn lenient<'de, D>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error>
where
    D: Deserializer<'de>,
{
    Ok(Option::<String>::deserialize(deserializer)?
        .as_deref()
        .and_then(read))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{SubsecRound, TimeZone};
    use proptest::prelude::*;

    #[test]
    fn an_instant_has_three_digits_and_a_bare_offset() {
        let instant = Utc.timestamp_opt(1_704_164_645, 123_456_789).unwrap();

        assert_eq!(write(instant), "2024-01-02T03:04:05.123+0000");
    }

    #[test]
    fn other_spellings_are_read() {
        let expected = Utc.timestamp_opt(1_704_164_645, 0).unwrap();

        for text in [
            "2024-01-02T03:04:05.000+0000",
            "2024-01-02T05:04:05.000+0200",
            "2024-01-02T05:04:05+02:00",
            "2024-01-02T03:04:05Z",
            "2024-01-02T03:04:05",
        ] {
            assert_eq!(read(text), Some(expected), "{text}");
        }
        assert!(read("2024-01-02").is_some());
        assert!(read("yesterday").is_none());
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(seconds in 0i64..253_402_300_799, nanos in 0u32..1_000_000_000) {
            let instant = Utc.timestamp_opt(seconds, nanos).unwrap();

            prop_assert_eq!(read(&write(instant)), Some(instant.trunc_subsecs(3)));
        }
    }
}
