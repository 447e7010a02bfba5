//! Who this process is as a driver, and when the record last said so.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::model::record::Record;
use crate::model::record::driver::{Driver, Driving};

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

pub fn is_alive(process: u32) -> bool {
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

/// Returns this process as a driver.
#[must_use]
pub fn me(now: Timestamp) -> Driver {
    let id = format!("{:016x}", fastrand::u64(..));
    let user = ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_else(|| "unknown".to_owned());
    Driver {
        id,
        user,
        host: host(),
        process: std::process::id(),
        renewed: now,
    }
}

/// Says who drives a record, at `now` by the server.
#[must_use]
pub fn driving(record: Option<&Record>, now: Timestamp) -> Driving {
    standing(
        record.and_then(|record| record.driver.as_ref()),
        &me(now),
        now,
    )
}

/// Says how it stands with a driver that is noted, at `now` by the server.
#[must_use]
pub fn standing(noted: Option<&Driver>, me: &Driver, now: Timestamp) -> Driving {
    Driver::standing(noted, me, now, is_alive)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn a_process_that_ended_here_drives_no_more() {
        let this = me(at(0));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = child.id();
        child.wait().unwrap();
        let other = Driver {
            id: "other".to_owned(),
            process,
            ..this.clone()
        };
        assert_eq!(standing(Some(&other), &this, at(1)), Driving::Gone);
        let alive = Driver {
            process: std::process::id(),
            ..other
        };
        assert_eq!(standing(Some(&alive), &this, at(1)), Driving::Other);
    }
}

/// When the record last said that this process drives, by two clocks: the one that stands still
/// while a laptop sleeps, and the one that somebody may set.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    at: Instant,
    wall: SystemTime,
}

impl Heard {
    /// Returns now.
    #[must_use]
    pub fn now() -> Self {
        Self {
            at: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    pub fn age(&self) -> Duration {
        let wall = self.wall.elapsed().unwrap_or_default();
        self.at.elapsed().max(wall)
    }
}
