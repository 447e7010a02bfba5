//! `--level`, `--version` and `--fail-on`.

use clap::ValueEnum;
use groundcrew::exit::Exit;
use psp_advise::model::level::{Level, Server, Version};
use psp_advise::model::report::Report;

/// `--level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LevelChoice {
    /// The strictest that passes.
    Auto,
    /// Everything passes.
    Privileged,
    /// Known privilege escalations do not.
    Baseline,
    /// Only hardened pods pass.
    Restricted,
}

impl LevelChoice {
    /// Returns the levels to decide by.
    #[must_use]
    pub fn levels(self) -> Vec<Level> {
        match self {
            Self::Auto => vec![Level::Baseline, Level::Restricted],
            Self::Privileged => vec![Level::Privileged],
            Self::Baseline => vec![Level::Baseline],
            Self::Restricted => vec![Level::Restricted],
        }
    }

    /// Returns what ends in exit code 3 where nothing else is given.
    #[must_use]
    pub fn fail_on(self) -> FailOn {
        match self {
            Self::Auto | Self::Privileged => FailOn::Never,
            Self::Baseline => FailOn::Baseline,
            Self::Restricted => FailOn::Restricted,
        }
    }
}

/// `--fail-on`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// A violation of baseline.
    Baseline,
    /// A violation of restricted.
    Restricted,
    /// Nothing.
    Never,
}

impl FailOn {
    /// Returns how a run ends: what was not evaluated leaves the answer open.
    #[must_use]
    pub fn exit(self, report: &Report) -> Exit {
        let found = match (self, report.violated()) {
            (Self::Never, _) | (_, None) => false,
            (Self::Restricted, Some(_)) => true,
            (Self::Baseline, Some(level)) => level == Level::Baseline,
        };
        if !report.complete {
            Exit::Incomplete
        } else if found {
            Exit::No
        } else {
            Exit::Done
        }
    }
}

/// `--version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionChoice {
    /// The server's newest, pinned.
    Server,
    /// The label `latest`.
    Latest,
    /// A given one.
    Given(u32),
    /// Every version that the server knows.
    All,
    /// None: the version of this plugin is asked for.
    Print,
}

/// Reads `--version`.
///
/// # Errors
///
/// How it is written.
pub fn version(text: &str) -> Result<VersionChoice, String> {
    match text {
        "server" => Ok(VersionChoice::Server),
        "all" => Ok(VersionChoice::All),
        "print" => Ok(VersionChoice::Print),
        _ => match text.parse() {
            Ok(Version::Latest) => Ok(VersionChoice::Latest),
            Ok(Version::Minor(minor)) => Ok(VersionChoice::Given(minor)),
            Err(_) => Err("expected server, latest, all, or a version such as v1.31".to_owned()),
        },
    }
}

impl VersionChoice {
    /// Returns the versions to decide by, the oldest first.
    #[must_use]
    pub fn versions(self, server: Server) -> Vec<Version> {
        match self {
            Self::Server | Self::Print => vec![Version::Minor(server.minor())],
            Self::Latest => vec![Version::Latest],
            Self::Given(minor) => vec![Version::Minor(minor)],
            Self::All => (0..=server.minor()).map(Version::Minor).collect(),
        }
    }
}
