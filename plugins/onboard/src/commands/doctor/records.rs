//! Records that disagree with reality. Pure.

use groundcrew::tenancy::SYSTEM_NAMESPACE;
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::{RoleBinding, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::commands::doctor::finding::{Line, State};
use crate::commands::doctor::known::{Known, RECORDS, RUN, broken, is_running, issue};
use crate::commands::doctor::leftovers;
use crate::commands::doctor::observe::Observed;
use crate::model::credential_kind::CredentialKind;
use crate::model::holder::Holder;
use crate::model::login::Asserted;
use crate::model::user::UserName;
use crate::model::{labels, unseen};

/// One binding of either kind.
struct Bound<'a> {
    /// `rolebinding alice/onboard-alice`, for people.
    shown: String,
    /// What removes it.
    delete: String,
    metadata: &'a ObjectMeta,
    role: &'a str,
    subjects: &'a [Subject],
}

/// Compares everything on record with what is there.
pub fn lines(found: &Observed, now: Timestamp) -> Vec<Line> {
    let people = match &found.people {
        Ok(people) => people,
        Err(why) => return vec![Line::unseen(RECORDS, why)],
    };
    let mut lines = Vec::new();
    for why in &people.unreadable {
        let fix = format!("kubectl get configmaps -n {SYSTEM_NAMESPACE} -o yaml");
        lines.push(Line::new(RECORDS, State::Broken, why.clone()).fix(fix));
    }
    let mut known = Vec::new();
    for (record, _) in &people.known {
        match UserName::parse(&record.user) {
            Ok(user) => known.push(Known { user, record }),
            Err(error) => lines.push(Line::new(RECORDS, State::Broken, error.to_string())),
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
        lines.push(Line::new(RECORDS, State::Ok, text));
    }
    lines
}

fn seen<'a>(
    list: &'a unseen::Sight<Vec<ObjectMeta>>,
    lines: &mut Vec<Line>,
) -> Option<&'a Vec<ObjectMeta>> {
    list.as_ref()
        .map_err(|why| lines.push(Line::unseen(RECORDS, why)))
        .ok()
}

fn bindings<'a>(found: &'a Observed, lines: &mut Vec<Line>) -> Option<Vec<Bound<'a>>> {
    let mut all = Vec::new();
    match &found.bindings {
        Ok(list) => all.extend(list.iter().map(|one: &RoleBinding| {
            let name = one.metadata.name.as_deref().unwrap_or_default();
            let namespace = one.metadata.namespace.as_deref().unwrap_or_default();
            Bound {
                shown: format!("rolebinding {namespace}/{name}"),
                delete: format!("kubectl delete rolebinding {name} -n {namespace}"),
                metadata: &one.metadata,
                role: &one.role_ref.name,
                subjects: one.subjects.as_deref().unwrap_or_default(),
            }
        })),
        Err(why) => {
            lines.push(Line::unseen(RECORDS, why));
            return None;
        }
    }
    match &found.cluster_bindings {
        Ok(list) => all.extend(list.iter().map(|one| {
            let name = one.metadata.name.as_deref().unwrap_or_default();
            Bound {
                shown: format!("clusterrolebinding {name}"),
                delete: format!("kubectl delete clusterrolebinding {name}"),
                metadata: &one.metadata,
                role: &one.role_ref.name,
                subjects: one.subjects.as_deref().unwrap_or_default(),
            }
        })),
        Err(why) => lines.push(Line::unseen(RECORDS, why)),
    }
    Some(all)
}

fn again(user: &UserName) -> String {
    format!("kubectl onboard {user}")
}

fn run_that_died(one: &Known<'_>, now: Timestamp) -> Option<Line> {
    let begun = one.record.begun.as_ref()?;
    if now.duration_since(begun.since) < RUN {
        return None;
    }
    let (user, by, since) = (&one.user, &begun.by, begun.since);
    let text = format!("{user}: a run of {by} started at {since} and did not finish");
    Some(Line::new(RECORDS, State::Warning, text).fix(again(user)))
}

