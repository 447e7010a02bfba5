//! For how much longer to look, at the present rate.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// How much longer until there can be a conclusion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Longer {
    /// About so long, if everything goes on as it does.
    About(Duration),
    /// Nothing comes in, so nobody knows.
    Unknown,
    /// At the present rates of bad events there will be none.
    Never,
}

impl Longer {
    /// Returns the longer of two.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        match (self, other) {
            (Self::About(one), Self::About(other)) => Self::About(one.max(other)),
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            _ => Self::Unknown,
        }
    }

    /// Returns the time that `missing` takes at `per_second`.
    pub fn until(missing: f64, per_second: f64) -> Self {
        if missing <= 0.0 {
            return Self::About(Duration::ZERO);
        }
        if per_second <= 0.0 {
            return Self::Unknown;
        }
        Duration::try_from_secs_f64(missing / per_second).map_or(Self::Never, Self::About)
    }
}

impl fmt::Display for Longer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::About(time) if time.as_secs() < 120 => {
                write!(f, "about {}s more", time.as_secs().max(1))
            }
            Self::About(time) if time.as_secs() < 7200 => {
                write!(f, "about {}m more", time.as_secs().div_ceil(60))
            }
            Self::About(time) => write!(f, "about {}h more", time.as_secs().div_ceil(3600)),
            Self::Unknown => f.write_str("time left unknown: no data is arriving"),
            Self::Never => f.write_str("no conclusion at the current rates"),
        }
    }
}

/// Seconds, or `null` when there is no number.
impl Serialize for Longer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::About(time) => serializer.serialize_some(&time.as_secs()),
            Self::Unknown | Self::Never => serializer.serialize_none(),
        }
    }
}
