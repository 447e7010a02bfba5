//! What is said of a canary: one value for people and programs.

use groundcrew::output::Document;
use jiff::Timestamp;
use serde::Serialize;

use crate::model::kind::Kind;
use crate::model::names::{MARKER, is_hold};
use crate::model::object::{hash, size, text};
use crate::model::record::driver::Driving;
use crate::model::record::{Goal, Record};
use crate::model::snapshot::Snapshot;
use crate::model::state::{Phase, conflict, is_abandoned, is_parked, phase};
use crate::model::target::Target;
use crate::model::traffic::Shared;
use crate::model::verdict::judge::{Decision, Judge, Verdict};
use crate::model::verdict::judgment;
use crate::model::verdict::settings::Unit;
use crate::model::weight::Weight;
use crate::model::{conflict, dead};

/// What is said where both arms run the same image.
pub const SAME_IMAGE: &str =
    "canary and stable pods run the same image by its id: nothing new is tried";

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
    /// Who began it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// The step of a rollout in steps, from 1, and how many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<(usize, usize)>,
    /// When the pods of the canary are warm, so that counting begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_at: Option<Timestamp>,
    /// Since when there is a canary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What its share of the requests is, when a route gives it one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
    /// Whether both arms run the same image although their templates name different ones.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub same_image: bool,
    /// What is known of how good it is.
    pub verdict: Judged,
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
    /// Images of its containers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// When its oldest pod was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// A share.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Percent {
    /// In percent of the pods; absent when there is no canary.
    pub percent: Option<Weight>,
}

/// A share of the requests that a route gives.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// The routes.
    pub routes: Vec<String>,
    /// The Service that was added.
    pub service: String,
    /// The canary's whole share.
    pub percent: Weight,
    /// What it would have by the number of its pods.
    pub pods_percent: Weight,
}

impl Traffic {
    fn of(shared: &Shared) -> Self {
        Self {
            routes: shared
                .changes
                .iter()
                .map(|change| change.route.to_string())
                .collect(),
            service: shared.target.extra.clone(),
            percent: shared.whole(),
            pods_percent: shared.by_pods(),
        }
    }
}

/// What is known of how good a canary is.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    /// Why it is dead, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead: Option<String>,
    /// The conclusion from what was counted, and the counts; absent while nobody has looked.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Verdict>,
    /// What it rests on, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The canary's share of the requests that were counted in both arms, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub achieved_percent: Option<Weight>,
    /// What is to be known of how it was read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Judged {
    /// Takes in a conclusion.
    pub fn take(&mut self, verdict: Verdict, notes: &[String]) {
        self.why = Some(judgment::why(&verdict));
        let requests = verdict
            .indicators
            .iter()
            .find(|finding| finding.indicator.unit == Unit::Requests);
        self.achieved_percent = requests.and_then(|finding| {
            let all = finding.canary.total + finding.stable.total;
            (all > 0.0).then(|| Weight::nearest(finding.canary.total / all))
        });
        self.notes = notes.to_vec();
        self.judged = Some(verdict);
    }

    /// Says whether the canary is bad.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        let bad = |judged: &Verdict| matches!(judged.decision, Decision::Bad { .. });
        self.dead.is_some() || self.judged.as_ref().is_some_and(bad)
    }
}