fn ended(one: &Known<'_>, now: Timestamp) -> Option<Line> {
    let last = one.record.generations.last()?;
    if one.record.live(now).next().is_some() || last.revoked_at.is_some() {
        return None;
    }
    let (user, generation) = (&one.user, last.generation);
    let text = format!(
        "{user}: the last credential, g{generation}, expired at {}",
        last.not_after
    );
    Some(Line::new(RECORDS, State::Warning, text).fix(again(user)))
}

fn namespace(one: &Known<'_>, namespaces: &[ObjectMeta], now: Timestamp) -> Option<Line> {
    let (user, name) = (&one.user, &one.record.namespace);
    let lives = one.record.live(now).next().is_some();
    let found = namespaces
        .iter()
        .find(|found| found.name.as_deref() == Some(name));
    let Some(found) = found else {
        let text = format!("{user}: namespace {name} does not exist");
        return lives.then(|| broken(text, again(user)));
    };
    if found.deletion_timestamp.is_some() {
        let text = format!("{user}: namespace {name} is being deleted");
        return lives.then(|| broken(text, format!("once it is gone:  {}", again(user))));
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
        format!("{user}: namespace {name} {whose}"),
        format!(
            "kubectl get namespace {name} -o yaml; if it belongs to {user}:  kubectl annotate namespace {name} --overwrite {}={user}",
            labels::OWNER
        ),
    ))
}

/// The user's own binding has to name every live generation.
fn home_binding(one: &Known<'_>, bound: &[Bound<'_>], now: Timestamp) -> Vec<Line> {
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
        let text = format!("{user}: rolebinding {namespace}/{name} does not exist");
        return vec![broken(text, again(user))];
    };
    holders
        .iter()
        .filter(|holder| !home.subjects.iter().any(|subject| names(subject, holder)))
        .map(|holder| {
            let text = format!("{user}: {} does not name {}", home.shown, holder.describe());
            broken(text, again(user))
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
fn rights(binding: &Bound<'_>, known: &[Known<'_>], whole: bool, now: Timestamp) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut foreign = false;
    for subject in binding.subjects {
        let (shown, role) = (&binding.shown, binding.role);
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
                    let text = format!(
                        "{shown} gives {role} to group {}, which belongs to no user on record",
                        subject.name
                    );
                    lines.push(broken(text, binding.delete.clone()));
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
                let text = format!(
                    "{shown} gives {role} to service account {}, which has no live token",
                    subject.name
                );
                let fix = owner.map_or_else(|| binding.delete.clone(), |one| again(&one.user));
                lines.push(broken(text, fix));
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
        let text = format!(
            "{} was created for a user who is not on record",
            binding.shown
        );
        lines.push(broken(text, binding.delete.clone()));
    }
    lines
}

fn group_of(one: &Known<'_>, generation: u32, binding: &Bound<'_>, now: Timestamp) -> Option<Line> {
    let (user, shown, role) = (&one.user, &binding.shown, binding.role);
    if is_running(one.record, Some(generation), now) {
        return None;
    }
    let gives = format!("{user}: {shown} still gives {role} to g{generation}");
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
        return Some(broken(format!("{gives}, which is not on record"), fix));
    };
    if let Some(at) = issue.revoked_at {
        return Some(broken(format!("{gives}, which was revoked at {at}"), fix));
    }
    let warning = |why: String| {
        let line = Line::new(RECORDS, State::Warning, format!("{gives}, {why}"));
        Some(line.fix(fix.clone()))
    };
    if issue.not_after <= now {
        return warning(format!("which expired at {}", issue.not_after));
    }
    if issue.is_due(now) {
        return warning("whose grace period is over".to_owned());
    }
    None
}

#[cfg(test)]
mod tests;
