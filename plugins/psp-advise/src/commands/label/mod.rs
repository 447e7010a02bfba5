//! `kubectl psp-advise label`: the labels that ask for what namespaces can meet.

mod apply;
mod decide;
mod observe;
mod render;

use std::path::PathBuf;

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::complete;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, Globals, KubeArgs, OutputArgs, WriteArgs};
use groundcrew::ui::Ui;

use crate::cluster::session::connect;
use apply::Applier;
use decide::{Plan, Strategy};

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

/// Plans, and with `--apply` labels.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: LabelArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let session = connect(&args.kube, ui, interrupt).await?;
    let mut namespaces = args.namespaces.clone();
    if namespaces.is_empty() {
        namespaces.extend(args.kube.namespace.clone());
    }
    let all = namespaces.is_empty();
    let observed = observe::observe(&session, namespaces, ui, interrupt).await?;
    let plan = decide::plan(&observed, args.strategy, args.tighten_only, all);
    if args.apply {
        if args.write.dry_run == DryRun::None && !args.write.yes && plan.changes() > 0 {
            ask(&plan, ui)?;
        }
        let applier = Applier {
            session: &session,
            write: &args.write,
            rollback_file: args.rollback_file.as_deref(),
        };
        applier.run(&plan, ui, interrupt).await?;
    }
    ui.answer(render::render(&plan, &args.output, args.apply)?)?;
    session.finish()?;
    Ok(if observed.report.complete {
        Exit::Done
    } else {
        Exit::Incomplete
    })
}

fn ask(plan: &Plan, ui: &Ui) -> Result<()> {
    ui.status(render::table(plan, true).trim_end());
    let labels = match plan.changes() {
        1 => "1 label".to_owned(),
        many => format!("{many} labels"),
    };
    if ui.confirm(&format!("Set {labels}?"))? {
        return Ok(());
    }
    Err(Error::failed("aborted; nothing was changed"))
}
