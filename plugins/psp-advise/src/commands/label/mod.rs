//! `kubectl psp-advise label`: from what namespaces can bear to the labels that ask for it.

mod apply;
mod plan;
mod render;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use groundcrew::app::Interrupt;
use groundcrew::client;
use groundcrew::complete;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, Globals, KubeArgs, OutputArgs, WriteArgs};
use groundcrew::ui::Ui;
use psp_advise::standards::{Level, Version};

use crate::cli::product;
use crate::files::FileArgs;
use crate::format;
use crate::scan::evaluate;
use crate::scan::options::{FailOn, Options};
use crate::server;

/// Plan or set the pod security labels of namespaces, without breaking what runs
///
/// First --strategy warn, which refuses nothing; when the warnings are gone or known, --strategy
/// enforce, which asks for the tightest level that everything in the namespace passes today.
/// Versions are pinned to the server's. Without --apply nothing is written.
#[derive(Args, Debug)]
pub struct LabelArgs {
    /// Namespaces to label [default: all but those of the control plane, or that of -n]
    #[arg(id = "where", value_name = "NAMESPACE", add = complete::namespaces())]
    namespaces: Vec<String>,

    /// What is asked for: observe (audit log), warn (and warnings), enforce (and refusals)
    #[arg(long, value_name = "STRATEGY", value_enum, default_value = "warn")]
    strategy: Strategy,

    /// Never ask for less than a namespace asks for already
    #[arg(long)]
    tighten_only: bool,

    /// Set the labels; the server checks all of them first
    #[arg(long)]
    apply: bool,

    /// Where the commands go that put the old labels back; the file must not exist
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    rollback_file: Option<PathBuf>,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

/// `--strategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Strategy {
    /// The audit log says what would be refused.
    Observe,
    /// Clients are warned too.
    Warn,
    /// What passes today is asked for.
    Enforce,
}

/// Plans, and with `--apply` labels.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: LabelArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let product = product();
    let session = client::connect(&args.kube, &product, ui);
    let session = interrupt.guard(session).await?;
    let server = interrupt.guard(server::ask(&session)).await?;
    let mut namespaces = args.namespaces.clone();
    if namespaces.is_empty() {
        namespaces.extend(args.kube.namespace.clone());
    }
    let all = namespaces.is_empty();
    let options = Options {
        levels: vec![Level::Baseline, Level::Restricted],
        versions: vec![Version::Minor(server.minor())],
        server,
        config: psp_advise::standards::config::Config::default(),
        fail_on: FailOn::Never,
        every_decision: false,
        namespaces,
        selector: None,
        custom: Vec::new(),
        output: format::OutputArgs::default(),
    };
    let files = FileArgs::default();
    let report = evaluate(&files, &options, Some(&session), ui, interrupt).await?;
    for missing in &report.not_evaluated {
        ui.warning(format_args!("not evaluated: {missing}"));
    }
    let mut current = Vec::new();
    for namespace in &report.namespaces {
        let read = interrupt
            .guard(apply::read(&session, &namespace.name))
            .await?;
        current.push(read);
    }
    let plan = plan::plan(&report, &current, args.strategy, args.tighten_only, all);
    let dry_run = args.write.dry_run;
    if args.apply && dry_run != DryRun::Client && plan.changes() > 0 {
        if !args.write.yes && dry_run == DryRun::None {
            ui.status(render::table(&plan, true).trim_end());
            let question = format!("Set {} labels?", plan.changes());
            if !ui.confirm(&question)? {
                return Err(Error::failed("nothing was done"));
            }
        }
        let field_manager = args.write.field_manager.clone();
        let manager = field_manager.unwrap_or_else(|| "kubectl-psp-advise".to_owned());
        interrupt
            .guard(apply::apply(&session, &plan, &manager, true, ui))
            .await?;
        if dry_run == DryRun::None {
            if let Some(path) = &args.rollback_file {
                apply::rollback(path, &plan)?;
            }
            apply::apply(&session, &plan, &manager, false, ui).await?;
        }
    }
    ui.answer(render::render(&plan, &args.output, args.apply)?)?;
    session.finish()?;
    Ok(if report.complete {
        Exit::Done
    } else {
        Exit::Incomplete
    })
}
