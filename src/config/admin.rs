//! Who may change something in a worker that is at work.

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::faults::{Faults, Raw, RawSecret};

/// Who may change something.
#[derive(Args)]
#[command(next_help_heading = "Administration")]
pub struct AdminArgs {
    /// What a caller of `PUT /log-level` has to know, 32 characters or more (`openssl rand -hex 32`
    /// makes some). Without it nobody can change anything.
    #[arg(
        long,
        env = "ADMIN_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    admin_token: Option<Raw>,
    /// The file that holds the token instead.
    #[arg(
        long,
        env = "ADMIN_TOKEN_FILE",
        value_name = "FILE",
        hide_env_values = true
    )]
    admin_token_file: Option<Raw>,
}

/// Fewer can be guessed.
const LEAST_CHARACTERS: usize = 32;

impl AdminArgs {
    pub(super) fn read(&self, faults: &mut Faults) -> Option<Option<SecretString>> {
        let token = RawSecret {
            value: &self.admin_token,
            file: &self.admin_token_file,
        };
        let example = "the output of `openssl rand -hex 32`";
        faults.optional_secret("ADMIN_TOKEN", token, example, token_of)
    }
}

fn token_of(text: SecretString) -> Result<SecretString, String> {
    let token = text.expose_secret().trim();
    let is_header = token.bytes().all(|byte| byte.is_ascii_graphic());
    match is_header && token.len() >= LEAST_CHARACTERS {
        true => Ok(token.into()),
        false => Err(format!(
            "is not {LEAST_CHARACTERS} or more visible ASCII characters"
        )),
    }
}
