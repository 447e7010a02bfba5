//! `kubectl psp-advise upgrade`: what changes between two servers.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::OutputArgs;
use psp_advise::model::level::{Server, Version};
use psp_advise::model::report::{Criteria, Report};

use super::{answer, flags};
use crate::cluster::inventory::{self, Selection};
use crate::cluster::version::{self, Choice};
use crate::local::files::FileArgs;
use crate::local::manifests;

/// Show which verdicts change when the API server is upgraded
///
/// With --version, for namespaces that pin that version; otherwise for namespaces that follow the
/// server (latest). Exit code 3 if something no longer passes.
#[derive(Args, Debug)]
pub struct UpgradeArgs {
    /// API server version today: v1.30, or cluster
    #[arg(long, value_name = "VERSION", value_parser = version::parse)]
    from: Choice,

    /// API server version after the upgrade, such as v1.36
    #[arg(long, value_name = "VERSION", value_parser = version::parse)]
    to: Choice,

    /// Version of the standards that namespaces pin
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
}

/// Compares two servers.
///
/// # Errors
///
/// What the server says; a path that is not there.
pub async fn run(args: UpgradeArgs, frame: &Frame) -> Result<Exit> {
    let Choice::Given(to) = args.to else {
        return Err(
            Error::usage("--to is a version: `cluster` is the server as it is today")
                .with_hint("--from cluster --to v1.36"),
        );
    };
    let offline = !args.files.filename.is_empty();
    let (session, from) = flags::open(Some(args.from), !offline, frame).await?;
    let evaluate = async |server: Server| -> Result<Report> {
        let criteria = Criteria {
            every_decision: true,
            custom: args.files.pod_template_path.clone(),
            ..Criteria::levels_at(args.version, server)
        };
        match &session {
            Some(session) if !offline => {
                let selection = Selection {
                    namespaces: frame.kube.namespace.clone().into_iter().collect(),
                    selector: String::new(),
                };
                inventory::evaluate(session, &selection, &criteria, &frame.ui, &frame.interrupt)
                    .await
            }
            _ => manifests::evaluate(&args.files, &criteria),
        }
    };
    let before = evaluate(from).await?;
    let after = evaluate(to).await?;
    answer::compared(&before, &after, &args.output, &frame.ui)
}
