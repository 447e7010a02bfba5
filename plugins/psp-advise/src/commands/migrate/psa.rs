//! To levels of the Pod Security Standards, by namespace labels.

use std::collections::BTreeMap;

use groundcrew::app::Frame;
use groundcrew::client::Session;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::finding::Unseen;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, Table, json, yaml};
use psp_advise::model::kind::Kind;
use psp_advise::model::level::{Level, Server, Version};
use psp_advise::model::psp::{Guaranteed, Policy, guaranteed};
use psp_advise::model::report::{Criteria, Report};
use serde::Serialize;

use super::args::{MigrateArgs, OnLoss};
use super::workloads::Pods;
use crate::cluster::inventory::{self, Selection};
use crate::commands::answer;
use crate::local::manifests;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    complete: bool,
    policies: Vec<Row>,
    namespaces: BTreeMap<String, Option<Level>>,
    unseen: Vec<Unseen>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    policy: String,
    /// Why it can never admit anything.
    dead: Option<String>,
    #[serde(flatten)]
    guaranteed: Guaranteed,
}

/// Shows the level of each policy, and of each namespace of `--pods`.
///
/// # Errors
///
/// What the server says; a path that is not there.
pub(super) async fn run(
    args: &MigrateArgs,
    found: &[Policy],
    pods: &Pods,
    session: Option<&Session>,
    frame: &Frame,
) -> Result<Exit> {
    let report = report(pods, session, frame).await?;
    let (namespaces, unseen) = report.map_or_else(Default::default, |report| {
        (report.namespaces, report.unseen)
    });
    let complete = unseen.is_empty();
    let mut rows: Vec<Row> = found.iter().map(row).collect();
    rows.sort_by(|one, other| one.policy.cmp(&other.policy));
    let lost = rows.iter().any(|row| !row.guaranteed.lost.is_empty());
    let body = Body {
        complete,
        policies: rows,
        namespaces: namespaces
            .into_iter()
            .map(|namespace| (namespace.name, namespace.today))
            .collect(),
        unseen,
    };
    frame.ui.answer(match args.output.format {
        Format::Json => json(&Document::new(Kind::PodSecurityMigration, &body))?,
        Format::Yaml => yaml(&Document::new(Kind::PodSecurityMigration, &body))?,
        Format::Name => body
            .policies
            .iter()
            .map(|row| format!("podsecuritypolicy/{}\n", row.policy))
            .collect(),
        Format::Table | Format::Wide => table(&body, &args.output),
    })?;
    Ok(match (complete, lost && args.on_loss == OnLoss::Error) {
        (false, _) => Exit::Incomplete,
        (true, true) => Exit::No,
        (true, false) => Exit::Done,
    })
}

async fn report(pods: &Pods, session: Option<&Session>, frame: &Frame) -> Result<Option<Report>> {
    let server = Server::default();
    let criteria = Criteria::levels_at(Version::Minor(server.minor()), server);
    let report = match (pods, session) {
        (Pods::Cluster, Some(session)) => {
            let selection = Selection {
                namespaces: frame.kube.namespace.clone().into_iter().collect(),
                selector: String::new(),
            };
            inventory::evaluate(session, &selection, &criteria, &frame.ui, &frame.interrupt).await?
        }
        (Pods::Files(files), _) => manifests::evaluate(files, &criteria)?,
        (Pods::None | Pods::Cluster, _) => return Ok(None),
    };
    answer::notes(&report.notes, &frame.ui);
    answer::unseen(&report.unseen, &frame.ui);
    Ok(Some(report))
}

fn row(policy: &Policy) -> Row {
    Row {
        policy: policy.metadata.name.clone(),
        dead: policy.dead(),
        guaranteed: guaranteed(policy),
    }
}

fn table(body: &Body, output: &OutputArgs) -> String {
    let names = [
        "POLICY",
        "GUARANTEES",
        "NOT STRICTER BECAUSE OF",
        "LOST",
        "TEMPLATES MUST SET",
    ];
    let mut table = Table::new((!output.no_headers).then_some(&names));
    for row in &body.policies {
        let guaranteed = &row.guaranteed;
        let because = match guaranteed.level {
            Level::Privileged => &guaranteed.not_baseline,
            Level::Baseline | Level::Restricted => &guaranteed.not_restricted,
        };
        let level = match &row.dead {
            Some(_) => "nothing (admits no pod)".to_owned(),
            None => guaranteed.level.to_string(),
        };
        table.row([
            row.policy.clone(),
            level,
            because.join(", "),
            guaranteed.lost.join(", "),
            guaranteed.mutating.join(", "),
        ]);
    }
    let mut text = table.render();
    if !body.namespaces.is_empty() {
        let names = ["NAMESPACE", "ITS PODS MEET"];
        let mut table = Table::new((!output.no_headers).then_some(&names));
        for (name, level) in &body.namespaces {
            let level = level.map_or_else(|| "?".to_owned(), |level| level.to_string());
            table.row([name, &level]);
        }
        text.push('\n');
        text.push_str(&table.render());
    }
    text
}
