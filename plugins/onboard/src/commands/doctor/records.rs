//! Records that disagree with reality. Pure.

use groundcrew::finding::{Finding, Severity, Sight, Unseen};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::{RoleBinding, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::commands::doctor::known::{
    Known, Looked, RECORDS, RUN, broken, is_running, issue, warning,
};
use crate::commands::doctor::leftovers;
use crate::commands::doctor::observe::Observed;
use crate::model::credential_kind::CredentialKind;
use crate::model::holder::Holder;
use crate::model::labels;
use crate::model::login::Asserted;
use crate::model::user::UserName;

/// One binding of either kind.
struct Bound<'a> {
    /// `rolebinding/alice/onboard-alice`.
    place: String,
    /// What removes it.
    delete: String,
    metadata: &'a ObjectMeta,
    role: &'a str,
    subjects: &'a [Subject],
}

/// Compares everything on record with what is there.
pub fn look(found: &Observed, now: Timestamp) -> Vec<Looked> {
    let people = match &found.people {
        Ok(people) => people,
        Err(why) => return vec![Err(Unseen::new(RECORDS, why))],
    };
    let mut lines = Vec::new();
    for why in &people.unreadable {
        let fix = format!("kubectl get configmaps -n {SYSTEM_NAMESPACE} -o yaml");
        lines.push(broken("", why.clone(), fix));
    }
    let mut known = Vec::new();
    for (record, _) in &people.known {
        match UserName::parse(&record.user) {
            Ok(user) => known.push(Known { user, record }),
            Err(error) => lines.push(broken("", error.to_string(), String::new())),
        }
    }
    // Objects of a user whose record cannot be read are not called leftovers.
    let whole = people.unreadable.is_empty();
    let bound = bindings(found, &mut lines);
    let namespaces = seen(&found.namespaces, &mut lines);
    for one in &known {
        lines.extend(run_that_died(one, now));
        lines.extend(ended(one, now));
        if let Some(namespaces) = namespaces {
            lines.extend(namespace(one, namespaces, now));
        }
        if let Some(bound) = &bound {
            lines.extend(home_binding(one, bound, now));
        }
    }
    for binding in bound.iter().flatten() {
        lines.extend(rights(binding, &known, whole, now));
    }
    if let Some(namespaces) = namespaces.filter(|_| whole) {
        lines.extend(
            namespaces
                .iter()
                .filter_map(|one| leftovers::namespace(one, &known)),
        );
    }
    if let Some(requests) = seen(&found.requests, &mut lines) {
        lines.extend(
            requests
                .iter()
                .filter_map(|one| leftovers::request(one, &known, now)),
        );
    }
    if let Some(secrets) = seen(&found.secrets, &mut lines) {
        lines.extend(
            secrets
                .iter()
                .filter_map(|one| leftovers::secret(one, &known, now)),
        );
        for one in &known {
            lines.extend(leftovers::tokens(one, secrets, now));
        }
    }
    if lines.is_empty() {
        let count = known.len();
        let text = match count {
            0 => "no users are onboarded".to_owned(),
            1 => "1 user on record; everything matches the record".to_owned(),
            _ => format!("{count} users on record; everything matches the records"),
        };
        lines.push(Ok(Finding::new(Severity::Ok, RECORDS, text)));
    }
    lines
}

fn seen<'a>(
    list: &'a Sight<Vec<ObjectMeta>>,
    lines: &mut Vec<Looked>,
) -> Option<&'a Vec<ObjectMeta>> {
    list.as_ref()
        .map_err(|why| lines.push(Err(Unseen::new(RECORDS, why))))
        .ok()
}

