//! What is shown: what she loses, what was proved, what remains.

use std::fmt::Write as _;
use std::path::PathBuf;

use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output;
use groundcrew::output::{Document, Kind};
use groundcrew::ui::Ui;
use jiff::Timestamp;
use serde::Serialize;

use crate::commands::offboard::decide::{NamespaceEnd, Plan, Shared};
use crate::commands::offboard::options::Options;
use crate::commands::offboard::prove::Proof;
use crate::model::record::Record;

/// What is taken away, for documents.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Loses {
    user: String,
    generations: Vec<u32>,
    bindings: Vec<BindingDocument>,
    secrets: Vec<String>,
    service_account: Option<String>,
    denied_requests: Vec<String>,
    claims: Vec<String>,
    namespace: Option<NamespaceDocument>,
    shared_groups: Vec<SharedDocument>,
    /// When the last of her certificates ends; until then it still says who she is.
    #[serde(skip_serializing_if = "Option::is_none")]
    known_until: Option<Timestamp>,
    /// She has a login that somebody else issues, and that nothing here ends.
    can_log_in: bool,
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
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    archive: Option<PathBuf>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SharedDocument {
    group: String,
    binding: String,
    role: String,
}

/// What a run ends with.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    #[serde(flatten)]
    loses: Loses,
    proof: Proof,
}

fn document(options: &Options, record: Option<&Record>, plan: &Plan, now: Timestamp) -> Loses {
    let name = |metadata: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta| {
        metadata.name.clone().unwrap_or_default()
    };
    let generations = record
        .map(|record| record.generations.as_slice())
        .unwrap_or_default();
    let namespace = |name: &String, outcome| {
        Some(NamespaceDocument {
            name: name.clone(),
            outcome,
            archive: None,
        })
    };
    Loses {
        user: options.user.as_str().to_owned(),
        generations: generations.iter().map(|issue| issue.generation).collect(),
        bindings: plan
            .bindings
            .iter()
            .map(|unbind| BindingDocument {
                kind: unbind.binding.kind(),
                namespace: unbind.binding.metadata.namespace.clone(),
                name: name(&unbind.binding.metadata),
                role: format!("{} {}", unbind.binding.role.kind, unbind.binding.role.name),
                others_stay: unbind.others.len(),
            })
            .collect(),
        secrets: plan.secrets.iter().map(name).collect(),
        service_account: plan.account.as_ref().map(name),
        denied_requests: plan
            .requests
            .iter()
            .map(|one| name(&one.metadata))
            .collect(),
        claims: plan.claims.iter().map(name).collect(),
        namespace: match &plan.namespace {
            NamespaceEnd::None => None,
            NamespaceEnd::Kept(name) => namespace(name, "kept"),
            NamespaceEnd::NotOwned(name) => namespace(name, "notHers"),
            NamespaceEnd::Going(name) => namespace(name, "goingAlready"),
            NamespaceEnd::Deleted { metadata, .. } => namespace(&name(metadata), "deleted"),
        },
        shared_groups: plan
            .shared
            .iter()
            .map(
                |Shared {
                     group,
                     binding,
                     role,
                 }| SharedDocument {
                    group: group.clone(),
                    binding: binding.clone(),
                    role: role.clone(),
                },
            )
            .collect(),
        known_until: generations
            .iter()
            .filter(|issue| issue.sha256.is_some() && issue.not_after > now)
            .map(|issue| issue.not_after)
            .max(),
        can_log_in: generations.iter().any(|issue| issue.kind.is_foreign()),
    }
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
    let body = || Document::new(Kind::OffboardPlan, document(options, record, plan, now));
    match options.output.format {
        Format::Json => output::json(&body()),
        Format::Yaml => output::yaml(&body()),
        _ => Ok(loses(options, record, plan, now)),
    }
}

