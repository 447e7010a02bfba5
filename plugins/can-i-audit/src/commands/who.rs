//! `kubectl can-i-audit who`: everybody who may do something.

use std::collections::{BTreeMap, BTreeSet};

use can_i_audit::model::engine::{Chain, WhoRow, World};
use can_i_audit::model::grant::{self, Grant};
use can_i_audit::model::kind::Kind;
use can_i_audit::model::question::{Action, Target};
use can_i_audit::model::subject::{MASTERS, Subject};
use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::Table;
use groundcrew::ui::Ui;
use serde::Serialize;

use super::answer::Observed;
use super::answer::document;
use super::flags::{ActionArgs, SourceArgs};

/// List who can do something, where, and through which binding
///
/// Without a scope flag, asks about the namespace of -n or of the context. Cluster-wide grants
/// count everywhere.
#[derive(Args, Debug)]
pub struct WhoArgs {
    #[command(flatten)]
    action: ActionArgs,

    #[command(flatten)]
    scope: ScopeArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    source: SourceArgs,
}

/// The scope of the question.
#[derive(Args, Clone, Copy, Debug)]
struct ScopeArgs {
    /// Those who can in at least one namespace
    #[arg(short = 'A', long, visible_alias = "all-namespaces", group = "scope")]
    any_namespace: bool,

    /// Only those who can in every current namespace
    #[arg(long, group = "scope")]
    every_namespace: bool,

    /// Only those who can across all namespaces, including future ones
    #[arg(long, group = "scope")]
    cluster_wide: bool,
}

impl ScopeArgs {
    /// Returns the scope that a flag names.
    fn named(self) -> Option<Scope> {
        if self.any_namespace {
            Some(Scope::Any)
        } else if self.every_namespace {
            Some(Scope::Every)
        } else if self.cluster_wide {
            Some(Scope::Cluster)
        } else {
            None
        }
    }
}

/// The place that the question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Scope {
    Namespace(String),
    Any,
    Every,
    Cluster,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    question: String,
    scope: String,
    subjects: Vec<Row<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    subject: Subject,
    /// Absent when it is cluster-wide.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    superuser: bool,
    grants: Vec<Grant<'a>>,
    #[serde(skip)]
    chains: Vec<Chain>,
}

/// Answers.
///
/// # Errors
///
/// That the question makes no sense, or nothing could be read.
pub async fn run(args: WhoArgs, frame: &Frame) -> Result<Exit> {
    let ui = &frame.ui;
    let named = args.scope.named();
    if named.is_some() && frame.kube.namespace.is_some() {
        return Err(Error::usage(
            "-n cannot be combined with --any-namespace, --every-namespace or --cluster-wide",
        ));
    }
    let observed = args.source.read(frame).await?;
    let policy = &observed.policy;
    let asked = args.action.action(&observed, ui)?;
    let here = || Scope::Namespace(observed.namespace.clone());
    let scope = named.clone().unwrap_or_else(here);
    let (asked, scope) = read_as_request(asked, scope, &observed, ui);
    let world = World::new(policy);
    let rows = rows(&world, &asked, &scope);
    let answer = Answer {
        question: asked.to_string(),
        scope: words(&scope),
        subjects: rows
            .into_iter()
            .map(|row| Row {
                superuser: row.subject == Subject::Group(MASTERS.to_owned()),
                grants: row
                    .chains
                    .iter()
                    .map(|chain| grant::grant(&world, *chain))
                    .collect(),
                subject: row.subject,
                namespace: row.namespace,
                chains: row.chains,
            })
            .collect(),
    };
    let text = match document(Kind::AccessSubjects, policy, &answer, &args.output)? {
        Some(text) => text,
        None => render(&world, &answer, &args.output),
    };
    // Before the answer, so that nobody takes one place for all.
    let others = if named.is_none() && matches!(scope, Scope::Namespace(_)) {
        " (everywhere: -A)"
    } else {
        ""
    };
    ui.status(format_args!(
        "who can {} {}{others}",
        answer.question, answer.scope
    ));
    ui.answer(text)?;
    observed.say(ui);
    observed.finish()?;
    Ok(observed.exit(Exit::Done))
}

