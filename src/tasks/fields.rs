//! The rules for fields that people fill in: the same name, e-mail, phone, national id, birth date
//! and registration number in every topic.
//!
//! Each rule is a type that can only be made from text that keeps it. [`Fields`] reads them out of
//! a structured input one by one, so that every fault is found at once. The values are personal
//! data: nothing here that holds one has a `Debug`, and a [`FieldError`] holds names only.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use email_address::Options;
use phonenumber::{Mode, country};
use serde::Serialize;
use serde_json::Value;

/// A structured input, such as `request_data`: a JSON object whose keys are not ours to choose.
pub struct Fields<'a>(&'a BTreeMap<String, Value>);

/// A field that cannot be used, as the process is told: `{"field": "email", "code": "email_invalid"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's name.
    pub field: &'static str,
    /// Stable, in lower snake case.
    pub code: Cow<'static, str>,
}

/// The code of a person too young to be a customer.
pub const UNDER_AGE: &str = "under_age";

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Not there, or null.
    Missing,
    /// Not text, or text that breaks the field's rule.
    Invalid,
    /// A person too young to be a customer.
    UnderAge,
}

impl FieldError {
    /// A code that is no field's own, such as `wallet_exists`.
    pub fn new(field: &'static str, code: &'static str) -> Self {
        Self {
            field,
            code: Cow::Borrowed(code),
        }
    }

    /// A field's fault under the field's own code, such as `email_invalid`.
    pub fn of(field: &'static str, fault: Fault) -> Self {
        let code = match fault {
            Fault::Missing => Cow::Owned(format!("{field}_missing")),
            Fault::Invalid => Cow::Owned(format!("{field}_invalid")),
            Fault::UnderAge => Cow::Borrowed(UNDER_AGE),
        };
        Self { field, code }
    }
}

impl<'a> Fields<'a> {
    /// The fields of this object; keys that nobody reads are ignored.
    pub fn of(object: &'a BTreeMap<String, Value>) -> Self {
        Self(object)
    }

    /// Reads one field by its rule.
    ///
    /// # Errors
    /// The field's name and the code of what is wrong with it.
    pub fn read<T>(
        &self,
        field: &'static str,
        rule: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Result<T, FieldError> {
        self.text(field)
            .and_then(rule)
            .map_err(|fault| FieldError::of(field, fault))
    }

    fn text(&self, field: &str) -> Result<&'a str, Fault> {
        match self.0.get(field) {
            None | Some(Value::Null) => Err(Fault::Missing),
            Some(Value::String(text)) if !text.contains(is_unprintable) => Ok(text),
            Some(_) => Err(Fault::Invalid),
        }
    }
}

/// Characters that steer a terminal, a mail header or the direction of the text around them, and
/// the one that stands where the engine sent half a character.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{2028}' | '\u{2029}' // line and paragraph separator
            | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' // explicit directions
            | char::REPLACEMENT_CHARACTER)
}

/// The date in Botswana, which keeps UTC+2 all year.
pub fn today(now: DateTime<Utc>) -> NaiveDate {
    (now + TimeDelta::hours(2)).date_naive()
}

/// A given or family name, in any script.
pub struct PersonName(String);

impl PersonName {
    /// The most characters of a name.
    pub const MAX_CHARS: usize = 150;

    /// Takes 1 to [`Self::MAX_CHARS`] characters, not counting white space around them.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let name = text.trim();
        ensure((1..=Self::MAX_CHARS).contains(&name.chars().count()))?;
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One e-mail address, without a display name.
pub struct EmailAddress(String);

impl EmailAddress {
    /// RFC 5321's longest path without its angle brackets.
    pub const MAX_LEN: usize = 254;

    /// Takes an address under a public domain.
    ///
    /// ASCII only: addresses are compared by `lower()`, which knows other scripts' capitals only
    /// under some collations, and not every mail server takes others. Nor a quoted local part,
    /// which may hold spaces, commas and further addresses.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let options = Options::default()
            .with_required_tld()
            .without_display_text()
            .without_domain_literal();
        ensure(text.is_ascii() && text.len() <= Self::MAX_LEN && !text.contains('"'))?;
        let address = email_address::EmailAddress::parse_with_options(text, options)
            .map_err(|_| Fault::Invalid)?;
        Ok(Self(address.into()))
    }

    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A phone number in E.164: `+26771234567`.
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Reads every country's numbering plan now: a third of a second that the first task would
    /// otherwise wait.
    pub fn warm_up() {
        // Any number will do.
        let _ = Self::parse("71234567");
    }

    /// The most characters a number may be written in.
    pub const MAX_WRITTEN: usize = 32;

    /// Takes a number that some country's numbering plan has; one without a country code is read
    /// as Botswana's.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Fault> {
        // The parser would also find a number somewhere in a sentence, and read letters as keys.
        let written =
            |c: char| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '(' | ')' | '.');
        ensure(text.len() <= Self::MAX_WRITTEN && text.chars().all(written))?;
        ensure(text.rfind('+').is_none_or(|at| at == 0))?;
        let number = phonenumber::parse(Some(country::Id::BW), text).map_err(|_| Fault::Invalid)?;
        ensure(number.is_valid())?;
        Ok(Self(number.format().mode(Mode::E164).to_string()))
    }

    /// The number in E.164.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An Omang, Botswana's national identity number.
pub struct NationalId(String);

impl NationalId {
    /// Takes nine ASCII digits of which the fifth, the holder's sex, is 1 or 2.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let digits = text.as_bytes();
        ensure(digits.len() == 9 && digits.iter().all(u8::is_ascii_digit))?;
        ensure(matches!(digits[4], b'1' | b'2'))?;
        Ok(Self(text.to_owned()))
    }

    /// The nine digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The number under which a company is registered in Botswana.
pub struct RegistrationNumber(String);

impl RegistrationNumber {
    /// Takes `BW` and eleven ASCII digits.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let digits = text.strip_prefix("BW").ok_or(Fault::Invalid)?.as_bytes();
        ensure(digits.len() == 11 && digits.iter().all(u8::is_ascii_digit))?;
        Ok(Self(text.to_owned()))
    }

    /// The prefix and the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The youngest customer, in years.
const MIN_AGE: u32 = 18;
/// Nobody is older, in years.
const MAX_AGE: u32 = 120;

/// The birth date of somebody who may be a customer.
#[derive(Clone, Copy)]
pub struct BirthDate(NaiveDate);

impl BirthDate {
    /// Takes an ISO date of somebody aged 18 to 120 today. Who was born on a leap day is a year
    /// older on 1 March.
    ///
    /// # Errors
    /// [`Fault::UnderAge`] for a date that will be old enough, else [`Fault::Invalid`].
    pub fn parse(text: &str, today: NaiveDate) -> Result<Self, Fault> {
        // chrono reads `2000-1-1` and `+2000-01-01` too.
        ensure(text.len() == 10 && text.as_bytes()[0].is_ascii_digit())?;
        let date = text.parse::<NaiveDate>().map_err(|_| Fault::Invalid)?;
        match today.years_since(date).ok_or(Fault::Invalid)? {
            ..MIN_AGE => Err(Fault::UnderAge),
            MIN_AGE..=MAX_AGE => Ok(Self(date)),
            _ => Err(Fault::Invalid),
        }
    }

    /// The date.
    pub fn date(self) -> NaiveDate {
        self.0
    }
}

fn ensure(holds: bool) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault::Invalid) }
}

#[cfg(test)]
mod tests;
