//! The e-mail link: makes its token when the mail is sent, and checks it when the link is opened.
//!
//! A token is `base64url(verification id ‖ HMAC-SHA256(key, id ‖ user ‖ e-mail ‖ expiry))`. Neither
//! it nor a hash of it is stored anywhere: the id finds the row, and the row with the key named by
//! its `key_id` makes the same token again. So a mail sent twice carries the same link, and whoever
//! reads the database cannot make one.

use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;

/// The length of a signing key.
pub const KEY_BYTES: usize = 32;
/// The path below the base URL; the token follows.
pub const PATH: &str = "verify-email";

const ID_BYTES: usize = 16;
const MAC_BYTES: usize = 32;
const TOKEN_CHARACTERS: usize = (ID_BYTES + MAC_BYTES) / 3 * 4;

/// How links are made. It holds secrets, so it has no `Debug`.
pub struct LinkSettings {
    /// The address under which customers reach the public port (`PUBLIC_BASE_URL`).
    pub base_url: Url,
    /// The key that signs (`TOKEN_KEY`).
    pub key: SecretBox<[u8; KEY_BYTES]>,
    /// The key that signed before, for links that are still on their way (`TOKEN_KEY_PREVIOUS`).
    pub previous_key: Option<SecretBox<[u8; KEY_BYTES]>>,
}

/// The public name of a key: the first 8 hexadecimal digits of its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyId(String);

impl KeyId {
    /// The name of this key.
    pub fn of(key: &[u8; KEY_BYTES]) -> Self {
        let hash = Sha256::digest(key);
        let mut digits = String::with_capacity(8);
        for byte in hash.iter().take(4) {
            write!(digits, "{byte:02x}").expect("writing to memory cannot fail");
        }
        Self(digits)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a link proves. No `Debug`: an e-mail address is personal data.
#[derive(Clone, Copy)]
pub struct Claim<'a> {
    /// The verification, found by the link.
    pub verification_id: Uuid,
    /// The user who owns the address.
    pub user_id: Uuid,
    /// The address that the link was sent to.
    pub email: &'a str,
    /// When the link ends, to the microsecond.
    pub expires_at: DateTime<Utc>,
}

/// What stands at the end of a link. It is a secret, so it has no `Debug`.
pub struct Token {
    verification_id: Uuid,
    mac: [u8; MAC_BYTES],
}

/// A text that was never made by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no token")]
pub struct NoToken;

impl Token {
    /// Reads a token, which proves nothing yet.
    ///
    /// # Errors
    /// When the text has not the shape of one.
    pub fn parse(text: &str) -> Result<Self, NoToken> {
        if text.len() != TOKEN_CHARACTERS {
            return Err(NoToken);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NoToken)?;
        let (id, mac) = bytes.split_at_checked(ID_BYTES).ok_or(NoToken)?;
        Ok(Self {
            verification_id: Uuid::from_slice(id).map_err(|_| NoToken)?,
            mac: mac.try_into().map_err(|_| NoToken)?,
        })
    }

    /// Which verification it claims to be for.
    pub fn verification_id(&self) -> Uuid {
        self.verification_id
    }
}

/// Makes and checks links. It holds secrets, so it has no `Debug`.
pub struct Links {
    base_url: Url,
    key: Key,
    previous_key: Option<Key>,
}

struct Key {
    id: KeyId,
    secret: SecretBox<[u8; KEY_BYTES]>,
}

impl Links {
    /// Links by these settings.
    pub fn new(settings: LinkSettings) -> Self {
        Self {
            base_url: settings.base_url,
            key: Key::new(settings.key),
            previous_key: settings.previous_key.map(Key::new),
        }
    }

    /// The key that signs from now on.
    pub fn signing_key(&self) -> &KeyId {
        &self.key.id
    }

    /// The link for this claim, signed with the key of that name; `None` when we do not have it.
    pub fn make(&self, key_id: &str, claim: &Claim<'_>) -> Option<Url> {
        let mut token = claim.verification_id.as_bytes().to_vec();
        token.extend_from_slice(&self.key(key_id)?.mac(claim).finalize().into_bytes());
        let token = URL_SAFE_NO_PAD.encode(token);
        let mut link = self.base_url.clone();
        link.path_segments_mut()
            .expect("an http address has a path")
            .pop_if_empty()
            .extend([PATH, &token]);
        Some(link)
    }

    /// Whether the token was made for this claim with the key of that name. Takes the same time
    /// wherever they differ, and for a key that we do not have.
    pub fn prove(&self, token: &Token, key_id: &str, claim: &Claim<'_>) -> bool {
        let key = self.key(key_id);
        let mac = key.unwrap_or(&self.key).mac(claim);
        mac.verify_slice(&token.mac).is_ok() && key.is_some()
    }