fn bindings<'a>(found: &'a Observed, lines: &mut Vec<Looked>) -> Option<Vec<Bound<'a>>> {
    let mut all = Vec::new();
    match &found.bindings {
        Ok(list) => all.extend(list.iter().map(|one: &RoleBinding| {
            let name = one.metadata.name.as_deref().unwrap_or_default();
            let namespace = one.metadata.namespace.as_deref().unwrap_or_default();
            Bound {
                place: format!("rolebinding/{namespace}/{name}"),
                delete: format!("kubectl delete rolebinding {name} -n {namespace}"),
                metadata: &one.metadata,
                role: &one.role_ref.name,
                subjects: one.subjects.as_deref().unwrap_or_default(),
            }
        })),
        Err(why) => {
            lines.push(Err(Unseen::new(RECORDS, why)));
            return None;
        }
    }
    match &found.cluster_bindings {
        Ok(list) => all.extend(list.iter().map(|one| {
            let name = one.metadata.name.as_deref().unwrap_or_default();
            Bound {
                place: format!("clusterrolebinding/{name}"),
                delete: format!("kubectl delete clusterrolebinding {name}"),
                metadata: &one.metadata,
                role: &one.role_ref.name,
                subjects: one.subjects.as_deref().unwrap_or_default(),
            }
        })),
        Err(why) => lines.push(Err(Unseen::new(RECORDS, why))),
    }
    Some(all)
}

fn again(user: &UserName) -> String {
    format!("kubectl onboard {user}")
}

fn run_that_died(one: &Known<'_>, now: Timestamp) -> Option<Looked> {
    let begun = one.record.begun.as_ref()?;
    if now.duration_since(begun.since) < RUN {
        return None;
    }
    let (user, by, since) = (&one.user, &begun.by, begun.since);
    let why = format!("a run of {by} for {user} started at {since} and did not finish");
    Some(warning(one.place(), why, again(user)))
}

fn ended(one: &Known<'_>, now: Timestamp) -> Option<Looked> {
    let last = one.record.generations.last()?;
    if one.record.live(now).next().is_some() || last.revoked_at.is_some() {
        return None;
    }
    let (user, generation) = (&one.user, last.generation);
    let why = format!(
        "the last credential of {user}, g{generation}, expired at {}",
        last.not_after
    );
    Some(warning(one.place(), why, again(user)))
}

fn namespace(one: &Known<'_>, namespaces: &[ObjectMeta], now: Timestamp) -> Option<Looked> {
    let (user, name) = (&one.user, &one.record.namespace);
    let place = format!("namespace/{name}");
    let lives = one.record.live(now).next().is_some();
    let found = namespaces
        .iter()
        .find(|found| found.name.as_deref() == Some(name));
    let Some(found) = found else {
        let why = format!("the namespace of {user} does not exist");
        return lives.then(|| broken(place, why, again(user)));
    };
    if found.deletion_timestamp.is_some() {
        let why = format!("the namespace of {user} is being deleted");
        let fix = format!("once it is gone:  {}", again(user));
        return lives.then(|| broken(place, why, fix));
    }
    let owner = found
        .annotations
        .as_ref()
        .and_then(|all| all.get(labels::OWNER));
    let over = one.record.ended.is_some() || one.record.settings.no_namespace;
    if over || owner.map(String::as_str) == Some(user.as_str()) {
        return None;
    }
    let whose = match owner {
        Some(owner) => format!("is owned by {owner}"),
        None => "has no owner annotation".to_owned(),
    };
    Some(broken(
        place,
        format!("the namespace of {user} {whose}"),
        format!(
            "kubectl get namespace {name} -o yaml; if it belongs to {user}:  kubectl annotate namespace {name} --overwrite {}={user}",
            labels::OWNER
        ),
    ))
}

/// The user's own binding has to name every live generation.
fn home_binding(one: &Known<'_>, bound: &[Bound<'_>], now: Timestamp) -> Vec<Looked> {
    let (user, record) = (&one.user, one.record);
    let holders = record.holders(user, now);
    if holders.is_empty() {
        return Vec::new();
    }
    let name = labels::binding_name(user);
    let home = bound.iter().find(|binding| {
        binding.metadata.name.as_deref() == Some(&name)
            && binding.metadata.namespace.as_deref() == Some(&record.namespace)
    });
    let Some(home) = home else {
        let namespace = &record.namespace;
        let place = format!("rolebinding/{namespace}/{name}");
        let why = format!("the binding of {user} does not exist");
        return vec![broken(place, why, again(user))];
    };
    holders
        .iter()
        .filter(|holder| !home.subjects.iter().any(|subject| names(subject, holder)))
        .map(|holder| {
            let why = format!("the binding of {user} does not name {}", holder.describe());
            broken(&home.place, why, again(user))
        })
        .collect()
}