/// Renders what she loses, for people.
pub fn loses(options: &Options, record: Option<&Record>, plan: &Plan, now: Timestamp) -> String {
    let user = &options.user;
    let numbers: Vec<String> = record
        .iter()
        .flat_map(|record| &record.generations)
        .map(|issue| issue.generation.to_string())
        .collect();
    let mut text = match (plan.is_empty(), numbers.len()) {
        (true, _) => format!("nothing gives {user} any rights of her own:\n"),
        (_, 0) => format!("{user} loses:\n"),
        (_, 1) => format!("{user} (generation {}) loses:\n", numbers[0]),
        _ => format!("{user} (generations {}) loses:\n", numbers.join(", ")),
    };
    let mut line = |what: &str, rest: String| {
        let _ = writeln!(text, "  {what:<18}  {rest}");
    };
    for unbind in &plan.bindings {
        let binding = &unbind.binding;
        let stays = match unbind.others.len() {
            0 => String::new(),
            1 => "; stays for another".to_owned(),
            others => format!("; stays for {others} others"),
        };
        let described = binding.describe();
        let place = described.split_once(' ').map_or("", |(_, place)| place);
        let role = &binding.role;
        line(
            binding.kind(),
            format!("{place}   ({} {}{stays})", role.kind, role.name),
        );
    }
    for issue in record.iter().flat_map(|record| &record.generations) {
        if issue.not_after > now && issue.sha256.is_some() {
            let end = issue.not_after.strftime("%Y-%m-%d");
            let number = issue.generation;
            let rest = format!("g{number}, still valid until {end}, useless without its group");
            line("certificate", rest);
        }
    }
    for secret in &plan.secrets {
        let name = secret.name.as_deref().unwrap_or_default();
        line("token", format!("secret {name}, ends within seconds"));
    }
    for claim in &plan.claims {
        let name = claim.name.as_deref().unwrap_or_default();
        line("claim", format!("{name}   (deleted with what is in it)"));
    }
    for request in &plan.requests {
        let name = request.metadata.name.as_deref().unwrap_or_default();
        line("request", format!("{name}, denied"));
    }
    match &plan.namespace {
        NamespaceEnd::None => {}
        NamespaceEnd::Kept(name) => line("namespace", format!("{name}   (kept: --keep-namespace)")),
        NamespaceEnd::NotOwned(name) => {
            line(
                "namespace",
                format!("{name}   (kept: nothing says that it is {user}'s)"),
            );
        }
        NamespaceEnd::Going(name) => line("namespace", format!("{name}   (is being deleted)")),
        NamespaceEnd::Deleted {
            metadata,
            contents,
            others,
        } => {
            let name = metadata.name.as_deref().unwrap_or_default();
            let mut inside = vec![
                count(contents.pods, "pod"),
                count(contents.claims, "PersistentVolumeClaim"),
            ];
            if contents.load_balancers > 0 {
                inside.push(count(contents.load_balancers, "load balancer"));
            }
            let archive = match &options.archive {
                Some(directory) => format!("archived in {}, then ", directory.display()),
                None => String::new(),
            };
            line(
                "namespace",
                format!("{name}   ({archive}deleted with {})", inside.join(", ")),
            );
            if !others.is_empty() {
                line("", format!("others lose it too: {}", others.join(", ")));
            }
        }
    }
    for Shared {
        group,
        binding,
        role,
    } in &plan.shared
    {
        line(
            "NOT ended",
            format!("group {group} in her certificate: {binding} gives {role}"),
        );
    }
    text
}

fn count(number: usize, what: &str) -> String {
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
        archive: Option<PathBuf>,
        now: Timestamp,
    ) -> Self {
        let mut loses = document(options, Some(record), plan, now);
        if let Some(namespace) = &mut loses.namespace {
            namespace.archive = archive;
        }
        Self { loses, proof }
    }

    /// Returns whether nothing is left and everything could be asked.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.exit() == Exit::Done
    }

    /// Returns how the run ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        if !self.proof.allowed.is_empty() || !self.loses.shared_groups.is_empty() {
            Exit::No
        } else if !self.proof.unknown.is_empty() {
            Exit::Incomplete
        } else {
            Exit::Done
        }
    }

    /// Says what the server answered.
    pub fn show_proof(&self, ui: &Ui) {
        let Proof {
            checks,
            allowed,
            unknown,
        } = &self.proof;
        let user = &self.loses.user;
        if allowed.is_empty() {
            let groups: Vec<String> = self
                .loses
                .generations
                .iter()
                .map(|g| format!("g{g}"))
                .collect();
            let with = if groups.is_empty() {
                String::new()
            } else {
                format!(" with {}", groups.join(", "))
            };
            ui.done(
                "proved",
                format!("{checks} permission checks as {user}{with}: all denied"),
            );
        } else {
            let left: usize = allowed.iter().map(|one| one.permissions).sum();
            ui.warning(format_args!(
                "{left} of {checks} permission checks as {user} are allowed"
            ));
        }
        for group in unknown {
            ui.warning(format_args!(
                "not sure: the server cannot tell about {group}"
            ));
        }
    }

    /// Renders the report.
    ///
    /// # Errors
    ///
    /// Only when it has no JSON form.
    pub fn render(&self, output: &OutputArgs) -> Result<String> {
        match output.format {
            Format::Json => output::json(&Document::new(Kind::OffboardReport, self)),
            Format::Yaml => output::yaml(&Document::new(Kind::OffboardReport, self)),
            _ => Ok(self.text()),
        }
    }

    fn text(&self) -> String {
        let user = &self.loses.user;
        let mut text = match self.exit() {
            Exit::Done => format!("{user} has no access.\n"),
            Exit::Incomplete => format!("{user} has no access as far as it could be asked.\n"),
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
        for SharedDocument {
            group,
            binding,
            role,
        } in &self.loses.shared_groups
        {
            let _ = writeln!(
                text,
                "  group {group} in her certificate: {binding} gives {role}"
            );
        }
        if self.loses.can_log_in {
            text.push_str("Her login is not ended here: whoever issues it can end it.\n");
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
