//! To levels of the Pod Security Standards, by namespace labels.

use std::collections::BTreeMap;

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, Kind, Table, json, yaml};
use groundcrew::ui::Ui;
use psp_advise::model::level::{Level, Server, Version};
use psp_advise::model::psp::{Guaranteed, Policy, guaranteed};
use psp_advise::model::report::{Criteria, Report};
use serde::Serialize;

use super::args::{MigrateArgs, OnLoss};
use super::workloads::Pods;
use crate::cluster::inventory::{self, Selection};
use crate::local::manifests;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    complete: bool,
    policies: Vec<Row>,
    namespaces: BTreeMap<String, Option<Level>>,
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
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Exit> {
    let report = report(args, pods, session, ui, interrupt).await?;
    let complete = report.as_ref().is_none_or(|report| report.complete);
    let namespaces = report.into_iter().flat_map(|report| report.namespaces);
    let mut rows: Vec<Row> = found.iter().map(row).collect();
    rows.sort_by(|one, other| one.policy.cmp(&other.policy));
    let lost = rows.iter().any(|row| !row.guaranteed.lost.is_empty());
    let body = Body {
        complete,
        policies: rows,
        namespaces: namespaces
            .map(|namespace| (namespace.name, namespace.today))
            .collect(),
    };
    ui.answer(match args.output.format {
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

async fn report(
    args: &MigrateArgs,
    pods: &Pods,
    session: Option<&Session>,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Option<Report>> {
    let server = Server::default();
    let criteria = Criteria::levels_at(Version::Minor(server.minor()), server);
    let report = match (pods, session) {
        (Pods::Cluster, Some(session)) => {
            let selection = Selection {
                namespaces: args.kube.namespace.clone().into_iter().collect(),
                selector: String::new(),
            };
            inventory::evaluate(session, &selection, &criteria, ui, interrupt).await?
        }
        (Pods::Files(files), _) => manifests::evaluate(files, &criteria)?,
        (Pods::None | Pods::Cluster, _) => return Ok(None),
    };
    for missing in &report.not_evaluated {
        ui.warning(format_args!("not evaluated: {missing}"));
    }
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
        "NOT TIGHTER BECAUSE OF",
        "LOST",
        "TEMPLATES HAVE TO SAY",
    ];
    let mut table = Table::new((!output.no_headers).then_some(&names));
    for row in &body.policies {
        let guaranteed = &row.guaranteed;
        let because = match guaranteed.level {
            Level::Privileged => &guaranteed.not_baseline,
            Level::Baseline | Level::Restricted => &guaranteed.not_restricted,
        };
        let level = match &row.dead {
            Some(_) => "nothing: it admits no pod".to_owned(),
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
        let names = ["NAMESPACE", "BY ITS PODS"];
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