    fn key(&self, id: &str) -> Option<&Key> {
        [Some(&self.key), self.previous_key.as_ref()]
            .into_iter()
            .flatten()
            .find(|key| key.id.as_str() == id)
    }
}

impl Key {
    fn new(secret: SecretBox<[u8; KEY_BYTES]>) -> Self {
        Self {
            id: KeyId::of(secret.expose_secret()),
            secret,
        }
    }

    /// Every part but the address has a fixed length, so no two claims give the same text.
    fn mac(&self, claim: &Claim<'_>) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose_secret())
            .expect("HMAC takes a key of any length");
        mac.update(claim.verification_id.as_bytes());
        mac.update(claim.user_id.as_bytes());
        mac.update(claim.email.as_bytes());
        mac.update(&claim.expires_at.timestamp_micros().to_be_bytes());
        mac
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn links(key: u8, previous: Option<u8>) -> Links {
        Links::new(LinkSettings {
            base_url: "https://wallets.bank.example/customers/".parse().unwrap(),
            key: SecretBox::new(Box::new([key; KEY_BYTES])),
            previous_key: previous.map(|key| SecretBox::new(Box::new([key; KEY_BYTES]))),
        })
    }

    fn claim() -> Claim<'static> {
        Claim {
            verification_id: Uuid::from_u128(1),
            user_id: Uuid::from_u128(2),
            email: "neo@mail.example",
            expires_at: DateTime::from_timestamp_micros(1_795_426_680_123_456).unwrap(),
        }
    }

    fn token_of(link: &Url) -> Token {
        Token::parse(link.path_segments().unwrap().next_back().unwrap()).unwrap()
    }

    #[test]
    fn a_link_is_the_same_each_time_and_proves_its_claim() {
        let links = links(1, None);
        let key_id = links.signing_key().as_str();

        let link = links.make(key_id, &claim()).unwrap();

        assert_eq!(link, links.make(key_id, &claim()).unwrap());
        assert!(
            link.as_str()
                .starts_with("https://wallets.bank.example/customers/verify-email/AAAA"),
            "{link}"
        );
        let token = token_of(&link);
        assert_eq!(token.verification_id(), Uuid::from_u128(1));
        assert!(links.prove(&token, key_id, &claim()));
    }

    #[test]
    fn a_link_proves_nothing_else() {
        let links = links(1, Some(2));
        let key_id = links.signing_key().as_str();
        let token = token_of(&links.make(key_id, &claim()).unwrap());

        let others = [
            Claim {
                verification_id: Uuid::from_u128(9),
                ..claim()
            },
            Claim {
                user_id: Uuid::from_u128(9),
                ..claim()
            },
            Claim {
                email: "Neo@mail.example",
                ..claim()
            },
            Claim {
                expires_at: claim().expires_at + chrono::TimeDelta::microseconds(1),
                ..claim()
            },
        ];
        for other in others {
            assert!(!links.prove(&token, key_id, &other));
        }
        assert!(!links.prove(&token, KeyId::of(&[2; KEY_BYTES]).as_str(), &claim()));
        assert!(!links.prove(&token, "00000000", &claim()));
    }

    #[test]
    fn a_key_that_was_replaced_still_proves_and_a_lost_one_makes_nothing() {
        let before = links(1, None);
        let old_key = before.signing_key().as_str();
        let token = token_of(&before.make(old_key, &claim()).unwrap());
        let (rotated, twice) = (links(2, Some(1)), links(3, Some(2)));

        assert_ne!(rotated.signing_key().as_str(), old_key);
        assert!(rotated.prove(&token, old_key, &claim()));
        // A mail that was queued before the rotation still goes out, with the link it was to have.
        assert_eq!(
            rotated.make(old_key, &claim()),
            before.make(old_key, &claim())
        );
        assert!(!twice.prove(&token, old_key, &claim()));
        assert!(twice.make(old_key, &claim()).is_none());
    }

    #[test]
    fn a_key_is_known_by_the_start_of_its_hash() {
        // printf '\x00%.0s' {1..32} | sha256sum
        assert_eq!(KeyId::of(&[0; KEY_BYTES]).to_string(), "66687aad");
    }

    proptest! {
        #[test]
        fn any_text_is_a_token_or_not_and_never_proves(text in "\\PC{0,80}|[A-Za-z0-9_-]{64}") {
            if let Ok(token) = Token::parse(&text) {
                let links = links(1, None);
                let key_id = links.signing_key().as_str();
                prop_assert!(!links.prove(&token, key_id, &claim()));
            }
        }
    }
}
