//! Objects of this plugin that belong to nothing on record. Pure.

use groundcrew::finding::{Finding, Severity};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::commands::doctor::known::{Known, Looked, RUN, broken, is_running, issue, warning};
use crate::commands::doctor::probe::PREFIX;
use crate::model::credential_kind::CredentialKind;
use crate::model::labels;

const LEFTOVERS: &str = "leftovers";

/// Returns what to say about a namespace of this plugin whose owner is not on record.
pub fn namespace(found: &ObjectMeta, known: &[Known<'_>]) -> Option<Looked> {
    let (label, value) = labels::MANAGED_BY;
    let labels = found.labels.as_ref()?;
    if labels.get(label).map(String::as_str) != Some(value) || found.deletion_timestamp.is_some() {
        return None;
    }
    let owner = found.annotations.as_ref()?.get(labels::OWNER)?;
    if known.iter().any(|one| one.user.as_str() == owner) {
        return None;
    }
    let name = found.name.as_deref().unwrap_or_default();
    let why = format!("was created for {owner}, who is not on record");
    let fix = format!("kubectl onboard {owner} -n {name}, or:  kubectl delete namespace {name}");
    Some(warning(format!("namespace/{name}"), why, fix))
}

fn age(found: &ObjectMeta, now: Timestamp) -> SignedDuration {
    let made = found.creation_timestamp.as_ref();
    made.and_then(|made| Timestamp::from_second(made.0.as_second()).ok())
        .map_or(SignedDuration::ZERO, |made| now.duration_since(made))
}

fn generation(found: &ObjectMeta) -> Option<u32> {
    found
        .annotations
        .as_ref()?
        .get(labels::GENERATION)?
        .parse()
        .ok()
}

fn owner<'k, 'a>(found: &ObjectMeta, known: &'k [Known<'a>]) -> Option<&'k Known<'a>> {
    let slug = found.labels.as_ref()?.get(labels::USER_LABEL)?;
    known.iter().find(|one| one.user.slug() == *slug)
}

/// Returns what to say about a certificate request that belongs to nothing.
pub fn request(found: &ObjectMeta, known: &[Known<'_>], now: Timestamp) -> Option<Looked> {
    let name = found.name.as_deref().unwrap_or_default();
    let probe = name.starts_with(PREFIX) && generation(found).is_none();
    let patience = if probe {
        SignedDuration::from_mins(1)
    } else {
        RUN
    };
    if age(found, now) < patience {
        return None;
    }
    let on_record = owner(found, known)
        .zip(generation(found))
        .is_some_and(|(one, generation)| issue(one.record, generation).is_some());
    if on_record {
        // It is the request of a certificate that was issued; the cluster removes it on its own.
        return None;
    }
    let finding = Finding::new(
        Severity::Warning,
        LEFTOVERS,
        "belongs to no credential on record",
    );
    let place = format!("certificatesigningrequest/{name}");
    Some(Ok(finding
        .at(place)
        .fix(format!("kubectl delete csr {name}"))))
}

/// Returns what to say about a Secret that belongs to nothing.
pub fn secret(found: &ObjectMeta, known: &[Known<'_>], now: Timestamp) -> Option<Looked> {
    let name = found.name.as_deref().unwrap_or_default();
    let generation = generation(found)?;
    let owner = owner(found, known);
    if owner.is_some_and(|one| is_running(one.record, Some(generation), now))
        || age(found, now) < SignedDuration::from_secs(30)
    {
        return None;
    }
    let issue = owner.and_then(|one| issue(one.record, generation));
    let why = match issue {
        None => "belongs to no credential on record, and a token may be bound to it".to_owned(),
        Some(issue) => match issue.revoked_at {
            Some(at) => format!("keeps a token alive that was revoked at {at}"),
            None => return None,
        },
    };
    let finding = Finding::new(Severity::Error, LEFTOVERS, why);
    let fix = format!("kubectl delete secret {name} -n {SYSTEM_NAMESPACE}");
    Some(Ok(finding.at(secret_place(name)).fix(fix)))
}

fn secret_place(name: &str) -> String {
    format!("secret/{SYSTEM_NAMESPACE}/{name}")
}

/// A live token without its Secret is dead, whatever the record says.
pub fn tokens(one: &Known<'_>, secrets: &[ObjectMeta], now: Timestamp) -> Vec<Looked> {
    let slug = one.user.slug();
    let user = &one.user;
    let live = one.record.live(now);
    live.filter(|issue| issue.kind == CredentialKind::Token)
        .filter(|issue| {
            !secrets.iter().any(|secret| {
                let labels = secret.labels.as_ref();
                generation(secret) == Some(issue.generation)
                    && labels.and_then(|labels| labels.get(labels::USER_LABEL)) == Some(&slug)
            })
        })
        .map(|issue| {
            let name = format!("{}-g{}", labels::binding_name(user), issue.generation);
            let why = format!(
                "the Secret of the g{} token of {user} is gone",
                issue.generation
            );
            let fix = format!("kubectl onboard {user} --force --auth token");
            broken(secret_place(&name), why, fix)
        })
        .collect()
}
