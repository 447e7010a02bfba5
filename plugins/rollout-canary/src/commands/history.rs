//! `history` and `undo`: the revisions that the Deployment's controller keeps.

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, Format};
use groundcrew::output::{Document, Kind, Table, json, yaml};
use groundcrew::ui::Ui;
use serde::Serialize;
use serde_json::Value;

use super::{Common, Open, open};
use crate::apply::{self, Written};
use crate::meta;
use crate::observe::{self, Cluster, hash, size, text};
use crate::record::without_hash;

/// Show the revisions of a Deployment, and which of them runs
#[derive(Args, Debug)]
pub struct HistoryArgs {
    #[command(flatten)]
    pub common: Common,
}

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

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct History {
    deployment: String,
    namespace: String,
    revisions: Vec<Revision>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Revision {
    revision: u64,
    hash: String,
    replicas: i32,
    current: bool,
    canary: bool,
    images: Vec<String>,
}

/// Shows the revisions.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: HistoryArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let open = open(&args.common.kube, &args.common.deployment, ui).await?;
    let look = async {
        let (stored, _) = open.store.read(&open.session).await?;
        Ok((stored, observe::cluster(&open.session, &open.target).await?))
    };
    let (stored, cluster) = interrupt.guard(look).await?;
    let canary = stored.and_then(|stored| {
        cluster
            .canary(&stored.record)
            .map(|set| hash(set).to_owned())
    });
    let history = History {
        deployment: open.target.name.clone(),
        namespace: open.target.namespace.clone(),
        revisions: revisions(&cluster, canary.as_deref()),
    };
    let output = &args.common.output;
    ui.answer(match output.format {
        Format::Json => json(&Document::new(Kind::CanaryHistory, &history))?,
        Format::Yaml => yaml(&Document::new(Kind::CanaryHistory, &history))?,
        Format::Name => format!("deployment.apps/{}\n", history.deployment),
        Format::Table | Format::Wide => table(&history, !output.no_headers),
    })?;
    Ok(Exit::Done)
}

fn revision(set: &Value) -> u64 {
    let note = &set["metadata"]["annotations"][meta::REVISION];
    text(note).parse().unwrap_or_default()
}

fn revisions(cluster: &Cluster, canary: Option<&str>) -> Vec<Revision> {
    let wanted = without_hash(&cluster.deployment["spec"]["template"]);
    let mut revisions: Vec<Revision> = cluster
        .sets
        .values()
        .map(|set| Revision {
            revision: revision(set),
            hash: hash(set).to_owned(),
            replicas: size(set),
            current: without_hash(&set["spec"]["template"]) == wanted,
            canary: Some(hash(set)) == canary,
            images: images(set),
        })
        .collect();
    revisions.sort_by_key(|revision| revision.revision);
    revisions
}

fn images(set: &Value) -> Vec<String> {
    let containers = set["spec"]["template"]["spec"]["containers"].as_array();
    containers
        .into_iter()
        .flatten()
        .map(|container| text(&container["image"]).to_owned())
        .collect()
}

fn table(history: &History, headers: bool) -> String {
    let names = ["REVISION", "HASH", "PODS", "IS", "IMAGES"];
    let mut table = Table::new(headers.then_some(&names[..]));
    for revision in &history.revisions {
        let is = match (revision.canary, revision.current) {
            (true, _) => "canary",
            (false, true) => "current",
            (false, false) => "",
        };
        table.row([
            revision.revision.to_string().as_str(),
            &revision.hash,
            &revision.replicas.to_string(),
            is,
            &revision.images.join(","),
        ]);
    }
    table.render()
}

/// Goes back to a revision.
///
/// # Errors
///
/// That a canary is under way, or there is no such revision; what the server says.
pub async fn undo(args: UndoArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let open = open(&args.common.kube, &args.common.deployment, ui).await?;
    let name = open.target.name.clone();
    for _ in 0..TRIES {
        let cluster = interrupt.guard(look(&open)).await?;
        let set = wanted(&cluster, args.to_revision, &open)?;
        let number = revision(set);
        if args.dry_run != DryRun::Client {
            let template = without_hash(&set["spec"]["template"]);
            let operations = apply::retemplate(&cluster.deployment, &template);
            let dry_run = args.dry_run == DryRun::Server;
            match apply::send(&open.session, &open.target, &operations, dry_run).await? {
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

async fn look(open: &Open) -> Result<Cluster> {
    if open.store.read(&open.session).await?.0.is_some() {
        return Err(
            Error::conflict(format!("{} has a canary under way", open.target.name)).with_hint(
                format!("take it back first:  {}", open.target.words("abort", "")),
            ),
        );
    }
    observe::cluster(&open.session, &open.target).await
}

fn wanted<'a>(cluster: &'a Cluster, to: Option<u64>, open: &Open) -> Result<&'a Value> {
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
