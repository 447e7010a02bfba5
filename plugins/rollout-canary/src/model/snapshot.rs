//! A Deployment with its ReplicaSets and pods at one moment.
//!
//! Deployments and ReplicaSets are kept as the server sent them: a pod template that was read into
//! types and written back would lose what those types do not know yet.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::model::machine::promise::Pods;
use crate::model::machine::seen::{Arm, Seen};
use crate::model::names::{DESIRED, MARKER, MAX, is_hold};
use crate::model::object::{hash, is_owned, number, size, text, without_hash};
use crate::model::pod::Pod;
use crate::model::record::Record;
use crate::model::record::form::Shape;

/// A Deployment with everything that belongs to it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The Deployment, as JSON.
    pub deployment: Value,
    /// Its ReplicaSets by UID, as JSON.
    pub sets: BTreeMap<String, Value>,
    /// Their pods by UID.
    pub pods: BTreeMap<String, Pod>,
}

impl Snapshot {
    /// Returns the UID.
    #[must_use]
    pub fn uid(&self) -> &str {
        text(&self.deployment["metadata"]["uid"])
    }

    /// Returns `spec.replicas`.
    #[must_use]
    pub fn replicas(&self) -> i32 {
        number(&self.deployment["spec"]["replicas"]).unwrap_or(1)
    }

    /// Takes a ReplicaSet in, if it is the Deployment's.
    pub fn put_set(&mut self, set: Value) {
        if is_owned(&set, self.uid()) {
            let uid = text(&set["metadata"]["uid"]).to_owned();
            self.sets.insert(uid, set);
        }
    }

    /// Takes a pod in.
    pub fn put_pod(&mut self, pod: Pod) {
        self.pods.insert(pod.uid.clone(), pod);
    }

    /// Returns the pods of a ReplicaSet that are not on their way out or over.
    pub fn pods_of<'a>(&'a self, set: &'a str) -> impl Iterator<Item = &'a Pod> {
        self.pods
            .values()
            .filter(move |pod| pod.owner == set && !pod.is_gone())
    }

    /// Returns the version of the Deployment that is known.
    #[must_use]
    pub fn version(&self) -> &str {
        text(&self.deployment["metadata"]["resourceVersion"])
    }

