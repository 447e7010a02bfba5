//! `kubectl ns-claim doctor`: is everything as it was installed, and does the guard deny?

mod effects;

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::client::clock::Clock;
use groundcrew::client::errors::explain;
use groundcrew::client::{Session, pages};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::finding::{Diagnosis, Finding, Severity, Sight, Unseen, sight};
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, json, yaml};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::api::ListParams;
use serde::Serialize;

use super::answer::Line;
use crate::cluster::dangling::{self, Dangling};
use crate::cluster::installation::added::{self, Added};
use crate::cluster::installation::objects::look_at_all;
use crate::cluster::installation::part::{Part, Standing};
use crate::cluster::installation::probe::{self, Tried};
use crate::cluster::ledger::{self, Kept};
use crate::cluster::{claims, index};
use crate::model::claim::Claim;
use crate::model::index::Index;
use crate::model::installation::stages::Stages;
use crate::model::kind::Kind;
use crate::model::settings::Settings;
use crate::model::view::between;

/// How long the guard may take to deny when it should do so already.
const PATIENCE: Duration = Duration::from_secs(3);
/// Claims that one sentence names.
const SHOWN: usize = 5;
/// How long a claim may be in the making.
const UNDER_WAY: Duration = Duration::from_secs(10);
/// What puts everything back.
const INSTALL: &str = "kubectl ns-claim install";
/// What lets the reaper run again.
const RESUME: &str = "kubectl patch cronjob ns-claim-reaper -n groundcrew-system \
                      -p '{\"spec\":{\"suspend\":false}}'";

/// Check the guard, the rights and the reaper
///
/// Reports missing or altered objects, a reaper that does not run, claims that do not end or have no
/// quota, full records, and names that would inherit rights (exit 3), and tests the guard with dry-run requests that it has to deny. Nothing is written.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    #[command(flatten)]
    output: OutputArgs,
}

/// How an installation stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    #[serde(flatten)]
    diagnosis: Diagnosis,
    objects: Vec<Line<Standing>>,
    /// Whether every policy was seen to deny; none where there is no guard, or it was not seen.
    guard_denies: Option<bool>,
    settings: Settings,
    /// When a reaper last came to the end of a run; none where that was never.
    #[serde(skip_serializing_if = "Option::is_none")]
    reaped_at: Option<Timestamp>,
    /// Claims that no quota limits; none where that was not seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    without_quota: Option<Vec<String>>,
}

/// Everything that was looked at.
struct Observed {
    clock: Clock,
    settings: Settings,
    parts: Vec<Part>,
    /// None where there is no guard.
    tried: Option<Tried>,
    unlimited: Sight<Vec<Claim>>,
    index: Index,
    claims: Sight<Vec<Claim>>,
    kept: Sight<Kept>,
    added: Sight<Added>,
    dangling: Sight<Vec<Dangling>>,
}

/// Checks.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: DoctorArgs, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let session = frame.connect().await?;
    let (index, clock) = interrupt.guard(index::read(&session)).await?;
    let report = if index.installed {
        judge(observe(&session, frame, index, clock).await?)
    } else {
        nothing_installed(index.settings)
    };
    ui.answer(render(&report, &args.output)?)?;
    session.finish()?;
    Ok(report.diagnosis.exit())
}

async fn observe(session: &Session, frame: &Frame, index: Index, clock: Clock) -> Result<Observed> {
    let Frame { ui, interrupt, .. } = frame;
    let settings = index.settings.clone();
    let wanted = Stages::of(&settings)?.all();
    let parts = interrupt.guard(look_at_all(session, wanted)).await?;
    let tried = if settings.self_service {
        let probe = probe::connect(&frame.kube, &frame.product, ui).await?;
        Some(probe::try_all(&probe, interrupt, &settings, clock.now(), PATIENCE).await?)
    } else {
        None
    };
    let unlimited = interrupt
        .guard(async { Ok(unlimited(session, clock.now()).await) })
        .await?;
    let unlimited = seen(unlimited)?;
    let effects = async {
        let claims = seen(claims::labelled(session).await)?;
        let kept = seen(ledger::read(session).await)?;
        // A policy that refuses the namespace is what is to be told, not an error of this run.
        let added = sight(added::look(session, &settings, clock.now()).await);
        let dangling = seen(dangling::look(session).await)?;
        Ok((claims, kept, added, dangling))
    };
    let (claims, kept, added, dangling) = interrupt.guard(effects).await?;
    Ok(Observed {
        clock,
        settings,
        parts,
        tried,
        unlimited,
        index,
        claims,
        kept,
        added,
        dangling,
    })
}

