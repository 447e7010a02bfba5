//! A word in the place of a name that was meant as a command.

/// Words that people type when they look for a command.
const WORDS: [&str; 36] = [
    "add", "apply", "cancel", "claim", "create", "del", "delete", "describe", "edit", "extend",
    "get", "help", "info", "list", "logs", "ls", "me", "new", "options", "pause", "ps", "register",
    "remove", "renew", "revoke", "rm", "rollback", "run", "set", "show", "start", "status", "stop",
    "users", "version", "whoami",
];

/// Says whether a word in the place of a name is taken for a command that was meant: one that
/// people look for, or one that is a slip of the finger away from a command that there is.
///
/// Returns the nearest command, if one is near.
pub(crate) fn guessed<'a>(
    typed: &str,
    commands: impl Iterator<Item = &'a str>,
) -> Option<Option<&'a str>> {
    let typed = typed.to_lowercase();
    let near = commands
        .map(|command| (strsim::damerau_levenshtein(&typed, command), command))
        .min();
    match near {
        // A short word is near to everything: `al` is not `all`.
        Some((distance, command)) if distance <= 1 && typed.chars().count() > 2 => {
            Some(Some(command))
        }
        _ if WORDS.contains(&typed.as_str()) => Some(
            near.filter(|(distance, _)| *distance <= 2)
                .map(|(_, command)| command),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMANDS: [&str; 5] = ["list", "offboard", "renew", "status", "help"];

    #[test]
    fn a_word_that_people_try_is_a_command_that_was_meant() {
        for (typed, near) in [
            ("help", Some("help")),
            ("ls", Some("list")),
            ("lst", Some("list")),
            ("Lits", Some("list")),
            ("statsu", Some("status")),
            ("whoami", None),
            ("delete", None),
        ] {
            assert_eq!(guessed(typed, COMMANDS.into_iter()), Some(near), "{typed}");
        }
        for typed in ["alice", "lena", "al", "bob@example.com", "status-page"] {
            assert_eq!(guessed(typed, COMMANDS.into_iter()), None, "{typed}");
        }
    }
}
