//! What is shown: what the user loses, what was proved, what remains.

use std::fmt::Write as _;
use std::path::PathBuf;

use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output;
use groundcrew::output::Document;
use jiff::Timestamp;
use serde::Serialize;

use crate::commands::offboard::decide::Plan;
use crate::commands::offboard::options::Options;
use crate::commands::offboard::prove::Proof;
use crate::commands::offboard::steps::{Kind, NamespaceEnd, Step, Unbind, name};
use crate::model::change::Change;
use crate::model::kind::Kind as DocumentKind;
use crate::model::left::Left;
use crate::model::record::Record;

/// What is taken away, for documents.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Loses {
    /// Objects that are changed, for `-o name`.
    #[serde(skip)]
    names: Vec<String>,
    user: String,
    generations: Vec<u32>,
    bindings: Vec<BindingDocument>,
    secrets: Vec<String>,
    service_account: Option<String>,
    denied_requests: Vec<String>,
    claims: Vec<String>,
    namespace: Option<NamespaceDocument>,
    shared_groups: Vec<SharedDocument>,
    /// When the last of the user's certificates expires; until then it still identifies them.
    #[serde(skip_serializing_if = "Option::is_none")]
    known_until: Option<Timestamp>,
    /// The user has a login that an identity provider issues, which offboarding does not end.
    can_log_in: bool,
}