/// Keeps why something may not be read; other errors end the run.
fn seen<T>(read: Result<T>) -> Result<Sight<T>> {
    match read {
        Err(error) if !error.is_forbidden() => Err(error),
        read => Ok(sight(read)),
    }
}

fn nothing_installed(settings: Settings) -> Report {
    let finding = Finding::new(
        Severity::Error,
        "installation",
        "nothing is installed; only admins can claim",
    );
    Report {
        diagnosis: Diagnosis::new(vec![finding.fix(INSTALL)], Vec::new()),
        objects: Vec::new(),
        guard_denies: None,
        settings,
        reaped_at: None,
        without_quota: None,
    }
}

/// Judges what was seen. Pure.
fn judge(seen: Observed) -> Report {
    let now = seen.clock.now();
    let mut findings = installation(&seen.parts);
    let mut unseen = Vec::new();
    let guard_denies = match seen.tried {
        None => {
            findings.push(Finding::new(
                Severity::Info,
                "guard",
                "not installed; only admins can claim",
            ));
            None
        }
        Some(Tried::NotAllowed(error)) => {
            unseen.push(Unseen::new("guard", line(&error)));
            None
        }
        Some(Tried::Open { policy, said }) => {
            findings.push(open(policy, &said));
            Some(false)
        }
        Some(Tried::Denies) => {
            findings.push(Finding::new(
                Severity::Ok,
                "guard",
                "it denies what claimers may not do",
            ));
            Some(true)
        }
    };
    findings.push(clock(seen.clock.check()));
    findings.push(reaper(&seen.index, &seen.parts, now));
    match (&seen.claims, &seen.kept) {
        (Ok(found), Ok(kept)) => {
            findings.extend(effects::claims(found, &seen.index, kept, now));
            findings.extend(effects::records(&seen.index, kept));
        }
        (Err(why), _) | (_, Err(why)) => {
            unseen.push(Unseen::new("claims", why.clone()));
        }
    }
    match &seen.added {
        Ok(added) => findings.extend(effects::platform(added, &seen.settings)),
        Err(why) => unseen.push(Unseen::new("platform", why.clone())),
    }
    match &seen.dangling {
        Ok(dangling) => findings.extend(effects::names(dangling, &seen.settings)),
        Err(why) => unseen.push(Unseen::new("names", why.clone())),
    }
    let without_quota = match seen.unlimited {
        Ok(claims) => {
            findings.push(quotas(&claims));
            Some(claims.into_iter().map(|claim| claim.name).collect())
        }
        Err(why) => {
            unseen.push(Unseen::new("quotas", why));
            None
        }
    };
    Report {
        diagnosis: Diagnosis::new(findings, unseen),
        objects: seen
            .parts
            .iter()
            .map(|part| Line {
                object: part.title(),
                state: part.standing,
            })
            .collect(),
        guard_denies,
        settings: seen.settings,
        reaped_at: seen.index.reaped,
        without_quota,
    }
}

/// Says which objects are not what was installed.
fn installation(parts: &[Part]) -> Vec<Finding> {
    let damaged: Vec<Finding> = parts
        .iter()
        .filter(|part| part.standing != Standing::Ok)
        .map(|part| {
            let why = if part.is_guard() {
                format!("{}; claimers may do more than they should", part.standing)
            } else {
                part.standing.to_string()
            };
            Finding::new(Severity::Error, "installation", why)
                .at(part.title())
                .fix(INSTALL)
        })
        .collect();
    if damaged.is_empty() {
        let count = parts.len();
        let why = format!("all {count} objects are as they were installed");
        return vec![Finding::new(Severity::Ok, "installation", why)];
    }
    damaged
}

fn open(policy: &str, said: &str) -> Finding {
    let why = format!("it does not deny: {said}");
    Finding::new(Severity::Error, "guard", why)
        .at(format!("validatingadmissionpolicy/{policy}"))
        .fix(INSTALL)
}

fn clock(checked: Result<()>) -> Finding {
    match checked {
        Ok(()) => Finding::new(Severity::Ok, "clock", "agrees with the API server's"),
        Err(error) => {
            let hints = error.hints().join("; ");
            Finding::new(Severity::Error, "clock", line(&error)).fix(hints)
        }
    }
}

