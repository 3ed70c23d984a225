//! How a command ends, and with which exit code.

use std::process::ExitCode;

use super::terminal::complain;
use crate::config::Faults;

/// What a command comes to.
pub(super) type Outcome = Result<(), Failure>;

/// Why a command did not do what it was asked to.
pub(super) enum Failure {
    /// The settings are wrong; nothing was begun.
    Settings(Faults),
    /// The command line asks for something that makes no sense; nothing was begun.
    Usage(anyhow::Error),
    /// Something went wrong on the way.
    Failed(anyhow::Error),
    /// It was all told already.
    Told,
    /// It was all told already, and settings are among it.
    ToldSettings,
}

/// As `sysexits.h` has them, where it has one.
pub(super) const USAGE: u8 = 64;
pub(super) const SOFTWARE: u8 = 70;
pub(super) const SETTINGS: u8 = 78;
const FAILED: u8 = 1;

impl Failure {
    /// Tells what is wrong, and gives the code to leave with.
    pub(super) fn report(self) -> ExitCode {
        match self {
            Self::Settings(faults) => {
                complain(&faults);
                complain(format_args!(
                    "phantom-worker: {}; nothing was done",
                    count(faults.len())
                ));
                ExitCode::from(SETTINGS)
            }
            Self::Usage(error) => {
                complain(format_args!("phantom-worker: {error:#}"));
                ExitCode::from(USAGE)
            }
            Self::Failed(error) => {
                complain(format_args!("phantom-worker: {error:#}"));
                ExitCode::from(FAILED)
            }
            Self::Told => ExitCode::from(FAILED),
            Self::ToldSettings => ExitCode::from(SETTINGS),
        }
    }
}

fn count(faults: usize) -> String {
    match faults {
        1 => "1 setting is wrong".to_owned(),
        faults => format!("{faults} settings are wrong"),
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::Settings(faults)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