impl Loses {
    fn names(&self) -> String {
        self.names.iter().map(|name| format!("{name}\n")).collect()
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BindingDocument {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    name: String,
    role: String,
    others_stay: usize,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NamespaceDocument {
    name: String,
    outcome: NamespaceOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    archive: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum NamespaceOutcome {
    Kept,
    NotOwned,
    GoingAlready,
    /// It stays: not all of it could be archived.
    NotArchived,
    Deleted,
}

impl From<&NamespaceEnd> for NamespaceDocument {
    fn from(end: &NamespaceEnd) -> Self {
        Self {
            name: end.name().to_owned(),
            outcome: match end {
                NamespaceEnd::Kept(_) => NamespaceOutcome::Kept,
                NamespaceEnd::NotOwned(_) => NamespaceOutcome::NotOwned,
                NamespaceEnd::Going(_) => NamespaceOutcome::GoingAlready,
                NamespaceEnd::Deleted { .. } => NamespaceOutcome::Deleted,
            },
            archive: None,
        }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SharedDocument {
    group: String,
    binding: String,
    role: String,
}

/// The document of a finished run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    #[serde(flatten)]
    loses: Loses,
    proof: Proof,
    /// Where the user could create tokens that outlive their rights.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    could_have_left: Vec<Left>,
}

fn document(options: &Options, record: Option<&Record>, plan: &Plan, now: Timestamp) -> Loses {
    let generations = record
        .map(|record| record.generations.as_slice())
        .unwrap_or_default();
    let shared = plan.shared.iter().map(|one| SharedDocument {
        group: one.group.clone(),
        binding: one.binding.clone(),
        role: one.role.clone(),
    });
    let changed = plan.steps.iter();
    let changed = changed.filter(|step| step.change() != Change::Unchanged);
    let mut all = Loses {
        names: changed.map(Step::short_name).collect(),
        user: options.user.as_str().to_owned(),
        generations: generations.iter().map(|issue| issue.generation).collect(),
        bindings: Vec::new(),
        secrets: Vec::new(),
        service_account: None,
        denied_requests: Vec::new(),
        claims: Vec::new(),
        namespace: None,
        shared_groups: shared.collect(),
        known_until: generations
            .iter()
            .filter(|issue| issue.sha256.is_some() && issue.not_after > now)
            .map(|issue| issue.not_after)
            .max(),
        can_log_in: generations.iter().any(|issue| issue.kind.is_foreign()),
    };
    for step in &plan.steps {
        match step {
            Step::Record { .. } => {}
            Step::Binding(unbind) => all.bindings.push(BindingDocument {
                kind: unbind.binding.kind(),
                namespace: unbind.binding.metadata.namespace.clone(),
                name: name(&unbind.binding.metadata).to_owned(),
                role: unbind.binding.granted(),
                others_stay: unbind.others.len(),
            }),
            Step::Secret(secret) => all.secrets.push(name(secret).to_owned()),
            Step::Account(account) => all.service_account = Some(name(account).to_owned()),
            Step::Request(request) => {
                all.denied_requests.push(name(&request.metadata).to_owned());
            }
            Step::Claim(claim) => all.claims.push(name(claim).to_owned()),
            Step::Namespace(end) => all.namespace = Some(end.into()),
        }
    }
    all
}

/// Renders what a run would do.
///
/// # Errors
///
/// Only when the plan has no JSON form.
pub fn plan(
    options: &Options,
    record: Option<&Record>,
    plan: &Plan,
    now: Timestamp,
) -> Result<String> {
    let body = || {
        Document::new(
            DocumentKind::OffboardPlan,
            document(options, record, plan, now),
        )
    };
    match options.output.format {
        Format::Json => output::json(&body()),
        Format::Yaml => output::yaml(&body()),
        Format::Name => Ok(document(options, record, plan, now).names()),
        Format::Table | Format::Wide => Ok(loses(options, record, plan, now)),
    }
}

/// Renders what the user loses, for people.
pub fn loses(options: &Options, record: Option<&Record>, plan: &Plan, now: Timestamp) -> String {
    let user = &options.user;
    let generations = record
        .map(|record| record.generations.as_slice())
        .unwrap_or_default();
    let numbers: Vec<String> = generations
        .iter()
        .map(|issue| issue.generation.to_string())
        .collect();
    let mut text = match (plan.is_empty(), numbers.len()) {
        (true, _) => format!("nothing gives {user} any rights of their own:\n"),
        (_, 0) => format!("{user} loses:\n"),
        (_, 1) => format!("{user} (generation {}) loses:\n", numbers[0]),
        _ => format!("{user} (generations {}) loses:\n", numbers.join(", ")),
    };
    let mut line = |what: &str, rest: String| {
        let _ = writeln!(text, "  {what:<18}  {rest}");
    };
    let mut steps = plan.steps.iter().peekable();
    while let Some(step) = steps.next_if(|step| step.kind() <= Kind::Binding) {
        if let Step::Binding(unbind) = step {
            line(unbind.binding.kind(), binding(unbind));
        }
    }
    for issue in generations {
        if issue.not_after > now && issue.sha256.is_some() {
            let end = issue.not_after.strftime("%Y-%m-%d");
            let number = issue.generation;
            let rest = format!("g{number}, still valid until {end}, useless without its group");
            line("certificate", rest);
        }
    }
    for step in steps {
        match step {
            Step::Record { .. } | Step::Binding(_) | Step::Account(_) => {}
            Step::Secret(secret) => {
                let rest = format!("secret {}, ends within seconds", name(secret));
                line("token", rest);
            }
            Step::Request(request) => {
                line("request", format!("{}, denied", name(&request.metadata)));
            }
            Step::Claim(claim) => {
                let rest = format!("{}   (deleted, including everything in it)", name(claim));
                line("claim", rest);
            }
            Step::Namespace(end) => {
                line("namespace", namespace(end, step, options));
                if let NamespaceEnd::Deleted { others, .. } = end
                    && !others.is_empty()
                {
                    line("", format!("others lose it too: {}", others.join(", ")));
                }
            }
        }
    }
    for shared in &plan.shared {
        line(
            "NOT removed",
            still_gives(&shared.group, &shared.binding, &shared.role),
        );
    }
    text
}

fn binding(unbind: &Unbind) -> String {
    let binding = &unbind.binding;
    let stays = match unbind.others.len() {
        0 => String::new(),
        others => format!("; stays for {}", count_of(others, "other subject")),
    };
    let described = binding.describe();
    let place = described.split_once(' ').map_or("", |(_, place)| place);
    format!("{place}   ({}{stays})", binding.granted())
}

fn namespace(end: &NamespaceEnd, step: &Step, options: &Options) -> String {
    let name = end.name();
    let NamespaceEnd::Deleted { contents, .. } = end else {
        return format!("{name}   ({})", step.detail(options.user.as_str()));
    };
    let mut inside = vec![
        count_of(contents.pods, "pod"),
        count_of(contents.claims, "PersistentVolumeClaim"),
    ];
    if contents.load_balancers > 0 {
        inside.push(count_of(contents.load_balancers, "load balancer"));
    }
    let archive = match &options.archive {
        Some(directory) => format!("archived in {}, then ", directory.display()),
        None => String::new(),
    };
    format!("{name}   ({archive}deleted with {})", inside.join(", "))
}

fn still_gives(group: &str, binding: &str, role: &str) -> String {
    format!("group {group} in the certificate: {binding} gives {role}")
}

/// Returns `1 pod`, `2 pods`.
#[must_use]
pub fn count_of(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

impl Report {
    /// Makes the report.
    #[must_use]
    pub fn new(
        options: &Options,
        record: &Record,
        plan: &Plan,
        proof: Proof,
        could_have_left: Vec<Left>,
        now: Timestamp,
    ) -> Self {
        let loses = document(options, Some(record), plan, now);
        Self {
            loses,
            proof,
            could_have_left,
        }
    }

    /// Notes where what was in the namespace is kept.
    pub fn archived(&mut self, folder: PathBuf) {
        if let Some(namespace) = &mut self.loses.namespace {
            namespace.archive = Some(folder);
        }
    }

    /// Notes that the namespace stays, because not all of it could be archived.
    pub fn kept_namespace(&mut self) {
        if let Some(namespace) = &mut self.loses.namespace {
            namespace.outcome = NamespaceOutcome::NotArchived;
            let name = format!("namespace/{}", namespace.name);
            self.loses.names.retain(|one| *one != name);
        }
    }

    /// Renders the report.
    ///
    /// # Errors
    ///
    /// Only when it has no JSON form.
    pub fn render(&self, output: &OutputArgs, exit: Exit) -> Result<String> {
        match output.format {
            Format::Json => output::json(&Document::new(DocumentKind::OffboardReport, self)),
            Format::Yaml => output::yaml(&Document::new(DocumentKind::OffboardReport, self)),
            Format::Name => Ok(self.loses.names()),
            Format::Table | Format::Wide => Ok(self.text(exit)),
        }
    }

    fn text(&self, exit: Exit) -> String {
        let user = &self.loses.user;
        let mut text = match exit {
            Exit::Done if !self.could_have_left.is_empty() => {
                format!("{user} has no rights of their own.\n")
            }
            Exit::Done => format!("{user} has no access.\n"),
            Exit::Incomplete => format!("{user} has no access, as far as could be checked.\n"),
            _ => format!("{user} still has access:\n"),
        };
        for left in &self.proof.allowed {
            let examples = left.examples.join(", ");
            let more = left.permissions.saturating_sub(left.examples.len());
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let _ = writeln!(text, "  {}\n    {examples}{more}", left.through);
        }
        for one in &self.loses.shared_groups {
            let line = still_gives(&one.group, &one.binding, &one.role);
            let _ = writeln!(text, "  {line}");
        }
        for left in &self.could_have_left {
            text.push_str(&not_ended(user, left));
        }
        if self.loses.can_log_in {
            let _ = writeln!(
                text,
                "{user} can still log in: only the identity provider can end that."
            );
        }
        if let Some(until) = self.loses.known_until {
            let _ = writeln!(
                text,
                "What remains until {}: API discovery, as for any authenticated user.",
                until.strftime("%Y-%m-%d")
            );
        }
        text
    }
}

/// Says what may outlive the user's rights in a namespace, and how it is ended.
fn not_ended(user: &str, left: &Left) -> String {
    let namespace = &left.namespace;
    let mut text = String::new();
    if left.tokens {
        let accounts = match left.service_accounts.as_slice() {
            [] => String::new(),
            names => format!(" ({})", names.join(", ")),
        };
        let _ = writeln!(
            text,
            "Not ended: {user} could create tokens for the service accounts of namespace {namespace}{accounts}.\n  \
             A token ends with its account:  kubectl delete serviceaccount NAME -n {namespace}"
        );
    }
    if !left.token_secrets.is_empty() {
        let _ = writeln!(
            text,
            "Not ended: {user} could read or make the tokens in Secrets of namespace {namespace}.\n  \
             A token ends with its Secret:  kubectl delete secret {} -n {namespace}",
            left.token_secrets.join(" ")
        );
    }
    for binding in &left.bindings {
        let _ = writeln!(
            text,
            "Not ended: made while {user} could make bindings, perhaps by {user}: {binding}"
        );
    }
    if let Some(why) = &left.unseen {
        let _ = writeln!(text, "Not seen: Secrets of namespace {namespace}: {why}");
    }
    text
}
