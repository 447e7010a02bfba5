//! `kubectl can-i-audit diff`: which access was gained and lost.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use can_i_audit::model::diff::{Change, diff};
use can_i_audit::model::gap::Gap;
use can_i_audit::model::kind::Kind;
use can_i_audit::model::permissions::Universe;
use can_i_audit::model::policy::Policy;
use clap::{Args, ValueEnum};
use groundcrew::app::Frame;
use groundcrew::client;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Table, json, yaml};
use serde::Serialize;

use super::answer::{based, warn_of_moments};
use crate::{cluster, local};

/// Compare the access that two policies grant, not their objects
///
/// Renaming a binding, splitting a rule, or replacing a complete list by a wildcard does not count
/// as a change. Each side is context:NAME, a snapshot, a manifest or a directory. Exits with code 3
/// on the differences that --fail-on selects.
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// The earlier state: context:NAME, FILE or DIR
    #[arg(value_name = "BEFORE")]
    before: String,

    /// The later state: context:NAME, FILE or DIR
    #[arg(value_name = "AFTER")]
    after: String,

    /// Exit with code 3 when access was gained, lost, or either
    #[arg(long, value_name = "WHAT", value_enum, default_value = "any")]
    fail_on: FailOn,

    /// Exit with the answer's code even if some objects could not be read
    #[arg(long)]
    allow_partial: bool,

    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Gain,
    Loss,
    Any,
}

#[derive(Debug, Serialize)]
struct Answer {
    gained: Vec<Row>,
    lost: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    subject: String,
    /// Absent when it is cluster-wide.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    access: Vec<Access>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Access {
    #[serde(skip_serializing_if = "Option::is_none")]
    api_group: Option<String>,
    /// A resource or a path.
    target: String,
    /// Absent when it is any object.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    verbs: Vec<String>,
}

/// Compares.
///
/// # Errors
///
/// That one side cannot be read.
pub async fn run(args: DiffArgs, frame: &Frame) -> Result<Exit> {
    let ui = &frame.ui;
    let before = frame.interrupt.guard(side(&args.before, frame)).await?;
    let after = frame.interrupt.guard(side(&args.after, frame)).await?;
    let unseen: Vec<Gap> = before.unseen.iter().chain(&after.unseen).cloned().collect();
    for gap in &unseen {
        ui.warning(format_args!("not read: {gap}"));
    }
    for policy in [&before, &after] {
        warn_of_moments(policy, ui);
    }
    let found = diff(&before, &after);
    let rows = |of: fn(&Change) -> &Vec<usize>| -> Vec<Row> {
        let changes = found.changes.iter().filter(|change| !of(change).is_empty());
        changes
            .map(|change| Row {
                subject: change.subject.to_string(),
                namespace: change.namespace.clone(),
                access: access(&found.universe, of(change)),
            })
            .collect()
    };
    let answer = Answer {
        gained: rows(|change| &change.gained),
        lost: rows(|change| &change.lost),
    };
    let (gained, lost) = (!answer.gained.is_empty(), !answer.lost.is_empty());
    let document = || based(Kind::AccessDiff, &unseen, &answer);
    let text = match args.output.format {
        Format::Json => json(&document())?,
        Format::Yaml => yaml(&document())?,
        Format::Name => names(&answer),
        Format::Table | Format::Wide => table(&answer, &args.output),
    };
    ui.answer(text)?;
    if !gained && !lost {
        ui.status("no difference in access.");
    }
    let differs = match args.fail_on {
        FailOn::Gain => gained,
        FailOn::Loss => lost,
        FailOn::Any => gained || lost,
    };
    Ok(if !unseen.is_empty() && !args.allow_partial {
        Exit::Incomplete
    } else if differs {
        Exit::No
    } else {
        Exit::Done
    })
}

async fn side(text: &str, frame: &Frame) -> Result<Policy> {
    let kube = &frame.kube;
    let mut policy = if let Some(context) = text.strip_prefix("context:") {
        if context.is_empty() {
            return Err(Error::usage("context: requires a name, as in context:prod"));
        }
        let mut kube = kube.clone();
        kube.context = Some(context.to_owned());
        let session = client::connect(&kube, &frame.product, &frame.ui).await?;
        cluster::policy::read(&session, cluster::policy::CHUNK).await?
    } else {
        let namespace = kube.namespace.as_deref().unwrap_or("default");
        local::policy::read(&[PathBuf::from(text)], namespace, &frame.ui)?
    };
    policy.sort();
    Ok(policy)
}

fn access(universe: &Universe, permissions: &[usize]) -> Vec<Access> {
    let mut grouped: BTreeMap<(Option<String>, String, Option<String>), Vec<String>> =
        BTreeMap::new();
    for index in permissions {
        let permission = &universe.permissions[*index];
        let group = (!permission.is_path).then(|| permission.group.clone());
        let key = (group, permission.resource.clone(), permission.name.clone());
        grouped
            .entry(key)
            .or_default()
            .push(permission.verb.clone());
    }
    grouped
        .into_iter()
        .map(|((api_group, target, name), verbs)| Access {
            api_group,
            target,
            name,
            verbs,
        })
        .collect()
}

/// Everybody whose access changed, once.
fn names(answer: &Answer) -> String {
    let rows = answer.gained.iter().chain(&answer.lost);
    let subjects: BTreeSet<&str> = rows.map(|row| row.subject.as_str()).collect();
    subjects.iter().map(|name| format!("{name}\n")).collect()
}

fn table(answer: &Answer, output: &OutputArgs) -> String {
    if answer.gained.is_empty() && answer.lost.is_empty() {
        return String::new();
    }
    let headers = ["CHANGE", "SUBJECT", "SCOPE", "VERBS", "RESOURCE", "NAME"];
    let mut table = Table::new((!output.no_headers).then_some(headers.as_slice()));
    for (change, rows) in [("gained", &answer.gained), ("lost", &answer.lost)] {
        for row in rows {
            for one in &row.access {
                let target = match one.api_group.as_deref() {
                    None | Some("") => one.target.clone(),
                    Some(group) => format!("{}.{group}", one.target),
                };
                table.row([
                    change,
                    &row.subject,
                    row.namespace.as_deref().unwrap_or("cluster-wide"),
                    &one.verbs.join(","),
                    &target,
                    one.name.as_deref().unwrap_or("*"),
                ]);
            }
        }
    }
    table.render()
}
