//! Exit codes: one contract for every plugin.
//!
//! On Windows `kubectl` itself turns every failure of a plugin into code 1; call the binary
//! directly where a script needs to tell these apart.

use std::process::ExitCode;

/// How a run ended, as the shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or the answer is yes.
    Done = 0,
    /// Failed: the server, the configuration or the credentials refused.
    Failed = 1,
    /// Wrong usage; nothing was done.
    Usage = 2,
    /// Finished, and the answer is no: findings, denied, rolled back.
    No = 3,
    /// Incomplete or undecided: not everything could be seen, so nothing is claimed.
    Incomplete = 4,
    /// Somebody else holds the object or changed it.
    Conflict = 5,
    /// Timed out waiting; the state is safe.
    TimedOut = 124,
    /// Interrupted; the state is safe.
    Interrupted = 130,
}

impl Exit {
    /// Every code, in numeric order, for the documentation and its test.
    pub const ALL: [Self; 8] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::No,
        Self::Incomplete,
        Self::Conflict,
        Self::TimedOut,
        Self::Interrupted,
    ];

    /// Returns the number that the process exits with.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Returns the meaning in the words of the manual.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done, or the answer is yes",
            Self::Failed => "failed",
            Self::Usage => "usage error, nothing was done",
            Self::No => "finished, and the answer is no (findings, denied, rolled back)",
            Self::Incomplete => "incomplete or undecided: not everything could be seen",
            Self::Conflict => "conflict: someone else holds or changed it",
            Self::TimedOut => "timed out waiting, the state is safe",
            Self::Interrupted => "interrupted, the state is safe",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_is_what_the_documentation_says() {
        let table: String = Exit::ALL
            .iter()
            .map(|exit| format!("{} {}\n", exit.code(), exit.meaning()))
            .collect();
        insta::assert_snapshot!(table, @r"
        0 done, or the answer is yes
        1 failed
        2 usage error, nothing was done
        3 finished, and the answer is no (findings, denied, rolled back)
        4 incomplete or undecided: not everything could be seen
        5 conflict: someone else holds or changed it
        124 timed out waiting, the state is safe
        130 interrupted, the state is safe
        ");
    }
}
