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
    /// Says how it stands with a driver that is noted, at `now` by the server.
    #[must_use]
    pub fn standing(
        noted: Option<&Self>,
        me: &Self,
        now: Timestamp,
        is_alive: impl Fn(u32) -> bool,
    ) -> Driving {
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

#[cfg(test)]
mod tests {

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn a_driver_is_believed_until_its_lease_is_over() {
        let me = Driver {
            id: "me".to_owned(),
            user: "jan".to_owned(),
            host: "here".to_owned(),
            process: 1,
            renewed: at(0),
        };
        let other = Driver {
            id: "other".to_owned(),
            host: "elsewhere".to_owned(),
            ..me.clone()
        };
        let standing = |noted, second| Driver::standing(noted, &me, at(second), |_| true);
        assert_eq!(standing(None, 0), Driving::Nobody);
        assert_eq!(standing(Some(&me), 99), Driving::Me);
        assert_eq!(standing(Some(&other), 14), Driving::Other);
        assert_eq!(standing(Some(&other), 15), Driving::Gone);
        assert_eq!(standing(Some(&other), -99), Driving::Other);
    }
}
