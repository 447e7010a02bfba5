//! One thing that was tried, and how it came out.

use std::fmt;

use groundcrew::exit::Exit;

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub name: String,
    verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed(String),
    Undecided(String),
}

impl Check {
    /// Returns a check that was made; `failure` says what is not as it should be.
    #[must_use]
    pub fn new(name: impl Into<String>, failure: Option<String>) -> Self {
        let verdict = failure.map_or(Verdict::Passed, Verdict::Failed);
        Self {
            name: name.into(),
            verdict,
        }
    }

    /// Returns a check that could not be made, and why.
    #[must_use]
    pub fn undecided(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            verdict: Verdict::Undecided(why.into()),
        }
    }

    /// Returns a check that failed, and why.
    #[must_use]
    pub fn failed(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(name, Some(why.into()))
    }

    /// Returns what was checked.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the word for how it ended, and why it did not end well.
    #[must_use]
    pub fn result(&self) -> (&'static str, Option<&str>) {
        match &self.verdict {
            Verdict::Passed => ("ok", None),
            Verdict::Failed(why) => ("no", Some(why)),
            Verdict::Undecided(why) => ("unknown", Some(why)),
        }
    }

    /// Returns why it could not be made, if it could not.
    #[must_use]
    pub fn undecided_because(&self) -> Option<&str> {
        match &self.verdict {
            Verdict::Undecided(why) => Some(why),
            Verdict::Passed | Verdict::Failed(_) => None,
        }
    }

    /// Returns whether it is as it should be.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::Passed
    }

    /// Returns how a run with these checks ends: any that failed is a no, any that could not be
    /// made leaves the answer open.
    #[must_use]
    pub fn exit(checks: &[Self]) -> Exit {
        let any = |is: fn(&Verdict) -> bool| checks.iter().any(|check| is(&check.verdict));
        if any(|verdict| matches!(verdict, Verdict::Failed(_))) {
            Exit::No
        } else if any(|verdict| matches!(verdict, Verdict::Undecided(_))) {
            Exit::Incomplete
        } else {
            Exit::Done
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.verdict {
            Verdict::Passed => write!(f, "{name}: as expected"),
            Verdict::Failed(why) => write!(f, "{name}: {why}"),
            Verdict::Undecided(why) => write!(f, "{name}: not tried: {why}"),
        }
    }
}