impl Status {
    /// Returns the status of what is known.
    #[must_use]
    pub fn of(
        target: &Target,
        record: Option<&Record>,
        cluster: &Snapshot,
        now: Timestamp,
        driving: Driving,
    ) -> Self {
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
            by: String::new(),
            step: None,
            warm_at: None,
            since: None,
            traffic: None,
            same_image: false,
            verdict: Judged::default(),
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
            status.effective.percent = Some(Weight::of(status.canary.replicas, pods));
        }
        if let Goal::Hold { weight } = record.goal {
            status.target.percent = Some(weight);
        }
        status.since = Some(record.since);
        status.by.clone_from(&record.by);
        let rollout = record.rollout.as_ref();
        status.step = rollout.map(|rollout| (rollout.at + 1, rollout.steps.count()));
        let judge = record.judge.as_ref();
        status.warm_at = judge.and_then(|judge| warm_at(record, cluster, judge));
        status.same_image = status.stable.images != status.canary.images
            && runs_the_same(cluster, cluster.stable(record), cluster.canary(record));
        status.driver = record.driver.as_ref().map(ToString::to_string);
        status.parked = is_parked(record, &seen);
        status.phase = phase(record, &seen);
        status.abandoned = is_abandoned(status.phase, record, &seen, driving);
        status.conflict =
            conflict(record, &seen).map(|conflict| conflict::told(&conflict, target).to_string());
        status.traffic = record.shared.as_ref().map(Traffic::of);
        if let (Goal::Hold { .. }, Some(judge)) = (&record.goal, &record.judge) {
            status.verdict.take(judge.verdict(), &[]);
        }
        status.verdict.dead = cluster.canary(record).and_then(|set| {
            let pods = cluster.pods_of(text(&set["metadata"]["uid"]));
            let stable = cluster
                .stable(record)
                .map(|set| text(&set["metadata"]["uid"]));
            let habits = dead::Habits::of(cluster.pods_of(stable.unwrap_or_default()));
            let patience = habits.patience(record.original.deadline);
            // Nothing was seen before: the cluster's own times are all that there is.
            let mut waited = |_: String, since: Option<Timestamp>| {
                let span = since.map(|since| now.duration_since(since));
                span.and_then(|span| span.try_into().ok())
                    .unwrap_or_default()
            };
            let dead = dead::diagnose(set, pods, &habits, patience, &mut waited);
            dead.map(|dead| dead.to_string())
        });
        status
    }

    fn without_record(&mut self, cluster: &Snapshot) {
        let held = is_hold(&cluster.deployment["spec"]["minReadySeconds"]);
        let marked = cluster.deployment["metadata"]["labels"][MARKER].is_string();
        if held || marked {
            self.phase = Phase::Orphan;
        }
        self.stable = side(cluster, cluster.newest());
    }

    /// Returns the document for programs.
    #[must_use]
    pub fn document(&self) -> Document<Kind, &Self> {
        Document::new(Kind::CanaryStatus, self)
    }
}

/// Says whether the pods of both sets run the same images by their ids, as far as they are known.
fn runs_the_same(
    cluster: &Snapshot,
    stable: Option<&serde_json::Value>,
    canary: Option<&serde_json::Value>,
) -> bool {
    let ids = |set: Option<&serde_json::Value>| {
        let uid = text(&set?["metadata"]["uid"]).to_owned();
        let mut pods = cluster
            .pods
            .values()
            .filter(|pod| pod.owner == uid && pod.ready);
        pods.find(|pod| !pod.image_ids.is_empty())
            .map(|pod| &pod.image_ids)
    };
    ids(stable).is_some_and(|stable| ids(canary) == Some(stable))
}

/// Returns when the canary's pods are past the warm-up that a judge gives them.
#[must_use]
pub fn warm_at(record: &Record, cluster: &Snapshot, judge: &Judge) -> Option<Timestamp> {
    let uid = text(&cluster.canary(record)?["metadata"]["uid"]);
    let last = cluster
        .pods_of(uid)
        .filter_map(|pod| pod.ready_since)
        .max()?;
    last.checked_add(judge.settings().warmup).ok()
}

/// Returns the images of a template's containers, each once.
fn images(template: &serde_json::Value) -> Vec<String> {
    let containers = template["spec"]["containers"].as_array();
    let mut images: Vec<String> = containers
        .into_iter()
        .flatten()
        .map(|container| text(&container["image"]).to_owned())
        .collect();
    images.dedup();
    images
}

fn side(cluster: &Snapshot, set: Option<&serde_json::Value>) -> Side {
    let Some(set) = set else {
        return Side::default();
    };
    let uid = text(&set["metadata"]["uid"]);
    Side {
        hash: Some(hash(set).to_owned()),
        replicas: size(set),
        ready: cluster.pods_of(uid).filter(|pod| pod.ready).count(),
        restarts: cluster.pods_of(uid).map(|pod| pod.restarts).sum(),
        images: images(&set["spec"]["template"]),
        since: cluster.pods_of(uid).filter_map(|pod| pod.created).min(),
    }
}