fn names(subject: &Subject, holder: &Holder) -> bool {
    match holder {
        Holder::Asserted(Asserted::User(name)) => subject.kind == "User" && subject.name == *name,
        Holder::Asserted(Asserted::Group(name)) | Holder::Group(name) => {
            subject.kind == "Group" && subject.name == *name
        }
        Holder::ServiceAccount(name) => {
            subject.kind == "ServiceAccount"
                && subject.name == *name
                && subject.namespace.as_deref() == Some(SYSTEM_NAMESPACE)
        }
    }
}

/// Only a live generation may hold rights through a binding.
fn rights(binding: &Bound<'_>, known: &[Known<'_>], whole: bool, now: Timestamp) -> Vec<Looked> {
    let mut lines = Vec::new();
    let mut foreign = false;
    for subject in binding.subjects {
        let (place, role) = (&binding.place, binding.role);
        let group = subject.kind == "Group" && subject.name.starts_with("onboard:");
        let account = subject.kind == "ServiceAccount"
            && subject.namespace.as_deref() == Some(SYSTEM_NAMESPACE)
            && subject.name.starts_with("onboard-");
        if group {
            let owner = known.iter().find_map(|one| {
                let generation = one.user.generation_of(&subject.name)?;
                Some((one, generation))
            });
            match owner {
                Some((one, generation)) => {
                    lines.extend(group_of(one, generation, binding, now));
                }
                None if whole => {
                    foreign = true;
                    let why = format!(
                        "gives {role} to group {}, which belongs to no user on record",
                        subject.name
                    );
                    lines.push(broken(place, why, binding.delete.clone()));
                }
                None => {}
            }
        } else if account {
            let owner = known
                .iter()
                .find(|one| labels::binding_name(&one.user) == subject.name);
            let lives = owner.is_some_and(|one| {
                let mut live = one.record.live(now);
                live.any(|issue| issue.kind == CredentialKind::Token)
            });
            let begun = owner.is_some_and(|one| is_running(one.record, None, now));
            if !lives && !begun && (owner.is_some() || whole) {
                foreign = true;
                let why = format!(
                    "gives {role} to service account {}, which has no live token",
                    subject.name
                );
                let fix = owner.map_or_else(|| binding.delete.clone(), |one| again(&one.user));
                lines.push(broken(place, why, fix));
            }
        }
    }
    let ours = binding.metadata.labels.as_ref().and_then(|labels| {
        let (label, value) = labels::MANAGED_BY;
        (labels.get(label).map(String::as_str) == Some(value))
            .then(|| labels.get(labels::USER_LABEL))
    });
    if let Some(slug) = ours
        && whole
        && !foreign
        && !known.iter().any(|one| slug == Some(&one.user.slug()))
    {
        let why = "was created for a user who is not on record".to_owned();
        lines.push(broken(&binding.place, why, binding.delete.clone()));
    }
    lines
}

fn group_of(
    one: &Known<'_>,
    generation: u32,
    binding: &Bound<'_>,
    now: Timestamp,
) -> Option<Looked> {
    let (user, place, role) = (&one.user, &binding.place, binding.role);
    if is_running(one.record, Some(generation), now) {
        return None;
    }
    let gives = format!("still gives {role} to g{generation} of {user}");
    let is_home = binding.metadata.name.as_deref() == Some(&labels::binding_name(user))
        && binding.metadata.namespace.as_deref() == Some(&one.record.namespace)
        && one.record.live(now).next().is_some();
    let fix = if is_home {
        again(user)
    } else {
        format!("if no one else needs it:  {}", binding.delete)
    };
    let issue = issue(one.record, generation);
    let Some(issue) = issue else {
        let why = format!("{gives}, which is not on record");
        return Some(broken(place, why, fix));
    };
    if let Some(at) = issue.revoked_at {
        let why = format!("{gives}, which was revoked at {at}");
        return Some(broken(place, why, fix));
    }
    let why = if issue.not_after <= now {
        format!("{gives}, which expired at {}", issue.not_after)
    } else if issue.is_due(now) {
        format!("{gives}, whose grace period is over")
    } else {
        return None;
    };
    Some(warning(place, why, fix))
}

#[cfg(test)]
mod tests;
