//! The `phantom-worker` binary.

fn main() {}
