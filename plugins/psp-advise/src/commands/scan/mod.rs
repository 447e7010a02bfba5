//! `kubectl psp-advise [scan]`: the strictest level each namespace meets, and what blocks the next.

mod options;
mod render;

use std::path::PathBuf;

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::complete;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use psp_advise::model::report::Criteria;
use psp_advise::model::standards::config::Config;

use super::answer;
use super::flags::{self, Format, OutputArgs};
use crate::cluster::inventory::{self, Selection};
use crate::cluster::version::{self, Choice};
use crate::local::files::FileArgs;
use crate::local::{admission_config, manifests};
use options::{FailOn, LevelChoice, VersionChoice};

/// Show the strictest level each namespace meets, and which workloads block the next one
#[derive(Args, Debug)]
pub struct ScanArgs {
    /// Namespaces to scan [default: all, or the one given with -n]
    #[arg(id = "where", value_name = "NAMESPACE", add = complete::namespaces())]
    namespaces: Vec<String>,

    /// Scan all namespaces, even if -n names one
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    /// Only objects with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    files: FileArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Under which policy, and on which server.
#[derive(Args, Clone, Debug)]
pub struct PolicyArgs {
    /// Level to check; auto finds the strictest that passes
    #[arg(long, value_name = "LEVEL", value_enum, default_value = "auto")]
    level: LevelChoice,

    /// Version of the standards: server (its newest), latest, v1.31 or all; without a value, print
    /// the plugin's version
    #[arg(
        long = "version",
        id = "policy-version",
        value_name = "VERSION",
        num_args = 0..=1,
        default_value = "server",
        default_missing_value = "print",
        value_parser = options::version
    )]
    version: VersionChoice,

    /// API server version to decide as: v1.31, or cluster [default: the cluster's; with -f, the
    /// newest known]
    #[arg(long, value_name = "VERSION", value_parser = version::parse)]
    server_version: Option<Choice>,

    /// The API server's own Pod Security configuration
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    psa_config: Option<PathBuf>,

    /// Exit with 3 if this level is violated [default: the given --level]
    #[arg(long, value_name = "LEVEL", value_enum)]
    fail_on: Option<FailOn>,
}

/// Scans.
///
/// # Errors
///
/// What the server says; a path that is not there.
pub async fn run(args: ScanArgs, frame: &Frame) -> Result<Exit> {
    let ScanArgs {
        mut namespaces,
        all_namespaces,
        selector,
        files,
        policy,
        output,
    } = args;
    if policy.version == VersionChoice::Print {
        frame.ui.answer(format_args!(
            "{} {}\n",
            env!("CARGO_PKG_NAME"),
            frame.product.about()
        ))?;
        return Ok(Exit::Done);
    }
    let offline = !files.filename.is_empty();
    if offline && (!namespaces.is_empty() || all_namespaces || selector.is_some()) {
        return Err(Error::usage(
            "NAMESPACE, -A and -l select objects in the cluster and cannot be combined with -f",
        )
        .with_hint("omit -f to scan the cluster"));
    }
    let (session, server) = flags::open(policy.server_version, !offline, frame).await?;
    if namespaces.is_empty() && !all_namespaces {
        namespaces.extend(frame.kube.namespace.clone());
    }
    let criteria = Criteria {
        levels: policy.level.levels(),
        versions: policy.version.versions(server),
        server,
        config: match &policy.psa_config {
            Some(path) => admission_config::read(path, &frame.ui)?,
            None => Config::default(),
        },
        every_decision: output.format.lists_every_decision(),
        fixes: output.format == Format::Sarif,
        custom: files.pod_template_path.clone(),
    };
    let report = match &session {
        Some(session) if !offline => {
            let selection = Selection {
                namespaces,
                selector: selector.unwrap_or_default(),
            };
            inventory::evaluate(session, &selection, &criteria, &frame.ui, &frame.interrupt).await?
        }
        _ => manifests::evaluate(&files, &criteria)?,
    };
    answer::notes(&report.notes, &frame.ui);
    answer::unseen(&report.unseen, &frame.ui);
    if report.evaluated == 0 && report.unseen.is_empty() {
        frame.ui.status("no pods or pod templates found.");
    }
    frame.ui.answer(render::render(&report, &output)?)?;
    if let Some(session) = &session {
        session.finish()?;
    }
    let fail_on = policy.fail_on.unwrap_or_else(|| policy.level.fail_on());
    Ok(fail_on.exit(&report))
}
