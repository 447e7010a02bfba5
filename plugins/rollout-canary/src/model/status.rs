//! What is said of a canary: one value for people and programs.

use groundcrew::output::{Document, Kind};
use jiff::Timestamp;
use serde::Serialize;

use crate::machine::{self, Conflict, Seen};
use crate::meta;
use crate::observe::{Cluster, Target, hash, size, text};
use crate::record::{Driver, Driving, Goal, Purpose, Record};
use crate::traffic::Shared;
use crate::{judge, verdict};

/// Where a canary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Phase {
    /// There is none.
    Idle,
    /// Canary pods are being made.
    Ramping,
    /// Stable pods go, or it is being parked.
    Settling,
    /// The split is there.
    Holding,
    /// Everything becomes the canary.
    Promoting,
    /// Everything becomes stable again.
    Aborting,
    /// Somebody else changed something.
    Conflict,
    /// The Deployment is held or marked, and there is no record.
    Orphan,
}

/// The answer of most commands.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The Deployment.
    pub deployment: String,
    /// Its namespace.
    pub namespace: String,
    /// Where the canary is.
    pub phase: Phase,
    /// Whether it is safe without a driver.
    pub parked: bool,
    /// Whether it is not at rest, and nobody drives: its driver died on the way, or it holds only
    /// while it is driven.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub abandoned: bool,
    /// `spec.replicas`.
    pub replicas: i32,
    /// The stable pods.
    pub stable: Side,
    /// The canary pods.
    pub canary: Side,
    /// What was asked for.
    pub target: Percent,
    /// What it is.
    pub effective: Percent,
    /// Who drives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// What somebody else did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflict: Option<String>,
    /// Since when there is a canary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What its share of the requests is, when a route gives it one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
    /// What is known of how good it is.
    pub verdict: Verdict,
}

/// One of the two.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// The hash of its ReplicaSet.
    pub hash: Option<String>,
    /// Pods wanted.
    pub replicas: i32,
    /// Pods Ready.
    pub ready: usize,
    /// Restarts of its pods.
    pub restarts: i32,
}

/// A share.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Percent {
    /// In percent of the pods; absent when there is no canary.
    pub percent: Option<f64>,
}

/// A share of the requests that a route gives.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// The routes.
    pub routes: Vec<String>,
    /// The Service that was added.
    pub service: String,
    /// The canary's whole share, in percent.
    pub percent: f64,
    /// What it would have by the number of its pods, in percent.
    pub pods_percent: f64,
}

impl Traffic {
    fn of(shared: &Shared) -> Self {
        let round = |percent: f64| (percent * 100.0).round() / 100.0;
        Self {
            routes: shared
                .changes
                .iter()
                .map(|change| crate::traffic::shown(&change.route))
                .collect(),
            service: shared.target.extra.clone(),
            percent: round(shared.percent()),
            pods_percent: round(shared.natural * 100.0),
        }
    }
}

/// What is known of how good a canary is.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Why it is dead, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead: Option<String>,
    /// The conclusion from what was counted, and the counts; absent while nobody has looked.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub judged: Option<verdict::Verdict>,
    /// What it rests on, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The canary's share of the requests that were counted in both arms, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub achieved_percent: Option<f64>,
    /// What is to be known of how it was read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Verdict {
    /// Takes in a conclusion.
    pub fn take(&mut self, verdict: verdict::Verdict, notes: &[String]) {
        self.why = Some(judge::why(&verdict));
        let requests = verdict
            .indicators
            .iter()
            .find(|finding| finding.indicator.unit == verdict::Unit::Requests);
        self.achieved_percent = requests.and_then(|finding| {
            let all = finding.canary.total + finding.stable.total;
            let share = finding.canary.total * 100.0 / all;
            (all > 0.0).then(|| (share * 100.0).round() / 100.0)
        });
        self.notes = notes.to_vec();
        self.judged = Some(verdict);
    }

    /// Says whether the canary is bad.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        let bad =
            |judged: &verdict::Verdict| matches!(judged.decision, verdict::Decision::Bad { .. });
        self.dead.is_some() || self.judged.as_ref().is_some_and(bad)
    }
}

