//! Commands to paste.

/// Quotes a word for the shell where it needs it.
#[must_use]
pub fn shell_word(text: &str) -> String {
    shell_words::quote(text).into_owned()
}

/// Quotes a path for the shell where it needs it.
#[must_use]
pub fn path_word(path: &std::path::Path) -> String {
    shell_word(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word_for_the_shell() {
        assert_eq!(shell_word("alice@example.com"), "alice@example.com");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word("it's $HOME"), r"'it'\''s $HOME'");
    }
}