/// Says whether the reaper runs: what it did lately, not only how it is scheduled.
fn reaper(index: &Index, parts: &[Part], now: Timestamp) -> Finding {
    let settings = &index.settings;
    let ok = |severity, why: String| Finding::new(severity, "reaper", why);
    let missed = index.unreaped_since(now);
    if settings.image.is_none() {
        if let Some(missed) = missed {
            return ok(Severity::Error, missed.to_string()).fix("kubectl ns-claim reap --yes");
        }
        let how = match settings.reaped_elsewhere {
            true => "run by other means (--no-reaper)",
            false => "not scheduled; claims expire only when someone runs `kubectl ns-claim reap`",
        };
        return ok(Severity::Info, how.to_owned());
    }
    let found = parts
        .iter()
        .filter(|part| part.wanted["kind"] == "CronJob")
        .find_map(|part| Some((part.title(), part.found.as_ref()?)));
    let Some((title, found)) = found else {
        return ok(Severity::Error, "missing".to_owned()).fix(INSTALL);
    };
    if found.data["spec"]["suspend"] == true {
        return ok(Severity::Error, "suspended".to_owned())
            .at(title)
            .fix(RESUME);
    }
    // One that was scheduled a moment ago had no time to run.
    let scheduled = found.metadata.creation_timestamp.as_ref();
    let is_new = scheduled.is_some_and(|time| between(time.0, now) <= settings.silence());
    match missed.filter(|_| !is_new) {
        Some(missed) => ok(Severity::Error, missed.to_string())
            .at(title)
            .fix("kubectl get jobs,pods -n groundcrew-system"),
        None => ok(Severity::Ok, format!("scheduled at {}", settings.schedule)),
    }
}

fn quotas(unlimited: &[Claim]) -> Finding {
    match named(unlimited) {
        None => Finding::new(Severity::Ok, "quotas", "every claim has one"),
        Some(why) => Finding::new(Severity::Error, "quotas", why)
            .fix("kubectl ns-claim NAME --owner OWNER --reuse"),
    }
}

fn render(report: &Report, output: &OutputArgs) -> Result<String> {
    match output.format {
        Format::Json => json(&Document::new(Kind::ClaimInstallReport, report)),
        Format::Yaml => yaml(&Document::new(Kind::ClaimInstallReport, report)),
        Format::Name => Ok(report
            .objects
            .iter()
            .map(|line| format!("{}\n", super::answer::name(&line.object)))
            .collect()),
        Format::Table | Format::Wide => Ok(report.diagnosis.render(!output.no_headers)),
    }
}

/// Returns the claims that nothing limits: no policy can demand what is not there, and `--profile
/// none` is allowed.
async fn unlimited(session: &Session, now: Timestamp) -> Result<Vec<Claim>> {
    let quotas = session.everywhere::<ResourceQuota>();
    let add = |limited: &mut BTreeSet<String>, quota: ResourceQuota| {
        limited.extend(quota.metadata.namespace);
    };
    let limited = pages::fold(quotas.api(), &ListParams::default(), add)
        .await
        .map_err(|error| explain(error, &quotas.doing("list")))?;
    let found = claims::labelled(session).await?;
    Ok(found
        .into_iter()
        .filter(|claim| is_unlimited(claim, &limited, now))
        .collect())
}

fn is_unlimited(claim: &Claim, limited: &BTreeSet<String>, now: Timestamp) -> bool {
    let under_way = claim
        .created
        .is_none_or(|created| between(created, now) < UNDER_WAY);
    !under_way && claim.terminating.is_none() && !limited.contains(&claim.name)
}

/// Names the first few; `-o json` names them all.
fn named(unlimited: &[Claim]) -> Option<String> {
    let (shown, more) = unlimited.split_at(unlimited.len().min(SHOWN));
    let names: Vec<String> = shown
        .iter()
        .map(|claim| {
            let owner = claim.owner.as_deref().unwrap_or("nobody");
            format!("{} ({owner})", claim.name)
        })
        .collect();
    let more = match more.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    (!names.is_empty()).then(|| format!("no quota limits {}{more}", names.join(", ")))
}