impl Status {
    /// Returns the status of what is known.
    #[must_use]
    pub fn of(target: &Target, record: Option<&Record>, cluster: &Cluster, now: Timestamp) -> Self {
        let record = record.filter(|record| record.uid == cluster.uid());
        let mut status = Self {
            deployment: target.name.clone(),
            namespace: target.namespace.clone(),
            phase: Phase::Idle,
            parked: false,
            abandoned: false,
            replicas: cluster.replicas(),
            stable: Side::default(),
            canary: Side::default(),
            target: Percent { percent: None },
            effective: Percent { percent: None },
            driver: None,
            conflict: None,
            since: None,
            traffic: None,
            verdict: Verdict::default(),
        };
        let Some(record) = record else {
            status.without_record(cluster);
            return status;
        };
        let seen = cluster.seen(record, now);
        status.stable = side(cluster, cluster.stable(record));
        status.canary = side(cluster, cluster.canary(record));
        if status.canary.hash.is_some() || status.stable.replicas > 0 {
            let pods = status.stable.replicas + status.canary.replicas;
            let share = f64::from(status.canary.replicas) * 100.0 / f64::from(pods.max(1));
            status.effective.percent = Some((share * 100.0).round() / 100.0);
        }
        if let Goal::Hold { percent } = record.goal {
            status.target.percent = Some(percent);
        }
        status.since = Some(record.since);
        status.driver = record.driver.as_ref().map(ToString::to_string);
        status.parked = is_parked(record, &seen);
        status.phase = phase(record, &seen);
        status.abandoned = is_abandoned(status.phase, record, &seen, now);
        status.conflict = conflict(record, &seen)
            .map(|conflict| crate::commands::told(&conflict, target).to_string());
        status.traffic = record.shared.as_ref().map(Traffic::of);
        if let (Goal::Hold { .. }, Some(judge)) = (&record.goal, &record.judge) {
            status.verdict.take(judge.verdict(), &[]);
        }
        status.verdict.dead = cluster.canary(record).and_then(|set| {
            let pods = cluster.pods_of(text(&set["metadata"]["uid"]));
            let patience = std::time::Duration::from_secs(600);
            crate::health::diagnose(set, pods, now, patience).map(|dead| dead.to_string())
        });
        status
    }

    fn without_record(&mut self, cluster: &Cluster) {
        let held = cluster.deployment["spec"]["minReadySeconds"] == meta::HOLD_SECONDS;
        let marked = cluster.deployment["metadata"]["labels"][meta::MARKER].is_string();
        if held || marked {
            self.phase = Phase::Orphan;
        }
        self.stable = side(cluster, cluster.newest());
    }

    /// Returns the document for programs.
    #[must_use]
    pub fn document(&self) -> Document<&Self> {
        Document::new(Kind::CanaryStatus, self)
    }
}

fn side(cluster: &Cluster, set: Option<&serde_json::Value>) -> Side {
    let Some(set) = set else {
        return Side::default();
    };
    let uid = text(&set["metadata"]["uid"]);
    Side {
        hash: Some(hash(set).to_owned()),
        replicas: size(set),
        ready: cluster.pods_of(uid).filter(|pod| pod.ready).count(),
        restarts: cluster.pods_of(uid).map(|pod| pod.restarts).sum(),
    }
}

fn is_parked(record: &Record, seen: &Seen) -> bool {
    matches!(machine::place(record, seen), Ok(Some(form)) if form.purpose == Purpose::Park)
        && seen.canary.size > 0
}

/// Says whether a canary that is not at rest in its phase has no driver. What others changed is
/// theirs.
#[must_use]
pub fn is_abandoned(phase: Phase, record: &Record, seen: &Seen, now: Timestamp) -> bool {
    let driving = Driver::standing(record.driver.as_ref(), &Driver::me(now), now);
    let is_on_the_way = match phase {
        Phase::Ramping | Phase::Settling | Phase::Promoting | Phase::Aborting => true,
        Phase::Holding => machine::is_driven(record, seen),
        Phase::Idle | Phase::Conflict | Phase::Orphan => false,
    };
    is_on_the_way && matches!(driving, Driving::Nobody | Driving::Gone)
}

/// Returns what somebody else did, if anything.
#[must_use]
pub fn conflict(record: &Record, seen: &Seen) -> Option<Conflict> {
    match machine::next(record, seen) {
        machine::Next::Stop(conflict) => Some(conflict),
        _ => None,
    }
}

/// Returns where a canary is.
#[must_use]
pub fn phase(record: &Record, seen: &Seen) -> Phase {
    if conflict(record, seen).is_some() {
        return Phase::Conflict;
    }
    match &record.goal {
        Goal::Promote { .. } => Phase::Promoting,
        Goal::Abort { .. } => Phase::Aborting,
        Goal::Hold { .. } => match machine::next(record, seen) {
            machine::Next::Done(_) => Phase::Holding,
            _ => match machine::place(record, seen).ok().flatten() {
                // An autoscaler moves a parked canary, and it stays parked.
                Some(form)
                    if form.purpose == Purpose::Park
                        && form.seq == record.seq
                        && (form.replicas != seen.replicas
                            || (seen.stable.size, seen.canary.size)
                                == (form.stable, form.canary)) =>
                {
                    Phase::Holding
                }
                Some(form)
                    if matches!(
                        form.purpose,
                        Purpose::Settle | Purpose::Widen | Purpose::Park
                    ) =>
                {
                    Phase::Settling
                }
                _ => Phase::Ramping,
            },
        },
    }
}
