//! Flags that several commands share: the format of the answer, and files or the cluster.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};
use groundcrew::app::Frame;
use groundcrew::client::Session;
use groundcrew::error::Result;
use groundcrew::flags::{Format as Suite, WriteArgs};
use psp_advise::model::level::Server;
use psp_advise::model::psp::{Policy, Rbac};

use crate::cluster::version::{self, Choice};
use crate::{cluster, local};

/// `FILE|cluster`: where objects are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// The cluster of the kubeconfig.
    Cluster,
    /// A file or directory.
    Path(PathBuf),
}

impl ReadFrom {
    /// Returns the reader of the flag's value.
    pub fn parser() -> impl TypedValueParser<Value = Self> {
        PathBufValueParser::new().map(|path| {
            if path.as_os_str() == "cluster" {
                Self::Cluster
            } else {
                Self::Path(path)
            }
        })
    }
}

/// Returns the server that decides and, where `needed` or asked about, the session with it.
///
/// # Errors
///
/// That the cluster cannot be reached, or is too old.
pub async fn open(
    choice: Option<Choice>,
    needed: bool,
    frame: &Frame,
) -> Result<(Option<Session>, Server)> {
    let interrupt = &frame.interrupt;
    let session = if needed || choice == Some(Choice::Cluster) {
        Some(interrupt.guard(frame.connect()).await?)
    } else {
        None
    };
    let server = match (choice, &session) {
        (Some(Choice::Given(server)), _) => server,
        (_, Some(session)) => interrupt.guard(version::ask(session)).await?,
        (_, None) => Server::default(),
    };
    Ok((session, server))
}

/// Returns the name under which the server records the fields that are written.
#[must_use]
pub fn field_manager(write: &WriteArgs, frame: &Frame) -> String {
    let given = write.field_manager.clone();
    given.unwrap_or_else(|| frame.product.field_manager())
}

/// Reads PodSecurityPolicies; `session` is there where one of the flags says `cluster`.
///
/// # Errors
///
/// What cannot be read; a policy that is left out would change the answer.
pub async fn policies(from: &[ReadFrom], session: Option<&Session>) -> Result<Vec<Policy>> {
    let mut policies = Vec::new();
    for one in from {
        match (one, session) {
            (ReadFrom::Path(path), _) => policies.extend(local::policies::policies(path)?),
            (ReadFrom::Cluster, Some(session)) => {
                policies.extend(cluster::policies::policies(session).await?);
            }
            (ReadFrom::Cluster, None) => {}
        }
    }
    Ok(policies)
}

/// Reads roles and bindings; `None` where none were asked for, so that every policy may be used.
///
/// # Errors
///
/// What cannot be read; a binding that is left out would change the answer.
pub async fn rbac(from: &[ReadFrom], session: Option<&Session>) -> Result<Option<Rbac>> {
    let mut rbac = Rbac::default();
    for one in from {
        match (one, session) {
            (ReadFrom::Path(path), _) => local::policies::rbac(path, &mut rbac)?,
            (ReadFrom::Cluster, Some(session)) => {
                cluster::policies::rbac(session, &mut rbac).await?;
            }
            (ReadFrom::Cluster, None) => {}
        }
    }
    Ok((!from.is_empty()).then_some(rbac))
}

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One of the suite's.
    Suite(Suite),
    /// One JSON document per line.
    Jsonl,
    /// SARIF 2.1.0.
    Sarif,
    /// JUnit XML.
    Junit,
    /// Markdown.
    Markdown,
    /// One HTML file.
    Html,
}

impl Format {
    /// Returns whether objects that pass are listed too.
    #[must_use]
    pub fn lists_every_decision(self) -> bool {
        matches!(
            self,
            Self::Jsonl | Self::Junit | Self::Suite(Suite::Json | Suite::Yaml)
        )
    }
}

const MORE: [(&str, Format); 5] = [
    ("jsonl", Format::Jsonl),
    ("sarif", Format::Sarif),
    ("junit", Format::Junit),
    ("markdown", Format::Markdown),
    ("html", Format::Html),
];

impl Default for Format {
    fn default() -> Self {
        Self::Suite(Suite::Table)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, MORE.iter().find(|(_, format)| format == self)) {
            (Self::Suite(format), _) => format.fmt(f),
            (_, Some((name, _))) => f.write_str(name),
            (_, None) => Ok(()),
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((_, format)) = MORE.iter().find(|(name, _)| *name == text) {
            return Ok(*format);
        }
        text.parse().map(Self::Suite).map_err(|error: String| {
            error.replacen(
                "yaml, name",
                "yaml, name, jsonl, sarif, junit, markdown, html",
                1,
            )
        })
    }
}

/// `-o` and the flags that belong to it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output options")]
pub struct OutputArgs {
    /// Output format: table, wide, json, yaml, name, jsonl, sarif, junit, markdown or html
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value_t)]
    pub format: Format,

    /// Omit the header line of tables
    #[arg(long)]
    pub no_headers: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_reads_back_what_it_prints() {
        for name in [
            "table", "wide", "json", "yaml", "name", "jsonl", "sarif", "junit", "markdown", "html",
        ] {
            assert_eq!(name.parse::<Format>().unwrap().to_string(), name);
        }
        let error = "xml".parse::<Format>().unwrap_err();
        assert!(
            error.starts_with("the formats are table, wide, json, yaml, name, jsonl"),
            "{error}"
        );
    }
}
