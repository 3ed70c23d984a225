//! What leaves the database about the audit log.

use std::path::{Path, PathBuf};

use clap::Args;

use super::faults::{Faults, Raw};

/// The audit log.
#[derive(Args)]
#[command(next_help_heading = "Audit log")]
pub struct AuditArgs {
    /// The file to which the checkpoints of the audit chain are appended, one JSON line each,
    /// beside the log; best on another machine's storage, and one for each replica.
    #[arg(long, env = "AUDIT_CHECKPOINT_FILE", value_name = "FILE")]
    audit_checkpoint_file: Option<Raw>,
}

/// What leaves the database about the audit log.
#[derive(Clone, Debug)]
pub struct AuditSettings {
    /// Where checkpoints are appended.
    pub checkpoint_file: Option<PathBuf>,
}

impl AuditArgs {
    pub(super) fn read(&self, faults: &mut Faults) -> Option<AuditSettings> {
        let checkpoint_file = faults.optional(
            "AUDIT_CHECKPOINT_FILE",
            &self.audit_checkpoint_file,
            "/var/lib/phantom-worker/checkpoints.jsonl",
            file_to_append_to,
        );
        Some(AuditSettings {
            checkpoint_file: checkpoint_file?,
        })
    }
}

/// A file that is there, or can come to be in a folder that is. Whether it can be written shows
/// when it is: a full or broken disk must not keep a worker from its work.
fn file_to_append_to(value: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(value.trim());
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    if path.is_dir() {
        return Err("names a folder".to_owned());
    }
    match folder.is_dir() {
        true => Ok(path),
        false => Err("names a file in a folder that is not there".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_may_still_have_to_come_but_its_folder_may_not() {
        let folder = env!("CARGO_MANIFEST_DIR");

        assert!(file_to_append_to(&format!("{folder}/no-such-file")).is_ok());
        assert!(file_to_append_to("no-such-file").is_ok());
        assert_eq!(file_to_append_to(folder), Err("names a folder".to_owned()));
        assert_eq!(
            file_to_append_to(&format!("{folder}/no-such-folder/file")),
            Err("names a file in a folder that is not there".to_owned())
        );
    }
}
