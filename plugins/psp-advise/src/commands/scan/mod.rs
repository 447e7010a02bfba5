//! `kubectl psp-advise [scan]`: what a namespace can bear, and who stands in the way.

mod options;
mod render;

use std::path::PathBuf;

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::complete;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{Globals, KubeArgs};
use groundcrew::ui::Ui;
use psp_advise::model::report::Criteria;
use psp_advise::model::standards::config::Config;

use super::flags::{Format, OutputArgs};
use crate::cluster::inventory::{self, Selection};
use crate::cluster::version::{self, Choice};
use crate::local::files::FileArgs;
use crate::local::{admission_config, manifests};
use options::{FailOn, LevelChoice, VersionChoice};

/// Show which level each namespace can bear, and who stands in the way
#[derive(Args, Debug)]
pub struct ScanArgs {
    /// Namespaces to look at [default: all, or that of -n]
    #[arg(id = "where", value_name = "NAMESPACE", add = complete::namespaces())]
    namespaces: Vec<String>,

    /// All namespaces, also where -n or the context names one
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    /// Only objects with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,

    #[command(flatten)]
    files: FileArgs,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

/// Under which policy, and on which server.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Policy")]
pub struct PolicyArgs {
    /// Level to decide by; auto finds the tightest
    #[arg(long, value_name = "LEVEL", value_enum, default_value = "auto")]
    level: LevelChoice,

    /// Version of the standards: server (its newest, pinned), latest, v1.31, or all; without a
    /// value, print the version of this plugin
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

    /// API server that decides: v1.31, or cluster [default: the cluster; with -f the newest known]
    #[arg(long, value_name = "VERSION", value_parser = version::parse)]
    server_version: Option<Choice>,

    /// The API server's own configuration of Pod Security: defaults and exemptions, which the API
    /// does not show
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    psa_config: Option<PathBuf>,

    /// Exit with 3 when something violates this level [default: the stated --level, else never]
    #[arg(long, value_name = "LEVEL", value_enum)]
    fail_on: Option<FailOn>,
}

/// Scans.
///
/// # Errors
///
/// What the server says; a path that is not there.
pub async fn run(args: ScanArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let ScanArgs {
        mut namespaces,
        all_namespaces,
        selector,
        files,
        policy,
        output,
        globals: _,
        kube,
    } = args;
    if policy.version == VersionChoice::Print {
        ui.answer(format_args!(
            "{} {}\n",
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION")
        ))?;
        return Ok(Exit::Done);
    }
    let offline = !files.filename.is_empty();
    if offline && (!namespaces.is_empty() || all_namespaces || selector.is_some()) {
        return Err(Error::usage(
            "manifests of -f are taken as they are: NAMESPACE, -A and -l choose in the cluster",
        )
        .with_hint("leave -f out to look at the cluster"));
    }
    let (session, server) =
        version::open(policy.server_version, !offline, &kube, ui, interrupt).await?;
    if namespaces.is_empty() && !all_namespaces {
        namespaces.extend(kube.namespace.clone());
    }
    let criteria = Criteria {
        levels: policy.level.levels(),
        versions: policy.version.versions(server),
        server,
        config: match &policy.psa_config {
            Some(path) => admission_config::read(path, ui)?,
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
            inventory::evaluate(session, &selection, &criteria, ui, interrupt).await?
        }
        _ => manifests::evaluate(&files, &criteria)?,
    };
    for missing in &report.not_evaluated {
        ui.warning(format_args!("not evaluated: {missing}"));
    }
    if report.evaluated == 0 && report.not_evaluated.is_empty() {
        ui.status("no pods and no pod templates found.");
    }
    ui.answer(render::render(&report, &output)?)?;
    if let Some(session) = &session {
        session.finish()?;
    }
    let fail_on = policy.fail_on.unwrap_or_else(|| policy.level.fail_on());
    Ok(fail_on.exit(&report))
}
