//! What the installation does, not only what it is: claims that do not end, records that are full or
//! broken, names that would inherit rights. Pure.

use std::time::Duration;

use groundcrew::finding::{Finding, Severity};
use groundcrew::flags::duration::Span;
use jiff::Timestamp;

use crate::cluster::dangling::Dangling;
use crate::cluster::installation::added::Added;
use crate::cluster::ledger::Kept;
use crate::model::claim::Claim;
use crate::model::index::Index;
use crate::model::installation::guard::namespaces::MAX_TEXT;
use crate::model::ledger::is_recorded;
use crate::model::meta;
use crate::model::objects::record;
use crate::model::settings::Settings;
use crate::model::view::between;

/// How long a namespace may be going before that is worth a word.
const STUCK: Duration = Duration::from_secs(900);
/// How long after the time at which it should be gone a claim is overdue: two sweeps.
const LATE: Duration = Duration::from_secs(1800);
/// How long a claim may be in the making.
const UNDER_WAY: Duration = Duration::from_secs(600);
/// Things that one sentence names.
const SHOWN: usize = 5;
/// How full the index is when that is told, and when it is an error, in percent.
const FILLING: (usize, usize) = (50, 80);

/// Says which claims do not end, and which nobody counts.
pub fn claims(claims: &[Claim], index: &Index, kept: &Kept, now: Timestamp) -> Vec<Finding> {
    let settings = &index.settings;
    let mut findings = Vec::new();
    let mut named = |what: &str, fix: &str, found: Vec<String>| {
        if let Some(names) = sentence(&found) {
            let why = format!("{what}: {names}");
            findings.push(Finding::new(Severity::Error, "claims", why).fix(fix));
        }
    };
    let stuck = claims.iter().filter_map(|claim| {
        let since = claim.deleted_at?;
        let blockers = claim.terminating.as_ref()?;
        (between(since, now) > STUCK).then(|| {
            let why = match blockers.is_empty() {
                true => "the server does not say why".to_owned(),
                false => blockers.join("; "),
            };
            format!("{} for {} ({why})", claim.name, Span(between(since, now)))
        })
    });
    named(
        "stuck terminating",
        "kubectl ns-claim get NAME",
        stuck.collect(),
    );
    let alive = || claims.iter().filter(|claim| claim.terminating.is_none());
    let overdue = alive().filter_map(|claim| {
        let ends = claim.lifetime(settings)?.ends;
        let late = settings.grace().0 + LATE;
        (claim.protected_by.is_none() && between(ends, now) > late)
            .then(|| format!("{} since {}", claim.name, Span(between(ends, now))))
    });
    named(
        "overdue: they expired and were not deleted",
        "kubectl ns-claim reap",
        overdue.collect(),
    );
    let unrecorded = alive().filter(|claim| {
        let under_way = claim
            .created
            .is_none_or(|created| between(created, now) < UNDER_WAY);
        !under_way && !is_recorded(claim, index, &kept.ledger)
    });
    named(
        "labelled as claims without any record",
        "kubectl ns-claim get NAME",
        unrecorded.map(of_owner).collect(),
    );
    let uncounted = alive().filter(|claim| {
        is_recorded(claim, index, &kept.ledger) && index.holder(&claim.name).is_none()
    });
    named(
        "without an entry in the index, so that they do not count",
        "kubectl ns-claim reap",
        uncounted.map(of_owner).collect(),
    );
    let long = alive().filter(|claim| {
        [&claim.purpose, &claim.team, &claim.contact]
            .into_iter()
            .flatten()
            .any(|text| text.chars().count() > MAX_TEXT || text.chars().any(char::is_control))
    });
    named(
        "with a purpose, team or contact that is too long or holds control characters",
        "kubectl annotate namespace NAME groundcrew.dev/purpose-",
        long.map(of_owner).collect(),
    );
    if findings.is_empty() {
        let why = "none is overdue, stuck or without a record";
        findings.push(Finding::new(Severity::Ok, "claims", why));
    }
    findings
}

fn of_owner(claim: &Claim) -> String {
    let owner = claim.owner.as_deref().unwrap_or("nobody");
    format!("{} ({owner})", claim.name)
}

/// Names the first few.
fn sentence(found: &[String]) -> Option<String> {
    let (shown, more) = found.split_at(found.len().min(SHOWN));
    let more = match more.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    (!found.is_empty()).then(|| format!("{}{more}", shown.join(", ")))
}

/// Says which records are full or broken.
pub fn records(index: &Index, kept: &Kept) -> Vec<Finding> {
    let mut findings: Vec<Finding> = kept
        .broken
        .iter()
        .map(|(name, why)| {
            Finding::new(Severity::Error, "ledger", format!("cannot be read: {why}"))
                .at(record(name))
                .fix(format!(
                    "kubectl delete configmap {name} -n groundcrew-system"
                ))
        })
        .collect();
    let percent = index.percent_full();
    let (told, full) = FILLING;
    if percent >= told {
        let severity = match percent >= full {
            true => Severity::Error,
            false => Severity::Info,
        };
        let why = format!(
            "the index is {percent} % full, with {} entries; when it is full, nobody can claim",
            index.holders.len()
        );
        findings.push(
            Finding::new(severity, "index", why)
                .at(record(meta::INDEX))
                .fix("kubectl ns-claim reap"),
        );
    }
    findings
}

