//! Numbers with their nouns, as people read them.

/// `1 line`, `2 lines`.
pub(super) fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}