/// Reads the question as a real request, which may have another scope.
fn read_as_request(
    asked: Action,
    mut scope: Scope,
    observed: &Observed,
    ui: &Ui,
) -> (Action, Scope) {
    if matches!(asked.target, Target::Path(_)) {
        return (asked, Scope::Cluster);
    }
    // A question in a namespace that the server would put without one, or with another.
    let probe = match &scope {
        Scope::Namespace(namespace) => namespace.clone(),
        _ => "-".to_owned(),
    };
    let read = asked
        .within(&probe)
        .read_as(observed.mode, &observed.policy.catalog);
    if read.namespace() != probe {
        scope = if read.namespace().is_empty() {
            if scope != Scope::Cluster {
                ui.status(format_args!(
                    "{asked} concerns the whole cluster, so only cluster-wide bindings count."
                ));
            }
            Scope::Cluster
        } else {
            Scope::Namespace(read.namespace().to_owned())
        };
    }
    (read, scope)
}

fn rows<'a>(world: &World<'a>, asked: &Action, scope: &Scope) -> Vec<WhoRow<'a>> {
    let namespace = match scope {
        Scope::Namespace(namespace) => Some(namespace.as_str()),
        Scope::Any | Scope::Every => None,
        // No RoleBinding has an empty namespace.
        Scope::Cluster => Some(""),
    };
    let mut rows = world.who(asked, namespace);
    if *scope == Scope::Every {
        let all: BTreeSet<&str> = world
            .policy
            .namespaces
            .iter()
            .map(|namespace| namespace.metadata.name.as_str())
            .collect();
        let mut reached: BTreeMap<Subject, BTreeSet<&str>> = BTreeMap::new();
        let mut everywhere: BTreeSet<Subject> = BTreeSet::new();
        for row in &rows {
            match row.namespace {
                None => {
                    everywhere.insert(row.subject.clone());
                }
                Some(namespace) => {
                    reached
                        .entry(row.subject.clone())
                        .or_default()
                        .insert(namespace);
                }
            }
        }
        rows.retain(|row| {
            everywhere.contains(&row.subject)
                || reached
                    .get(&row.subject)
                    .is_some_and(|reached| !all.is_empty() && reached.is_superset(&all))
        });
    }
    let masters = Subject::Group(MASTERS.to_owned());
    if !rows
        .iter()
        .any(|row| row.subject == masters && row.namespace.is_none())
    {
        rows.push(WhoRow {
            subject: masters,
            namespace: None,
            chains: Vec::new(),
        });
        rows.sort_by(|one, other| {
            (&one.subject, one.namespace).cmp(&(&other.subject, other.namespace))
        });
    }
    rows
}

fn words(scope: &Scope) -> String {
    match scope {
        Scope::Namespace(name) => format!("in namespace {name}"),
        Scope::Any => "in any namespace".to_owned(),
        Scope::Every => "in every namespace".to_owned(),
        Scope::Cluster => "cluster-wide".to_owned(),
    }
}

fn render(world: &World<'_>, answer: &Answer<'_>, output: &OutputArgs) -> String {
    if output.format == Format::Name {
        let names: BTreeSet<&Subject> = answer.subjects.iter().map(|row| &row.subject).collect();
        return names.iter().map(|name| format!("{name}\n")).collect();
    }
    let headers = ["SUBJECT", "SCOPE", "THROUGH"];
    let mut table = Table::new((!output.no_headers).then_some(headers.as_slice()));
    for row in &answer.subjects {
        let scope = row.namespace.unwrap_or("cluster-wide");
        let subject = row.subject.to_string();
        if row.chains.is_empty() {
            table.row([
                subject.as_str(),
                scope,
                "built into the API server: superusers",
            ]);
            continue;
        }
        let wide = output.format == Format::Wide;
        let shown = if wide { row.chains.len() } else { 1 };
        for chain in &row.chains[..shown] {
            let mut through = grant::words(world, *chain);
            if !wide && row.chains.len() > 1 {
                through.push_str(&format!("  (+{} more)", row.chains.len() - 1));
            }
            table.row([subject.as_str(), scope, &through]);
        }
    }
    table.render()
}