/// Says what the cluster adds to namespaces on their way.
pub fn platform(added: &Added, settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    let refused: Vec<String> = added
        .acted_upon()
        .into_iter()
        .filter(|key| !settings.added_keys.contains(key))
        .collect();
    if let Some(level) = &added.pod_security {
        let why = format!(
            "a policy of the cluster makes the pod security of new namespaces {level:?}; the guard \
             refuses claims with less than baseline"
        );
        findings.push(
            Finding::new(Severity::Error, "platform", why)
                .fix("exclude namespaces with the label groundcrew.dev/claim from that policy"),
        );
    }
    if let Some(keys) = sentence(&refused) {
        let why = format!(
            "a policy or webhook of the cluster adds {keys} to namespaces; the guard refuses that from claimers"
        );
        findings
            .push(Finding::new(Severity::Error, "platform", why).fix("kubectl ns-claim install"));
    }
    if findings.is_empty() {
        let why = match sentence(&added.keys) {
            Some(keys) => format!("the cluster adds {keys} to namespaces; claims keep it"),
            None => "the cluster adds nothing to namespaces".to_owned(),
        };
        findings.push(Finding::new(Severity::Ok, "platform", why));
    }
    findings
}

/// Says which names would inherit rights.
pub fn names(dangling: &[Dangling], settings: &Settings) -> Vec<Finding> {
    let prefix = settings.name_prefix.as_deref().unwrap_or_default();
    let open = dangling
        .iter()
        .filter(|one| one.namespace.starts_with(prefix));
    let findings: Vec<Finding> = open
        .filter(|one| meta::why_not(&one.namespace).is_none())
        .map(|one| {
            let refused = match one.binding.starts_with("cluster") {
                true => "the guard refuses claims of that name",
                false => "a claim of that name would have these rights",
            };
            let why = format!(
                "gives {} to service accounts of namespace {}, which does not exist; {refused}",
                one.role, one.namespace
            );
            let (kind, rest) = one.binding.split_once('/').unwrap_or_default();
            let fix = match rest.split_once('/') {
                Some((namespace, name)) => format!("kubectl delete {kind} {name} -n {namespace}"),
                None => format!("kubectl delete {kind} {rest}"),
            };
            let severity = match one.binding.starts_with("cluster") {
                true => Severity::Info,
                false => Severity::Error,
            };
            Finding::new(severity, "names", why)
                .at(&one.binding)
                .fix(fix)
        })
        .collect();
    if findings.is_empty() {
        let why = "no binding waits for service accounts of a name that can be claimed";
        return vec![Finding::new(Severity::Ok, "names", why)];
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::claim::tests::{at, claim};
    use crate::model::ledger::Entry;

    fn index(entry: bool) -> Index {
        let mut index = Index::default();
        if entry {
            index
                .holders
                .insert("ana-brisk-otter".to_owned(), "ana".to_owned());
        }
        index
    }

    fn said(claim: Claim, index: &Index, kept: &Kept, now: &str) -> Vec<(Severity, String)> {
        let found = claims(&[claim], index, kept, at(now));
        found
            .into_iter()
            .map(|one| (one.severity, one.why))
            .collect()
    }

    #[test]
    fn a_claim_that_does_not_end_is_an_error() {
        let (index, kept) = (index(true), Kept::default());
        // It ends at 20:00; grace and two sweeps later it should be gone.
        let now = said(claim(), &index, &kept, "2026-11-21T20:50:00Z");
        assert_eq!(now[0].0, Severity::Ok);
        let late = said(claim(), &index, &kept, "2026-11-21T21:10:00Z");
        assert!(late[0].1.contains("overdue"), "{late:?}");
        let going = Claim {
            terminating: Some(vec!["finalizer x".to_owned()]),
            deleted_at: Some(at("2026-11-21T20:00:00Z")),
            ..claim()
        };
        let stuck = said(going, &index, &kept, "2026-11-21T21:10:00Z");
        assert!(stuck[0].1.contains("for 70m (finalizer x)"), "{stuck:?}");
    }

    #[test]
    fn a_claim_that_nobody_counts_is_an_error() {
        let now = "2026-11-21T19:00:00Z";
        let alone = said(claim(), &index(false), &Kept::default(), now);
        assert!(alone[0].1.contains("without any record"), "{alone:?}");
        let mut kept = Kept::default();
        let entry = Entry {
            name: "ana-brisk-otter".to_owned(),
            ..Entry::default()
        };
        kept.ledger.claims.insert("u1".to_owned(), entry);
        let uncounted = said(claim(), &index(false), &kept, now);
        assert!(uncounted[0].1.contains("do not count"), "{uncounted:?}");
    }

    #[test]
    fn a_full_index_is_told_long_before() {
        let filled = |entries: usize| {
            let mut index = Index::default();
            for number in 0..entries {
                let name = format!("user-{number:05}-brisk-otter");
                index.holders.insert(name, "user@example.com".to_owned());
            }
            records(&index, &Kept::default())
        };
        assert!(filled(10_000).is_empty(), "a third");
        assert_eq!(filled(15_000)[0].severity, Severity::Info);
        assert_eq!(filled(25_000)[0].severity, Severity::Error);
    }

    #[test]
    fn a_key_of_the_platform_is_named_and_only_what_is_refused_is_an_error() {
        let added = |key: &str| Added {
            keys: vec![key.to_owned()],
            pod_security: None,
        };
        let mut settings = Settings::default();
        let harmless = platform(&added("cost-centre"), &settings);
        assert_eq!(harmless[0].severity, Severity::Ok);
        assert!(harmless[0].why.contains("cost-centre"));
        let key = "istio.io/rev";
        let refused = platform(&added(key), &settings);
        assert_eq!(refused[0].severity, Severity::Error);
        settings.added_keys.push(key.to_owned());
        assert_eq!(platform(&added(key), &settings)[0].severity, Severity::Ok);
    }
}
