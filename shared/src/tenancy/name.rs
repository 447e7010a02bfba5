//! Names of namespaces.

/// Longest name of a namespace (RFC 1123 label), in bytes.
pub const MAX_LABEL: usize = 63;

/// Says whether `text` can name a namespace (RFC 1123 label).
#[must_use]
pub fn is_label(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty()
        && text.len() <= MAX_LABEL
        && text.chars().all(inside)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Returns the readable part of any text as a piece of a label, at most `longest` bytes; empty
/// when nothing of it can be in a label. Different texts may become the same.
#[must_use]
pub fn slug(text: &str, longest: usize) -> String {
    let mut slug = String::new();
    for character in text.to_lowercase().chars() {
        if character.is_ascii_alphanumeric() {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == longest {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_what_the_api_server_takes() {
        let long = "a".repeat(64);
        for good in ["a", "a-1", "0", &long[..63]] {
            assert!(is_label(good), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "a_b", "ä", &long] {
            assert!(!is_label(bad), "{bad}");
        }
    }

    #[test]
    fn a_slug_is_readable_and_never_ends_in_a_dash() {
        assert_eq!(slug("Ana.María@example.com", 20), "ana-mar-a-example-co");
        assert_eq!(slug("a b c", 4), "a-b");
        assert_eq!(slug("山田", 9), "");
        assert_eq!(slug("--x", 9), "x");
    }
}
