//! What is asked for, resolved.

use clap::ValueEnum;
use psp_advise::standards::config::Config;
use psp_advise::standards::{Level, Server, Version};
use psp_advise::workload::TemplatePath;

use crate::format::OutputArgs;

/// Everything that a scan depends on.
#[derive(Debug)]
pub struct Options {
    /// Levels to decide by.
    pub levels: Vec<Level>,
    /// Versions to decide by; the last one is that of the overview.
    pub versions: Vec<Version>,
    /// The server that decides.
    pub server: Server,
    /// The API server's own defaults and exemptions.
    pub config: Config,
    /// What ends in exit code 3.
    pub fail_on: FailOn,
    /// Whether objects that pass are listed too.
    pub every_decision: bool,
    /// Namespaces; none is all.
    pub namespaces: Vec<String>,
    /// Label selector.
    pub selector: Option<String>,
    /// Where custom kinds keep their pod.
    pub custom: Vec<TemplatePath>,
    /// How the answer looks.
    pub output: OutputArgs,
}

/// `--level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LevelChoice {
    /// The tightest that passes.
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

    /// Returns what ends in exit code 3 where nothing else is stated.
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

/// `--version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionChoice {
    /// The server's newest, pinned.
    Server,
    /// The label `latest`.
    Latest,
    /// A stated one.
    Stated(u32),
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
            Ok(Version::Minor(minor)) => Ok(VersionChoice::Stated(minor)),
            Err(_) => Err("a version is server, latest, v1.31 or all".to_owned()),
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
            Self::Stated(minor) => vec![Version::Minor(minor)],
            Self::All => (0..=server.minor()).map(Version::Minor).collect(),
        }
    }
}