    /// Says whether the Deployment's status tells of what its ReplicaSets are: then its controller
    /// has written what it had to.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let status = &self.deployment["status"];
        let count = |status: &Value, field: &str| status[field].as_i64().unwrap_or_default();
        ["replicas", "readyReplicas", "availableReplicas"]
            .iter()
            .all(|field| {
                let of_sets = self.sets.values().map(|set| count(&set["status"], field));
                count(status, field) == of_sets.sum::<i64>()
            })
    }

    /// Says whether the status of the Deployment and of its ReplicaSets is of what they are now, and
    /// no pod is left that was to go. Pods that cannot be made keep nothing waiting.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        let observed = |object: &Value| {
            object["status"]["observedGeneration"].as_i64()
                >= object["metadata"]["generation"].as_i64()
        };
        let sized = |set: &Value| {
            ["replicas", "availableReplicas"]
                .iter()
                .all(|field| number(&set["status"][field]).unwrap_or_default() <= size(set))
        };
        observed(&self.deployment) && self.sets.values().all(|set| observed(set) && sized(set))
    }

    /// Counts the Ready pods of all ReplicaSets.
    #[must_use]
    pub fn ready(&self) -> usize {
        let ready = |pod: &&Pod| pod.ready && !pod.is_gone() && self.sets.contains_key(&pod.owner);
        self.pods.values().filter(ready).count()
    }

    /// Counts the pods of both sides.
    #[must_use]
    pub fn counted(&self, record: &Record) -> Pods {
        let count = |set: Option<&Value>| {
            let uid = set.map_or("", |set| text(&set["metadata"]["uid"]));
            self.pods_of(uid).fold((0, 0), |(all, ready), pod| {
                (all + 1, ready + i32::from(pod.ready))
            })
        };
        let (stable, stable_ready) = count(self.stable(record));
        Pods {
            ready: i32::try_from(self.ready()).unwrap_or(i32::MAX),
            stable,
            stable_ready,
            canary: count(self.canary(record)).0,
        }
    }

    /// Returns the canary's ReplicaSet.
    #[must_use]
    pub fn canary(&self, record: &Record) -> Option<&Value> {
        self.sets
            .values()
            .find(|set| without_hash(&set["spec"]["template"]) == record.canary)
    }

    /// Returns the stable ReplicaSet: that of its hash, unless something changed its template and the
    /// controller has made another one.
    #[must_use]
    pub fn stable(&self, record: &Record) -> Option<&Value> {
        let is_stable =
            |set: &&Value| without_hash(&set["spec"]["template"]) == record.original.template;
        let by_hash = self
            .sets
            .values()
            .find(|set| hash(set) == record.stable_hash);
        by_hash
            .filter(is_stable)
            .or_else(|| self.sets.values().find(is_stable))
            .or(by_hash)
    }

    /// Returns what decides.
    #[must_use]
    pub fn seen(&self, record: &Record, now: Timestamp) -> Seen {
        let metadata = &self.deployment["metadata"];
        let generation = metadata["generation"].as_i64();
        let observed = self.deployment["status"]["observedGeneration"].as_i64();
        let (stable, canary) = (self.stable(record), self.canary(record));
        let known = [stable, canary]
            .into_iter()
            .flatten()
            .map(|set| &set["metadata"]["uid"])
            .collect::<Vec<_>>();
        let third = self
            .sets
            .values()
            .find(|set| size(set) > 0 && !known.contains(&&set["metadata"]["uid"]))
            .map(|set| text(&set["metadata"]["name"]).to_owned());
        Seen {
            uid: self.uid().to_owned(),
            replicas: self.replicas(),
            current: observed >= generation,
            deleting: metadata["deletionTimestamp"].is_string(),
            marker: metadata["labels"][MARKER].as_str().map(str::to_owned),
            shape: Shape::of(&self.deployment["spec"], record),
            stable: self.arm(stable, record, now),
            canary: self.arm(canary, record, now),
            third,
        }
    }

    fn arm(&self, set: Option<&Value>, record: &Record, now: Timestamp) -> Arm {
        let Some(set) = set else {
            return Arm::none();
        };
        let metadata = &set["metadata"];
        let status = &set["status"];
        let count = |field: &str| number(&status[field]).unwrap_or_default();
        let note = |key: &str| {
            metadata["annotations"][key]
                .as_str()
                .and_then(|text| text.parse().ok())
        };
        let generation = metadata["generation"].as_i64();
        let uid = text(&metadata["uid"]);
        let old_enough = |pod: &Pod| {
            let age = pod.ready_since.map(|since| now.duration_since(since));
            pod.ready && age.is_some_and(|age| age.as_secs() >= record.original.min_ready)
        };
        let aged = record.original.min_ready == 0 || self.pods_of(uid).all(old_enough);
        // A controller creates pods; the count of those that are Ready is taken from both, so that
        // neither a watch that lags nor a status that does is believed alone.
        let seen_ready = self.pods_of(uid).filter(|pod| pod.ready).count();
        let ready = count("readyReplicas").min(i32::try_from(seen_ready).unwrap_or(i32::MAX));
        Arm {
            exists: true,
            size: size(set),
            pods: count("replicas"),
            ready,
            available: count("availableReplicas"),
            observed: status["observedGeneration"].as_i64() >= generation,
            aged,
            desired: note(DESIRED),
            max: note(MAX),
            held: is_hold(&set["spec"]["minReadySeconds"]),
        }
    }

    /// Returns the ReplicaSet with the Deployment's template, if there is one.
    #[must_use]
    pub fn newest(&self) -> Option<&Value> {
        let wanted = without_hash(&self.deployment["spec"]["template"]);
        self.sets
            .values()
            .find(|set| without_hash(&set["spec"]["template"]) == wanted)
    }

    /// Returns the ReplicaSets with pods.
    #[must_use]
    pub fn active(&self) -> Vec<&Value> {
        self.sets.values().filter(|set| size(set) > 0).collect()
    }
}
