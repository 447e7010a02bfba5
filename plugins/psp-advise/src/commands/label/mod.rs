//! `kubectl psp-advise label`: the labels that ask for what namespaces can meet.

mod apply;
mod decide;
mod observe;
mod render;

use std::path::PathBuf;

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::complete;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, OutputArgs, WriteArgs};

use super::{answer, flags};
use apply::Applier;
use decide::{Plan, Strategy};

/// Plan or set Pod Security labels on namespaces without breaking what runs
///
/// Start with --strategy warn, which refuses nothing. Once the warnings are fixed or accepted, use
/// --strategy enforce, which enforces the strictest level that everything in the namespace meets
/// today. Versions are pinned to the server's. Nothing is written without --apply.
#[derive(Args, Debug)]
pub struct LabelArgs {
    /// Namespaces to label [default: all except the control plane's, or the one given with -n]
    #[arg(id = "where", value_name = "NAMESPACE", add = complete::namespaces())]
    namespaces: Vec<String>,

    /// Modes to set; observe is the audit log alone, warn adds warnings, enforce adds refusals
    #[arg(long, value_name = "STRATEGY", value_enum, default_value = "warn")]
    strategy: Strategy,

    /// Never lower a level that a namespace already has
    #[arg(long)]
    tighten_only: bool,

    /// Set the labels; the server checks all of them first
    #[arg(long)]
    apply: bool,

    /// Write the commands that restore the old labels to FILE, which must not exist
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    rollback_file: Option<PathBuf>,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Plans, and with `--apply` labels.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: LabelArgs, frame: &Frame) -> Result<Exit> {
    let session = frame.interrupt.guard(frame.connect()).await?;
    let mut namespaces = args.namespaces.clone();
    if namespaces.is_empty() {
        namespaces.extend(frame.kube.namespace.clone());
    }
    let all = namespaces.is_empty();
    let observed = observe::observe(&session, namespaces, &frame.ui, &frame.interrupt).await?;
    answer::unseen(&observed.report.unseen, &frame.ui);
    let plan = decide::plan(&observed, args.strategy, args.tighten_only, all);
    if args.apply {
        if args.write.dry_run == DryRun::None && plan.changes() > 0 && !args.write.yes {
            ask(&plan, frame)?;
        }
        let applier = Applier {
            session: &session,
            dry_run: args.write.dry_run,
            field_manager: flags::field_manager(&args.write, frame),
            rollback_file: args.rollback_file.as_deref(),
        };
        applier.run(&plan, &frame.ui, &frame.interrupt).await?;
    }
    frame
        .ui
        .answer(render::render(&plan, &args.output, args.apply)?)?;
    session.finish()?;
    Ok(if observed.report.complete {
        Exit::Done
    } else {
        Exit::Incomplete
    })
}

fn ask(plan: &Plan, frame: &Frame) -> Result<()> {
    frame.ui.status(render::table(plan, true).trim_end());
    let labels = match plan.changes() {
        1 => "1 label".to_owned(),
        many => format!("{many} labels"),
    };
    frame.confirm(&format!("Set {labels}?"), false)
}
