//! Who drives a canary, and for how long that is believed.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How long a driver that says nothing is believed to be alive.
pub const LEASE: Duration = Duration::from_secs(15);
/// How long a driver believes itself, which is shorter: others count in whole seconds of the server's
/// clock, and what is sent takes time to arrive.
pub const SURE: Duration = Duration::from_secs(11);
/// How often a driver says so.
pub const RENEW: Duration = Duration::from_secs(5);

/// Who drives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Driver {
    /// Names one process.
    pub id: String,
    /// The user, as the server knows it or as the system does.
    pub user: String,
    /// The machine, and the process there.
    pub host: String,
    /// The process.
    pub process: u32,
    /// When it last said that it is alive, by the server.
    pub renewed: Timestamp,
}

/// What is known of who drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driving {
    /// Nobody.
    Nobody,
    /// This process.
    Me,
    /// Somebody who is alive, as far as can be told.
    Other,
    /// Somebody who is not there any more, or has been silent for too long.
    Gone,
}

impl Driver {
    /// Returns this process as a driver.
    #[must_use]
    pub fn me(now: Timestamp) -> Self {
        let id = format!("{:016x}", fastrand::u64(..));
        let user = ["USER", "LOGNAME", "USERNAME"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok())
            .unwrap_or_else(|| "unknown".to_owned());
        Self {
            id,
            user,
            host: host(),
            process: std::process::id(),
            renewed: now,
        }
    }

    /// Says how it stands with a driver that is noted, at `now` by the server.
    #[must_use]
    pub fn standing(noted: Option<&Self>, me: &Self, now: Timestamp) -> Driving {
        let Some(noted) = noted else {
            return Driving::Nobody;
        };
        if noted.id == me.id {
            return Driving::Me;
        }
        let silent = now.duration_since(noted.renewed);
        if silent.unsigned_abs() >= LEASE && silent.is_positive() {
            return Driving::Gone;
        }
        // On the same machine a process that has ended can be told at once.
        if noted.host == me.host && !is_alive(noted.process) {
            Driving::Gone
        } else {
            Driving::Other
        }
    }
}

impl std::fmt::Display for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = self.host.split('#').next().unwrap_or_default();
        write!(f, "{} on {host}, process {}", self.user, self.process)
    }
}

/// Returns the machine with its process namespace: process numbers mean something only there.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_else(|| format!("{:08x}", fastrand::u32(..)));
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = std::fs::read_link("/proc/self/ns/pid")
        .map(|link| link.display().to_string())
        .unwrap_or_default();
    format!("{name}#{}{space}", boot.trim())
}

fn is_alive(process: u32) -> bool {
    #[cfg(unix)]
    {
        let id = i32::try_from(process)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        // Only "no such process" says that it has gone; anything else leaves it to the lease.
        id.is_none_or(|id| rustix::process::test_kill_process(id) != Err(rustix::io::Errno::SRCH))
    }
    #[cfg(not(unix))]
    {
        let _ = process;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn a_driver_is_believed_until_its_lease_is_over() {
        let me = Driver::me(at(0));
        let other = Driver {
            id: "other".to_owned(),
            host: "elsewhere".to_owned(),
            ..me.clone()
        };
        let standing = |noted, second| Driver::standing(noted, &me, at(second));
        assert_eq!(standing(None, 0), Driving::Nobody);
        assert_eq!(standing(Some(&me), 99), Driving::Me);
        assert_eq!(standing(Some(&other), 14), Driving::Other);
        assert_eq!(standing(Some(&other), 15), Driving::Gone);
        assert_eq!(standing(Some(&other), -99), Driving::Other);
    }

    #[test]
    fn a_process_that_ended_here_drives_no_more() {
        let me = Driver::me(at(0));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = child.id();
        child.wait().unwrap();
        let other = Driver {
            id: "other".to_owned(),
            process,
            ..me.clone()
        };
        assert_eq!(Driver::standing(Some(&other), &me, at(1)), Driving::Gone);
        let alive = Driver {
            process: std::process::id(),
            ..other
        };
        assert_eq!(Driver::standing(Some(&alive), &me, at(1)), Driving::Other);
    }
}
