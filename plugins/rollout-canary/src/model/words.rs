//! Words that follow a number.

/// Counts things: `1 pod`, `3 pods`.
#[must_use]
pub fn count(number: i32, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_is_singular() {
        let counted = [0, 1, 2].map(|number| count(number, "canary pod"));
        assert_eq!(counted, ["0 canary pods", "1 canary pod", "2 canary pods"]);
    }
}
