//! What matters of a pod.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod as FullPod, PodCondition, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use serde::Deserialize;

/// A pod, without what nobody asks for: thousands of them are kept.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "Read")]
pub struct Pod {
    /// Its UID.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// What its name begins with, like those of all pods of its ReplicaSet.
    pub stem: Option<String>,
    /// UID of its ReplicaSet.
    pub owner: String,
    /// Whether it is Ready.
    pub ready: bool,
    /// Since when.
    pub ready_since: Option<Timestamp>,
    /// Since when it is Ready or not, whichever it is.
    pub turned: Option<Timestamp>,
    /// When the kubelet took it up.
    pub started: Option<Timestamp>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether it has ended.
    pub ended: bool,
    /// Restarts of all its containers.
    pub restarts: i32,
    /// The images that its containers run, by their ids; sorted, each once.
    pub image_ids: Vec<String>,
    /// Runs of its containers that ended for want of memory, as far as they are still told of.
    pub killed: Vec<String>,
    /// Why it is not scheduled: since when, and the scheduler's words.
    pub unschedulable: Option<(Option<Timestamp>, String)>,
    /// What is wrong with its containers.
    pub troubles: Vec<Trouble>,
    /// Its containers that were started again.
    pub restarted: Vec<Restarted>,
}

/// A container that was started again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restarted {
    /// The container.
    pub container: String,
    /// How often.
    pub times: i32,
    /// When its last run ended.
    pub ended: Option<Timestamp>,
}

/// What is wrong with a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The container.
    pub container: String,
    /// The reason: `CrashLoopBackOff`, `OOMKilled`, `ErrImagePull`, …
    pub reason: String,
    /// The kubelet's words.
    pub message: String,
    /// Whether it is about the container's last run and not the current one.
    pub last: bool,
    /// The exit code of a container that ended.
    pub exit_code: Option<i32>,
    /// Whether it runs before the others: an init container, or a sidecar that is one.
    pub init: bool,
    /// How often the container was started again.
    pub restarts: i32,
    /// When the run that it is about ended.
    pub ended: Option<Timestamp>,
}

/// What is read of a pod; everything else, such as its spec and who owns which field, is skipped
/// while parsing.
#[derive(Deserialize)]
struct Read {
    metadata: Metadata,
    #[serde(default)]
    status: PodStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    uid: Option<String>,
    name: Option<String>,
    generate_name: Option<String>,
    owner_references: Option<Vec<OwnerReference>>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
}

impl From<FullPod> for Pod {
    fn from(pod: FullPod) -> Self {
        let metadata = pod.metadata;
        Self::from(Read {
            metadata: Metadata {
                uid: metadata.uid,
                name: metadata.name,
                generate_name: metadata.generate_name,
                owner_references: metadata.owner_references,
                creation_timestamp: metadata.creation_timestamp,
                deletion_timestamp: metadata.deletion_timestamp,
            },
            status: pod.status.unwrap_or_default(),
        })
    }
}

impl From<Read> for Pod {
    fn from(Read { metadata, status }: Read) -> Self {
        let conditions: &[PodCondition] = status.conditions.as_deref().unwrap_or_default();
        let condition = |kind: &str| conditions.iter().find(|found| found.type_ == kind);
        let ready = condition("Ready").filter(|found| found.status == "True");
        let unschedulable = condition("PodScheduled")
            .filter(|found| found.reason.as_deref() == Some("Unschedulable"))
            .map(|found| {
                let since = found.last_transition_time.as_ref().map(|time| time.0);
                (since, found.message.clone().unwrap_or_default())
            });
        let of = |list: &'_ Option<Vec<ContainerStatus>>, init: bool| {
            let list = list.iter().flatten();
            list.flat_map(|status| troubles(status, init)).collect()
        };
        let mut troubled: Vec<Trouble> = of(&status.init_container_statuses, true);
        troubled.extend::<Vec<Trouble>>(of(&status.container_statuses, false));
        let containers = [&status.init_container_statuses, &status.container_statuses]
            .into_iter()
            .flatten()
            .flatten();
        let owner = metadata
            .owner_references
            .into_iter()
            .flatten()
            .find(|owner| owner.controller == Some(true))
            .map(|owner| owner.uid);
        let phase = status.phase.as_deref();
        Self {
            uid: metadata.uid.unwrap_or_default(),
            name: metadata.name.unwrap_or_default(),
            stem: metadata.generate_name,
            owner: owner.unwrap_or_default(),
            ready: ready.is_some(),
            ready_since: ready
                .and_then(|found| found.last_transition_time.as_ref())
                .map(|time| time.0),
            turned: condition("Ready")
                .and_then(|found| found.last_transition_time.as_ref())
                .map(|time| time.0),
            started: status.start_time.as_ref().map(|time| time.0),
            created: metadata.creation_timestamp.as_ref().map(|time| time.0),
            deleting: metadata.deletion_timestamp.is_some(),
            ended: matches!(phase, Some("Failed" | "Succeeded")),
            restarts: containers.clone().map(|found| found.restart_count).sum(),
            image_ids: {
                let ids = containers.clone().map(|found| found.image_id.clone());
                let ids: BTreeSet<String> = ids.filter(|id| !id.is_empty()).collect();
                ids.into_iter().collect()
            },
            killed: containers.clone().flat_map(killed).collect(),
            unschedulable,
            troubles: troubled,
            restarted: containers.filter_map(restarted).collect(),
        }
    }
}

