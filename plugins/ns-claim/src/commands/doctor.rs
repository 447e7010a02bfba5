//! `kubectl ns-claim doctor`: is everything as it was installed, and does the guard deny?

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::client::{Session, pages};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::OutputArgs;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::Api;
use kube::api::ListParams;

use super::answer::{Line, Report};
use crate::cluster::installation::part::{Part, Standing};
use crate::cluster::installation::{objects, probe};
use crate::cluster::{claims, index};
use crate::model::claim::Claim;
use crate::model::installation::stages::Stages;
use crate::model::view;

/// How long the guard may take to deny when it should do so already.
const PATIENCE: Duration = Duration::from_secs(3);
/// Claims that one sentence names.
const SHOWN: usize = 5;
/// How long a claim may be in the making.
const UNDER_WAY: Duration = Duration::from_secs(10);
/// A reaper that has not been there for so long is not there.
const SILENCE: Duration = Duration::from_secs(86_400);

/// Check the guard, the rights and the reaper
///
/// Names what is missing or altered and which claims no quota limits (exit 3), and tries the guard
/// out as a claimer would, in dry runs. Nothing is written.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    #[command(flatten)]
    output: OutputArgs,
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
    if !index.installed {
        ui.status("nothing is installed: only admins can claim.");
        ui.hint("kubectl ns-claim install");
        return Ok(Exit::No);
    }
    let settings = index.settings.clone();
    let guarded = settings.self_service;
    let scheduled = settings.image.is_some();
    let parts = interrupt
        .guard(objects::look_at_all(&session, Stages::of(&settings)?.all()))
        .await?;
    let mut findings: Vec<String> = Vec::new();
    let lines: Vec<Line> = parts
        .iter()
        .map(|part| Line {
            object: part.title(),
            state: match part.standing {
                Standing::Unchanged => "ok",
                Standing::Missing => "missing",
                Standing::Altered => "altered",
            },
        })
        .collect();
    let damaged = parts
        .iter()
        .any(|part| part.standing != Standing::Unchanged);
    let open = parts
        .iter()
        .any(|part| part.is_guard() && part.standing != Standing::Unchanged);
    if open {
        findings.push(
            "the guard is not what was installed: claimers may do more than they should".to_owned(),
        );
    }
    let mut guard_denies = None;
    if guarded {
        let probe = probe::connect(&frame.kube, &frame.product, ui).await?;
        let tried = interrupt
            .guard(probe::all_deny(&probe, &settings, clock.now(), PATIENCE))
            .await;
        guard_denies = Some(tried.is_ok());
        if let Err(error) = tried {
            findings.push(words(&error));
        }
    }
    if let Err(error) = clock.check() {
        findings.push(words(&error));
    }
    if scheduled {
        findings.extend(silent(&parts, clock.now()));
    } else {
        ui.status("no reaper is scheduled; claims end when somebody reaps.");
    }
    let unlimited = interrupt.guard(unlimited(&session, clock.now())).await?;
    let report = Report {
        objects: lines,
        guard_denies,
        settings,
        without_quota: Some(unlimited.iter().map(|claim| claim.name.clone()).collect()),
    };
    ui.answer(report.render(&args.output, false)?)?;
    for finding in &findings {
        ui.warning(finding);
    }
    if let Some(text) = named(&unlimited) {
        ui.warning(text);
        ui.hint("make it:  kubectl ns-claim NAME --owner OWNER --reuse");
    }
    session.finish()?;
    if damaged || !findings.is_empty() {
        ui.hint("put it back:  kubectl ns-claim install");
        return Ok(Exit::No);
    }
    if !unlimited.is_empty() {
        return Ok(Exit::No);
    }
    ui.status(if guarded {
        "everything is as it was installed, and the guard denies."
    } else {
        "everything is as it was installed; only admins can claim."
    });
    Ok(Exit::Done)
}

/// Returns the claims that nothing limits: no policy can demand what is not there, and `--profile
/// none` is allowed.
async fn unlimited(session: &Session, now: Timestamp) -> Result<Vec<Claim>> {
    let quotas = Api::<ResourceQuota>::all(session.client.clone());
    let add = |limited: &mut BTreeSet<String>, quota: ResourceQuota| {
        limited.extend(quota.metadata.namespace);
    };
    let limited = pages::fold(&quotas, &ListParams::default(), add)
        .await
        .map_err(|error| explain(error, &Doing::new("list", "resourcequotas")))?;
    let found = claims::labelled(session)
        .await
        .map_err(|error| explain(error, &Doing::new("list", "namespaces")))?;
    Ok(found
        .into_iter()
        .filter(|claim| is_unlimited(claim, &limited, now))
        .collect())
}

fn is_unlimited(claim: &Claim, limited: &BTreeSet<String>, now: Timestamp) -> bool {
    let under_way = claim
        .created
        .is_none_or(|created| view::between(created, now) < UNDER_WAY);
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

fn words(error: &Error) -> String {
    std::iter::once(error.to_string())
        .chain(error.details().iter().cloned())
        .collect::<Vec<_>>()
        .join(": ")
}

/// Says when the reaper has not succeeded for long.
fn silent(parts: &[Part], now: Timestamp) -> Option<String> {
    let found = parts
        .iter()
        .filter(|part| part.wanted["kind"] == "CronJob")
        .find_map(|part| part.found.as_ref())?;
    let moment = |value: &serde_json::Value| value.as_str()?.parse::<Timestamp>().ok();
    let status = &found.data["status"];
    let since = moment(&status["lastSuccessfulTime"]).or(found
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0))?;
    if found.data["spec"]["suspend"] == true {
        return Some("the reaper is suspended".to_owned());
    }
    (view::between(since, now) > SILENCE)
        .then(|| format!("the reaper has not succeeded since {since}"))
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
}
