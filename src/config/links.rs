//! The addresses that customers get in their mails, and the key that signs them.

use clap::Args;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use url::Url;

use super::faults::{Faults, Raw, RawSecret};
use super::parse;
use crate::links::{KEY_BYTES, LinkSettings};

/// How links are made.
#[derive(Args)]
#[command(next_help_heading = "Links in mails")]
pub struct LinkArgs {
    /// Required: the address under which customers reach the public port.
    #[arg(long, env = "PUBLIC_BASE_URL", value_name = "URL")]
    public_base_url: Option<Raw>,
    /// Required, here or in its file: the key that signs the links, 64 hexadecimal digits
    /// (`openssl rand -hex 32` makes one).
    #[arg(long, env = "TOKEN_KEY", value_name = "KEY", hide_env_values = true)]
    token_key: Option<Raw>,
    /// The file that holds the key instead.
    #[arg(
        long,
        env = "TOKEN_KEY_FILE",
        value_name = "FILE",
        hide_env_values = true
    )]
    token_key_file: Option<Raw>,
    /// The key that signed before: links made with it are still taken, no new ones are made.
    #[arg(
        long,
        env = "TOKEN_KEY_PREVIOUS",
        value_name = "KEY",
        hide_env_values = true
    )]
    token_key_previous: Option<Raw>,
    /// The file that holds the previous key instead.
    #[arg(
        long,
        env = "TOKEN_KEY_PREVIOUS_FILE",
        value_name = "FILE",
        hide_env_values = true
    )]
    token_key_previous_file: Option<Raw>,
}

impl LinkArgs {
    pub(super) fn read(&self, faults: &mut Faults) -> Option<LinkSettings> {
        let base_url = faults.required(
            "PUBLIC_BASE_URL",
            &self.public_base_url,
            "https://wallets.bank.example",
            public_url,
        );
        let key = RawSecret {
            value: &self.token_key,
            file: &self.token_key_file,
        };
        let example = "the output of `openssl rand -hex 32`";
        let key = faults.required_secret("TOKEN_KEY", key, example, key_bytes);
        let previous_key = RawSecret {
            value: &self.token_key_previous,
            file: &self.token_key_previous_file,
        };
        let example = "the TOKEN_KEY of before";
        let previous_key =
            faults.optional_secret("TOKEN_KEY_PREVIOUS", previous_key, example, key_bytes);
        Some(LinkSettings {
            base_url: base_url?,
            key: key?,
            previous_key: previous_key?,
        })
    }
}

fn public_url(text: &str) -> Result<Url, String> {
    let url = parse::http_url(text)?;
    if parse::leaves_machine_unencrypted(&url) {
        return Err("is plain http, which carries links that must stay secret".to_owned());
    }
    Ok(url)
}

fn key_bytes(digits: SecretString) -> Result<SecretBox<[u8; KEY_BYTES]>, String> {
    let digits = digits.expose_secret().trim();
    if digits.len() != 2 * KEY_BYTES || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err("is not 64 hexadecimal digits".to_owned());
    }
    Ok(SecretBox::init_with_mut(|key: &mut [u8; KEY_BYTES]| {
        for (byte, pair) in key.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            *byte = (digit(pair[0]) << 4) | digit(pair[1]);
        }
    }))
}

fn digit(character: u8) -> u8 {
    match character {
        b'0'..=b'9' => character - b'0',
        _ => (character | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_64_hexadecimal_digits() {
        let read = |digits: &str| key_bytes(digits.to_owned().into());

        let key = read(&format!("00fFa5{}", "1".repeat(58))).ok().unwrap();

        assert_eq!(key.expose_secret()[..4], [0x00, 0xff, 0xa5, 0x11]);
        for digits in [
            "",
            &"a".repeat(63),
            &"a".repeat(65),
            &"g".repeat(64),
            &"é".repeat(32),
        ] {
            let problem = read(digits).err().unwrap();
            assert_eq!(problem, "is not 64 hexadecimal digits");
        }
    }

    #[test]
    fn links_are_encrypted_beyond_this_machine() {
        assert!(public_url("http://127.0.0.1:8088").is_ok());
        assert!(public_url("https://wallets.bank.example").is_ok());
        assert!(public_url("http://wallets.bank.example").is_err());
    }
}