fn line(error: &Error) -> String {
    std::iter::once(error.to_string())
        .chain(error.details().iter().cloned())
        .collect::<Vec<_>>()
        .join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::claim::tests::{at, claim};

    #[test]
    fn many_claims_without_a_quota_are_one_sentence() {
        assert_eq!(named(&[]), None);
        let one = named(&[claim()]).unwrap();
        assert_eq!(one, "no quota limits ana-brisk-otter (ana)");
        let many = named(&vec![claim(); 7]).unwrap();
        assert!(many.ends_with("(ana) and 2 more"), "{many}");
    }

    #[test]
    fn a_claim_without_a_quota_is_seen_once_it_is_whole() {
        let now = at("2026-11-21T19:48:00Z");
        let none = BTreeSet::new();
        assert!(is_unlimited(&claim(), &none, now));
        let limited = BTreeSet::from([claim().name]);
        assert!(!is_unlimited(&claim(), &limited, now));
        let going = Claim {
            terminating: Some(Vec::new()),
            ..claim()
        };
        assert!(!is_unlimited(&going, &none, now));
        let made = Claim {
            created: now.checked_sub(Duration::from_secs(3)).ok(),
            ..claim()
        };
        assert!(!is_unlimited(&made, &none, now));
    }

    fn cron_job(found: serde_json::Value) -> Part {
        let wanted = serde_json::json!({"kind": "CronJob", "metadata": {"name": "reaper"}});
        Part {
            wanted,
            found: serde_json::from_value(found).ok(),
            standing: Standing::Ok,
        }
    }

    #[test]
    fn a_reaper_that_cannot_or_does_not_run_is_an_error() {
        let now = at("2026-11-21T19:48:00Z");
        let index = |image: Option<&str>, reaped: Option<&str>| Index {
            settings: Settings {
                image: image.map(str::to_owned),
                ..Settings::default()
            },
            created: Some(at("2026-11-01T12:00:00Z")),
            reaped: reaped.map(at),
            ..Index::default()
        };
        let part = |spec: &str, created: &str| {
            let spec: serde_json::Value = serde_json::from_str(spec).unwrap();
            cron_job(serde_json::json!({
                "metadata": {"name": "reaper", "creationTimestamp": created}, "spec": spec,
            }))
        };
        let (fresh, old) = ("2026-11-21T19:40:00Z", "2026-11-20T19:40:00Z");
        let found = |spec: &str, reaped| {
            let index = index(Some("x"), reaped);
            reaper(&index, &[part(spec, "2026-11-01T12:00:00Z")], now)
        };
        assert_eq!(found("{}", Some(fresh)).severity, Severity::Ok);
        let suspended = found(r#"{"suspend": true}"#, Some(fresh));
        assert_eq!(suspended.severity, Severity::Error);
        assert!(suspended.fix.contains("suspend"), "{suspended:?}");
        assert_eq!(found("{}", Some(old)).severity, Severity::Error);
        assert_eq!(found("{}", None).severity, Severity::Error);
        let new = reaper(&index(Some("x"), None), &[part("{}", fresh)], now);
        assert_eq!(new.severity, Severity::Ok, "{new:?}");
        let gone = reaper(&index(Some("x"), Some(fresh)), &[], now);
        assert_eq!(gone.severity, Severity::Error);
    }

    #[test]
    fn without_a_schedule_a_run_once_a_day_is_enough_and_none_is_an_error_with_or_without_claims() {
        let now = at("2026-11-21T19:48:00Z");
        let mut index = Index {
            created: Some(at("2026-11-01T12:00:00Z")),
            ..Index::default()
        };
        let never = reaper(&index, &[], now);
        assert_eq!(never.severity, Severity::Error);
        assert!(never.fix.contains("reap"), "{never:?}");
        index.reaped = Some(at("2026-11-20T20:00:00Z"));
        let once = reaper(&index, &[], now);
        assert_eq!(once.severity, Severity::Info);
        assert!(once.why.starts_with("not scheduled"), "{once:?}");
        index.settings.reaped_elsewhere = true;
        let elsewhere = reaper(&index, &[], now);
        assert!(elsewhere.why.contains("other means"), "{elsewhere:?}");
    }

    #[test]
    fn a_damaged_guard_says_what_that_means() {
        let part = Part {
            wanted: serde_json::json!({
                "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "p"},
            }),
            found: None,
            standing: Standing::Missing,
        };
        let findings = installation(&[part]);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].place, "validatingadmissionpolicy/p");
        assert!(findings[0].why.contains("more than they should"));
    }
}
