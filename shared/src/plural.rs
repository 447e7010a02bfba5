//! Counts in sentences.

use std::fmt::Display;

/// Returns `1 binding` or `3 bindings`; the plural of the noun ends in `s`.
#[must_use]
pub fn count<N: PartialEq + From<u8> + Display>(number: N, noun: &str) -> String {
    let end = plural(number == N::from(1), "", "s");
    format!("{number} {noun}{end}")
}

/// Returns `single` for one thing, else `many`.
#[must_use]
pub fn plural<'w>(is_one: bool, single: &'w str, many: &'w str) -> &'w str {
    if is_one { single } else { many }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_every_other_number_is_not() {
        assert_eq!(count(1_i32, "pod"), "1 pod");
        assert_eq!(count(0_usize, "pod"), "0 pods");
        assert_eq!(count(2_u64, "pod"), "2 pods");
        assert_eq!(plural(true, "container", "containers"), "container");
    }
}
