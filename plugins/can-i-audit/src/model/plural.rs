//! Counts in sentences.

/// Returns `1 binding` or `3 bindings`.
#[must_use]
pub fn count<N: PartialEq + From<u8> + std::fmt::Display>(number: N, noun: &str) -> String {
    let end = if number == N::from(1) { "" } else { "s" };
    format!("{number} {noun}{end}")
}
