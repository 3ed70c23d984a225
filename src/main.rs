//! The `phantom-worker` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    phantom_worker::cli::main()
}
