//! `undo`: back to an earlier revision that the Deployment's controller keeps.

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::DryRun;
use groundcrew::ui::Ui;
use serde_json::Value;

use crate::cluster::deployment;
use crate::cluster::write::{self, Written};
use crate::commands::flags::Common;
use crate::drive::session::{Open, open};
use crate::model::object::{revision, without_hash};
use crate::model::patch;
use crate::model::snapshot::Snapshot;

/// Go back to an earlier revision, natively
///
/// Without a canary under way this is `kubectl rollout undo` with a check of the resource version;
/// annotations stay as they are. With a canary it is refused: abort that first.
#[derive(Args, Debug)]
pub struct UndoArgs {
    /// Revision to go back to [default: the one before]
    #[arg(long, value_name = "NUMBER")]
    to_revision: Option<u64>,

    /// Show what would be done: `client` sends no write, `server` lets the server check
    #[arg(long, value_name = "MODE", value_enum, num_args = 0..=1, require_equals = true,
          default_value = "none", default_missing_value = "client")]
    dry_run: DryRun,

    #[command(flatten)]
    pub common: Common,
}

/// Goes back to a revision.
///
/// # Errors
///
/// That a canary is under way, or there is no such revision; what the server says.
pub async fn run(args: UndoArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let open = open(&args.common.kube, &args.common.deployment, ui).await?;
    let name = open.target.name.clone();
    for _ in 0..TRIES {
        let cluster = interrupt.guard(look(&open)).await?;
        let set = wanted(&cluster, args.to_revision, &open)?;
        let number = revision(set);
        if args.dry_run != DryRun::Client {
            let template = without_hash(&set["spec"]["template"]);
            let operations = patch::retemplate(&cluster.deployment, &template);
            let dry_run = args.dry_run == DryRun::Server;
            match write::send(&open.session, &open.target, &operations, dry_run).await? {
                Written::Done(_) => {}
                Written::LookAgain => continue,
                Written::Blind(why) => return Err(Error::failed(why)),
            }
        }
        ui.answer(format_args!(
            "deployment.apps/{name} goes back to revision {number}{}\n",
            args.dry_run.suffix()
        ))?;
        return Ok(Exit::Done);
    }
    Err(Error::conflict(format!(
        "deployment {name} is being changed by others all the time"
    )))
}

/// Tries against others who change the Deployment, its controller included.
const TRIES: usize = 10;

async fn look(open: &Open) -> Result<Snapshot> {
    if open.store.read(&open.session).await?.0.is_some() {
        return Err(
            Error::conflict(format!("{} has a canary under way", open.target.name)).with_hint(
                format!("take it back first:  {}", open.target.words("abort", "")),
            ),
        );
    }
    deployment::cluster(&open.session, &open.target).await
}

fn wanted<'a>(cluster: &'a Snapshot, to: Option<u64>, open: &Open) -> Result<&'a Value> {
    let current = without_hash(&cluster.deployment["spec"]["template"]);
    let mut sets: Vec<&Value> = cluster.sets.values().collect();
    sets.sort_by_key(|set| std::cmp::Reverse(revision(set)));
    let found = match to {
        Some(number) => sets.into_iter().find(|set| revision(set) == number),
        None => sets
            .into_iter()
            .find(|set| without_hash(&set["spec"]["template"]) != current),
    };
    found.ok_or_else(|| {
        let which = to.map_or_else(
            || "another revision".to_owned(),
            |number| format!("revision {number}"),
        );
        Error::usage(format!("deployment {} has no {which}", open.target.name))
            .with_hint(format!("see them:  {}", open.target.words("history", "")))
    })
}
