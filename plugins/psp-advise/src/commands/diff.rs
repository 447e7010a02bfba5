//! `kubectl psp-advise diff`: what changes between two sets of manifests.

use std::path::PathBuf;

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::OutputArgs;
use psp_advise::model::level::{Server, Version};
use psp_advise::model::report::Criteria;

use super::answer;
use crate::cluster::version::{self, Choice};
use crate::local::files::FileArgs;
use crate::local::manifests;

/// Show whether new manifests violate more than old ones
///
/// Exit code 3 if an object violates a check that it did not violate before, or is new and violates
/// one: a gate for pull requests.
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// Old manifests: a file or directory
    #[arg(value_name = "OLD", value_hint = clap::ValueHint::AnyPath)]
    old: PathBuf,

    /// New manifests: a file or directory
    #[arg(value_name = "NEW", value_hint = clap::ValueHint::AnyPath)]
    new: PathBuf,

    /// API server version to decide as, such as v1.31 [default: the newest known]
    #[arg(long, value_name = "VERSION", value_parser = version::parse)]
    server_version: Option<Choice>,

    #[command(flatten)]
    output: OutputArgs,
}

/// Compares two sets of manifests.
///
/// # Errors
///
/// A path that is not there.
pub fn run(args: DiffArgs, frame: &Frame) -> Result<Exit> {
    let server = match args.server_version {
        Some(Choice::Given(server)) => server,
        Some(Choice::Cluster) => {
            return Err(
                Error::usage("diff compares manifests; it does not use a cluster")
                    .with_hint("--server-version v1.36"),
            );
        }
        None => Server::default(),
    };
    let criteria = Criteria {
        every_decision: true,
        ..Criteria::levels_at(Version::Minor(server.minor()), server)
    };
    let before = manifests::evaluate(&FileArgs::below(vec![args.old]), &criteria)?;
    let after = manifests::evaluate(&FileArgs::below(vec![args.new]), &criteria)?;
    answer::compared(&before, &after, &args.output, &frame.ui)
}
