//! A wallet's public number: short enough to be read out over the phone, and not to be guessed.

use std::fmt;

use rand::TryRng;
use rand::rngs::{SysError, SysRng};
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error as _, Unexpected};

/// `W` and ten characters of Crockford's base 32, which has no I, L, O and U.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct WalletNumber(String);

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHARS: u32 = 10;
const BITS_PER_CHAR: u32 = 5;

impl WalletNumber {
    /// Draws a number from the operating system's generator.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn draw() -> Result<Self, SysError> {
        SysRng.try_next_u64().map(Self::from_bits)
    }

    /// Spells the low 50 bits.
    pub(super) fn from_bits(bits: u64) -> Self {
        let chars = (0..CHARS).rev().map(|place| {
            let index = (bits >> (place * BITS_PER_CHAR)) & 31;
            char::from(ALPHABET[index as usize])
        });
        Self(std::iter::once('W').chain(chars).collect())
    }

    /// The number.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is no wallet number.
#[derive(Debug, thiserror::Error)]
#[error("not W and ten characters of Crockford's base 32")]
pub struct NoWalletNumber;

impl TryFrom<String> for WalletNumber {
    type Error = NoWalletNumber;

    fn try_from(text: String) -> Result<Self, NoWalletNumber> {
        match text.as_bytes() {
            [b'W', chars @ ..]
                if chars.len() == CHARS as usize && chars.iter().all(|c| ALPHABET.contains(c)) =>
            {
                Ok(Self(text))
            }
            _ => Err(NoWalletNumber),
        }
    }
}

impl<'de> Deserialize<'de> for WalletNumber {
    /// Says what was expected, which serde's own way by [`TryFrom`] does not.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = &"a wallet number";
        Self::try_from(String::deserialize(deserializer)?)
            .map_err(|NoWalletNumber| D::Error::invalid_value(Unexpected::Other("text"), expected))
    }
}

impl From<WalletNumber> for String {
    fn from(number: WalletNumber) -> Self {
        number.0
    }
}

impl fmt::Display for WalletNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bits_are_spelled_from_the_highest_down() {
        assert_eq!(WalletNumber::from_bits(0).as_str(), "W0000000000");
        assert_eq!(WalletNumber::from_bits(31).as_str(), "W000000000Z");
        assert_eq!(WalletNumber::from_bits(u64::MAX).as_str(), "WZZZZZZZZZZ");
        assert_eq!(WalletNumber::from_bits(1 << 45).as_str(), "W1000000000");
    }

    #[test]
    fn two_draws_differ() {
        assert_ne!(WalletNumber::draw().unwrap(), WalletNumber::draw().unwrap());
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "W",
            "W000000000",
            "W00000000000",
            "w0000000000",
            "W000000000I",
            "X0000000000",
        ] {
            assert!(WalletNumber::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_was_drawn_is_read_back(bits: u64) {
            let number = WalletNumber::from_bits(bits);

            let read = WalletNumber::try_from(number.as_str().to_owned());

            prop_assert_eq!(read.ok(), Some(number));
        }
    }
}
