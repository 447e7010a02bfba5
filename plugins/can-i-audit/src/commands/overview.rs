//! `kubectl can-i-audit`: one screen about the cluster.

use std::collections::BTreeMap;

use can_i_audit::model::engine::World;
use can_i_audit::model::kind::Kind;
use can_i_audit::model::policy::Policy;
use can_i_audit::model::risks::row::Row;
use can_i_audit::model::risks::{self, Severity};
use can_i_audit::model::subject::Subject;
use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::Table;
use groundcrew::plural::count;
use serde::Serialize;

use super::answer::document;
use super::flags::SourceArgs;

/// `kubectl can-i-audit` alone.
#[derive(Args, Debug)]
pub struct OverviewArgs {
    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    source: SourceArgs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Overview {
    subjects: BTreeMap<&'static str, usize>,
    cluster_role_bindings: usize,
    role_bindings: usize,
    cluster_roles: usize,
    roles: usize,
    namespaces: usize,
    service_accounts: usize,
}

/// Shows it.
///
/// # Errors
///
/// That nothing could be read.
pub async fn run(args: OverviewArgs, frame: &Frame) -> Result<Exit> {
    let ui = &frame.ui;
    let observed = args.source.read(frame).await?;
    let policy = &observed.policy;
    let mut subjects: Vec<Subject> = policy
        .cluster_role_bindings
        .iter()
        .chain(&policy.role_bindings)
        .flat_map(|binding| {
            let inside = &binding.metadata.namespace;
            let of = |subject| Subject::of_binding(subject, inside);
            binding.subjects.iter().filter_map(of).collect::<Vec<_>>()
        })
        .collect();
    subjects.sort();
    subjects.dedup();
    let mut kinds: BTreeMap<&'static str, usize> = BTreeMap::new();
    for subject in &subjects {
        let kind = match subject {
            Subject::Group(_) => "groups",
            Subject::Account(..) => "serviceAccounts",
            Subject::User(_) | Subject::Node(_) | Subject::Anonymous => "users",
        };
        *kinds.entry(kind).or_default() += 1;
    }
    let overview = Overview {
        subjects: kinds,
        cluster_role_bindings: policy.cluster_role_bindings.len(),
        role_bindings: policy.role_bindings.len(),
        cluster_roles: policy.cluster_roles.len(),
        roles: policy.roles.len(),
        namespaces: policy.namespaces.len(),
        service_accounts: policy.service_accounts.len(),
    };
    let text = match document(Kind::AccessOverview, policy, &overview, &args.output)? {
        Some(text) => text,
        None if args.output.format == Format::Name => subjects
            .iter()
            .map(|subject| format!("{subject}\n"))
            .collect(),
        None => words(&overview) + &worst(policy),
    };
    ui.answer(text)?;
    if matches!(args.output.format, Format::Table | Format::Wide) {
        for next in [
            "kubectl can-i-audit risks -o wide",
            "kubectl can-i-audit who get secrets --any-namespace",
            "kubectl can-i-audit verify",
        ] {
            ui.hint(next);
        }
    }
    observed.say(ui);
    observed.finish()?;
    Ok(observed.exit(Exit::Done))
}

fn words(overview: &Overview) -> String {
    let of = |kind| overview.subjects.get(kind).copied().unwrap_or_default();
    format!(
        "{}, {} and {} hold {} through {} ({} cluster-wide) in {}.\n",
        count(of("users"), "user"),
        count(of("groups"), "group"),
        count(of("serviceAccounts"), "service account"),
        count(overview.cluster_roles + overview.roles, "role"),
        count(
            overview.cluster_role_bindings + overview.role_bindings,
            "binding"
        ),
        overview.cluster_role_bindings,
        count(overview.namespaces, "namespace"),
    )
}

/// Findings that are shown.
const MOST: usize = 8;

fn worst(policy: &Policy) -> String {
    let world = World::new(policy);
    let mut found = risks::findings(&world, false);
    found.retain(|finding| finding.severity >= Severity::Medium);
    let all = found.len();
    if all == 0 {
        return "no findings of medium severity or above.\n".to_owned();
    }
    let mut table = Table::new(Some(&["SEVERITY", "RULE", "WHO", "WHY"]));
    for finding in found.iter().take(MOST) {
        let row = Row::new(&world, finding);
        table.row([
            row.severity.word(),
            &format!("{} {}", row.rule, row.name),
            &row.concerned(),
            row.why,
        ]);
    }
    format!(
        "{} of medium severity or above; the worst:\n{}",
        count(all, "finding"),
        table.render()
    )
}
