//! Which process is meant: a pid alone is not enough, the system gives it out again.

use serde::{Deserialize, Serialize};

/// A process, told apart from a later one that got the same pid.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The process id.
    pub pid: i32,
    /// When it started, in the system's own notation.
    pub started: String,
}

impl Identity {
    /// Identifies a running process; `None` when there is none, or only its exit status is left.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        started(pid).map(|started| Self { pid, started })
    }

    /// Tells whether this very process still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.matches(started(self.pid).as_deref())
    }

    fn matches(&self, started_now: Option<&str>) -> bool {
        started_now == Some(self.started.as_str())
    }
}

/// Field 22 of `/proc/PID/stat` counts from boot, so the boot is part of it.
#[cfg(target_os = "linux")]
fn started(pid: i32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    start_ticks(&stat).map(|ticks| format!("{ticks}@{}", boot.trim()))
}

/// The command's name, field 2, may itself hold blanks and parentheses.
#[cfg(any(target_os = "linux", test))]
fn start_ticks(stat: &str) -> Option<&str> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        None
    } else {
        fields.nth(18)
    }
}

#[cfg(not(target_os = "linux"))]
fn started(pid: i32) -> Option<String> {
    let output = std::process::Command::new("ps")
        .args(["-o", "state=,lstart=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (state, started) = text.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_start_is_found_behind_a_name_with_blanks_and_parentheses() {
        let rest = (4..=22)
            .map(|n| n.to_string())
            .collect::<Vec<_>>()
            .join(" ");
        assert_eq!(
            start_ticks(&format!("7 (a) b (c)) S {rest} 23")),
            Some("22")
        );
    }

    #[test]
    fn a_process_that_only_left_its_exit_status_counts_as_gone() {
        assert_eq!(
            start_ticks("7 (x) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19"),
            None
        );
    }

    #[test]
    fn a_reused_pid_is_another_process() {
        let mine = Identity::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(mine.is_alive());
        let earlier = Identity {
            started: format!("{}0", mine.started),
            ..mine
        };
        assert!(!earlier.is_alive());
    }

    #[test]
    fn an_ended_process_is_not_alive_even_before_it_was_waited_for() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let identity = Identity::of(i32::try_from(child.id()).unwrap()).unwrap();
        child.kill().unwrap();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while identity.is_alive() && std::time::Instant::now() < end {
            std::thread::yield_now();
        }
        assert!(!identity.is_alive());
        child.wait().unwrap();
    }
}
