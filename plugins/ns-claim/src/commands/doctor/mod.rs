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
/// A reaper by hand or in CI that has not been there for so long is not there.
const SILENCE: Duration = Duration::from_secs(86_400);
/// A schedule that has had no success for so long does not work: two runs and a half of the default.
const FAILING: Duration = Duration::from_secs(2250);
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
    let mut reapers = vec![reaper(&seen.settings, &seen.parts, now)];
    match (&seen.claims, &seen.kept) {
        (Ok(found), Ok(kept)) => {
            let none = seen.settings.image.is_none();
            let missed = effects::last_run(found, kept, now, SILENCE);
            if let Some(missed) = missed.filter(|_| none) {
                reapers = vec![missed];
            }
            findings.append(&mut reapers);
            findings.extend(effects::claims(found, &seen.index, kept, now));
            findings.extend(effects::records(&seen.index, kept));
        }
        (Err(why), _) | (_, Err(why)) => {
            findings.append(&mut reapers);
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

/// Says whether the reaper runs.
fn reaper(settings: &Settings, parts: &[Part], now: Timestamp) -> Finding {
    let ok = |severity, why: String| Finding::new(severity, "reaper", why);
    if settings.image.is_none() {
        return ok(
            Severity::Info,
            "not scheduled; claims expire only when someone runs `kubectl ns-claim reap`"
                .to_owned(),
        );
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
    let moment = |value: &serde_json::Value| value.as_str()?.parse::<Timestamp>().ok();
    let succeeded = moment(&found.data["status"]["lastSuccessfulTime"]);
    let created = found.metadata.creation_timestamp.as_ref();
    let since = succeeded.or(created.map(|time| time.0));
    // Of another schedule than the default it is not known how often it runs.
    let patience = match settings.schedule == Settings::default().schedule {
        true => FAILING,
        false => SILENCE,
    };
    match since {
        Some(since) if between(since, now) > patience => {
            let why = match succeeded {
                Some(_) => format!("it has not succeeded since {since}"),
                None => format!("it has never succeeded; it was scheduled at {since}"),
            };
            ok(Severity::Error, why)
                .at(title)
                .fix("kubectl get jobs,pods -n groundcrew-system")
        }
        _ => ok(Severity::Ok, format!("scheduled at {}", settings.schedule)),
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
        let scheduled = Settings {
            image: Some("x".to_owned()),
            ..Settings::default()
        };
        let found = |spec: &str, succeeded: &str| {
            let spec: serde_json::Value = serde_json::from_str(spec).unwrap();
            let part = cron_job(serde_json::json!({
                "metadata": {"name": "reaper"}, "spec": spec,
                "status": {"lastSuccessfulTime": succeeded},
            }));
            reaper(&scheduled, &[part], now)
        };
        let fresh = "2026-11-21T19:40:00Z";
        assert_eq!(found("{}", fresh).severity, Severity::Ok);
        let suspended = found(r#"{"suspend": true}"#, fresh);
        assert_eq!(suspended.severity, Severity::Error);
        assert!(suspended.fix.contains("suspend"), "{suspended:?}");
        let silent = found("{}", "2026-11-20T19:40:00Z");
        assert_eq!(silent.severity, Severity::Error);
        assert_eq!(reaper(&scheduled, &[], now).severity, Severity::Error);
        let none = reaper(&Settings::default(), &[], now);
        assert_eq!(none.severity, Severity::Info);
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
