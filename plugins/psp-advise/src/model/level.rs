//! Levels, policy versions and server versions.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The newest minor version whose standards are known here.
pub const NEWEST: u32 = 37;
/// The oldest server whose decisions are known here: the first with the wording of today.
pub const OLDEST_SERVER: u32 = 23;

/// A level of the standards, from the widest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Level {
    /// Everything is allowed.
    #[default]
    Privileged,
    /// Known privilege escalations are not.
    Baseline,
    /// Only hardened pods are.
    Restricted,
}

impl Level {
    /// Every level, from the widest to the strictest.
    pub const ALL: [Self; 3] = [Self::Privileged, Self::Baseline, Self::Restricted];

    /// Returns the word of the labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = &'static str;

    /// Reads as `ParseLevel` of `api/helpers.go` does, with its words.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or("must be one of privileged, baseline, restricted")
    }
}

/// A version of the standards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Version {
    /// `v1.N`.
    Minor(u32),
    /// The newest that the server knows.
    #[default]
    Latest,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Minor(minor) => write!(f, "v1.{minor}"),
            Self::Latest => f.write_str("latest"),
        }
    }
}

impl FromStr for Version {
    type Err = &'static str;

    /// Reads as `ParseVersion` of `api/helpers.go` does, with its words.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "must be \"latest\" or \"v1.x\"";
        if text == "latest" {
            return Ok(Self::Latest);
        }
        let digits = text.strip_prefix("v1.").ok_or(WRONG)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit())
            && (digits.len() == 1 || !digits.starts_with('0'));
        if !plain {
            return Err(WRONG);
        }
        digits.parse().map(Self::Minor).map_err(|_| WRONG)
    }
}

/// A level at a version, printed as `restricted:v1.30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LevelVersion {
    /// Level.
    pub level: Level,
    /// Version.
    pub version: Version,
}

impl LevelVersion {
    /// Returns a level at a version.
    #[must_use]
    pub const fn new(level: Level, version: Version) -> Self {
        Self { level, version }
    }
}

impl fmt::Display for LevelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.level, self.version)
    }
}

/// The API server that decides: the same label means different things to different servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Server(u32);

impl Server {
    /// Returns the server of a minor version; `None` before [`OLDEST_SERVER`]. One that is newer
    /// than [`NEWEST`] is taken, and decides as the newest that is known.
    #[must_use]
    pub const fn new(minor: u32) -> Option<Self> {
        if minor < OLDEST_SERVER {
            None
        } else {
            Some(Self(minor))
        }
    }

    /// Returns its minor version.
    #[must_use]
    pub const fn minor(self) -> u32 {
        self.0
    }

    /// Returns whether its standards are known here.
    #[must_use]
    pub const fn is_known(self) -> bool {
        self.0 <= NEWEST
    }

    /// Returns the minor version of the standards that it applies for a policy version: one that
    /// is newer than the server means the server's newest.
    #[must_use]
    pub fn applied(self, version: Version) -> u32 {
        match version {
            Version::Minor(minor) => minor.min(self.0),
            Version::Latest => self.0,
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self(NEWEST)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v1.{}", self.0)
    }
}

macro_rules! serialize_as_text {
    ($($name:ty),*) => {
        $(impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        })*
    };
}
serialize_as_text!(Level, Version, LevelVersion, Server);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_latest_or_v1_and_a_number_without_leading_zeros() {
        for (text, version) in [
            ("latest", Version::Latest),
            ("v1.0", Version::Minor(0)),
            ("v1.99", Version::Minor(99)),
        ] {
            assert_eq!(text.parse(), Ok(version));
            assert_eq!(version.to_string(), text);
        }
        for text in [
            "",
            "1.31",
            "v1.",
            "v1.031",
            "v1.31.2",
            "v2.0",
            "v1.+1",
            "v1.99999999999",
        ] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_policy_newer_than_the_server_is_the_servers_newest() {
        let server = Server::new(30).unwrap();
        assert_eq!(server.applied(Version::Minor(99)), 30);
        assert_eq!(server.applied(Version::Latest), 30);
        assert_eq!(server.applied(Version::Minor(8)), 8);
    }
}
