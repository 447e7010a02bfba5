//! `history`: the revisions that the Deployment's controller keeps.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::Format;
use groundcrew::output::{Document, Table, json, yaml};
use serde::Serialize;
use serde_json::Value;

use crate::cluster::deployment;
use crate::commands::flags::Common;
use crate::model::kind::Kind;
use crate::model::object::{hash, revision, size, text, without_hash};
use crate::model::snapshot::Snapshot;

/// Show the revisions of a Deployment, and which one is running
#[derive(Args, Debug)]
pub struct HistoryArgs {
    #[command(flatten)]
    common: Common,
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
pub async fn run(args: HistoryArgs, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let open = args.common.open(frame).await?;
    let look = async {
        let (stored, _) = open.store.read(&open.session).await?;
        Ok((
            stored,
            deployment::cluster(&open.session, &open.target).await?,
        ))
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

fn revisions(cluster: &Snapshot, canary: Option<&str>) -> Vec<Revision> {
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