impl Pod {
    /// Says whether the ReplicaSet does not count it any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.deleting || self.ended
    }
}

/// Names the runs of a container that ended by `OOMKilled`.
fn killed(status: &ContainerStatus) -> impl Iterator<Item = String> + use<'_> {
    let states = [&status.state, &status.last_state];
    states
        .into_iter()
        .flatten()
        .filter_map(|state| state.terminated.as_ref())
        .filter(|ended| ended.reason.as_deref() == Some("OOMKilled"))
        .map(|ended| {
            // Simulated containers have no id; when it ended tells them apart as well.
            let finished = ended.finished_at.as_ref().map(|time| time.0.to_string());
            let id = ended.container_id.clone().or(finished).unwrap_or_default();
            format!("{}/{id}", status.name)
        })
}

fn restarted(status: &ContainerStatus) -> Option<Restarted> {
    let last = status.last_state.as_ref();
    let ended = last.and_then(|last| last.terminated.as_ref()?.finished_at.as_ref());
    (status.restart_count > 0).then(|| Restarted {
        container: status.name.clone(),
        times: status.restart_count,
        ended: ended.map(|time| time.0),
    })
}

fn troubles(status: &ContainerStatus, init: bool) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let mut add = |reason: Option<&String>, message: Option<&String>, last, exit_code, ended| {
        troubles.push(Trouble {
            init,
            restarts: status.restart_count,
            ended,
            container: status.name.clone(),
            reason: reason.cloned().unwrap_or_default(),
            message: message.cloned().unwrap_or_default(),
            last,
            exit_code,
        });
    };
    for (state, last) in [(&status.state, false), (&status.last_state, true)] {
        let Some(state) = state else { continue };
        if let Some(waiting) = &state.waiting {
            add(
                waiting.reason.as_ref(),
                waiting.message.as_ref(),
                last,
                None,
                None,
            );
        }
        if let Some(ended) = state
            .terminated
            .as_ref()
            .filter(|ended| ended.exit_code != 0)
        {
            let (reason, message) = (ended.reason.as_ref(), ended.message.as_ref());
            let finished = ended.finished_at.as_ref().map(|time| time.0);
            add(reason, message, last, Some(ended.exit_code), finished);
        }
    }
    troubles
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod() -> Value {
        json!({
            "metadata": {"uid": "u", "name": "web-1", "generateName": "web-",
                "creationTimestamp": "2026-11-21T12:00:00Z",
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web",
                    "uid": "set", "controller": true}],
                "managedFields": [{"manager": "kubelet"}]},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]},
            "status": {"phase": "Running", "startTime": "2026-11-21T12:00:01Z",
                "conditions": [{"type": "Ready", "status": "True",
                    "lastTransitionTime": "2026-11-21T12:00:02Z"}],
                "containerStatuses": [{"name": "web", "image": "web:1", "imageID": "",
                    "ready": true, "restartCount": 2, "lastState": {"terminated":
                        {"exitCode": 137, "reason": "OOMKilled", "containerID": "c"}}}]}})
    }

    #[test]
    fn a_pod_of_a_list_and_one_of_a_watch_are_read_alike() {
        let listed: Pod = serde_json::from_value(pod()).unwrap();
        let full: FullPod = serde_json::from_value(pod()).unwrap();
        assert_eq!(listed, Pod::from(full));
        assert_eq!(
            (listed.uid.as_str(), listed.owner.as_str(), listed.ready),
            ("u", "set", true)
        );
        assert_eq!((listed.restarts, listed.killed.len()), (2, 1));
    }

    #[test]
    fn a_pod_that_nobody_has_taken_up_yet_is_not_ready() {
        let pod: Pod = serde_json::from_value(json!({"metadata": {"name": "web-1"}})).unwrap();
        assert!(!pod.ready && !pod.is_gone());
    }
}
