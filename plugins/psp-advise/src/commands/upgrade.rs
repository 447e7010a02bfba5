//! `kubectl psp-advise upgrade`: what changes between two servers.

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{Globals, KubeArgs, OutputArgs};
use groundcrew::ui::Ui;
use psp_advise::model::level::{Server, Version};
use psp_advise::model::report::{Criteria, Report};

use super::answer;
use crate::cluster::inventory::{self, Selection};
use crate::cluster::version::{self, Choice};
use crate::local::files::FileArgs;
use crate::local::manifests;

/// Show which verdicts change when the API server is upgraded
///
/// With --version, for namespaces that pin that version; otherwise for those that follow the
/// server (latest). Exit code 3 when something no longer passes.
#[derive(Args, Debug)]
pub struct UpgradeArgs {
    /// API server as it is: v1.30, or cluster
    #[arg(long, value_name = "VERSION", value_parser = version::parse)]
    from: Choice,

    /// API server as it is to be: v1.36
    #[arg(long, value_name = "VERSION", value_parser = version::parse)]
    to: Choice,

    /// Version that namespaces pin
    #[arg(
        long = "version",
        id = "policy-version",
        value_name = "VERSION",
        default_value = "latest"
    )]
    version: Version,

    #[command(flatten)]
    files: FileArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

/// Compares two servers.
///
/// # Errors
///
/// What the server says; a path that is not there.
pub async fn run(args: UpgradeArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let Choice::Given(to) = args.to else {
        return Err(
            Error::usage("--to is a version: `cluster` is the server as it is today")
                .with_hint("--from cluster --to v1.36"),
        );
    };
    let offline = !args.files.filename.is_empty();
    let (session, from) =
        version::open(Some(args.from), !offline, &args.kube, ui, interrupt).await?;
    let evaluate = async |server: Server| -> Result<Report> {
        let criteria = Criteria {
            every_decision: true,
            ..Criteria::levels_at(args.version, server)
        };
        match &session {
            Some(session) if !offline => {
                let selection = Selection {
                    namespaces: args.kube.namespace.clone().into_iter().collect(),
                    selector: String::new(),
                };
                inventory::evaluate(session, &selection, &criteria, ui, interrupt).await
            }
            _ => manifests::evaluate(&args.files, &criteria),
        }
    };
    let before = evaluate(from).await?;
    let after = evaluate(to).await?;
    answer::compared(&before, &after, &args.output, ui)
}
