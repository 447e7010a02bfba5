//! What matters of a pod.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod as FullPod, PodCondition};

/// A pod, without what nobody asks for: thousands of them are kept.
#[derive(Clone, Debug, PartialEq)]
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
    /// Runs of its containers that ended for want of memory, as far as they are still told of.
    pub killed: Vec<String>,
    /// Why it is not scheduled: since when, and the scheduler's words.
    pub unschedulable: Option<(Option<Timestamp>, String)>,
    /// What is wrong with its containers.
    pub troubles: Vec<Trouble>,
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
}

impl Pod {
    /// Reads a pod.
    #[must_use]
    pub fn of(pod: &FullPod) -> Self {
        let metadata = &pod.metadata;
        let status = pod.status.as_ref();
        let conditions: &[PodCondition] = status
            .and_then(|status| status.conditions.as_deref())
            .unwrap_or_default();
        let condition = |kind: &str| conditions.iter().find(|found| found.type_ == kind);
        let ready = condition("Ready").filter(|found| found.status == "True");
        let unschedulable = condition("PodScheduled")
            .filter(|found| found.reason.as_deref() == Some("Unschedulable"))
            .map(|found| {
                let since = found.last_transition_time.as_ref().map(|time| time.0);
                (since, found.message.clone().unwrap_or_default())
            });
        let containers = status
            .into_iter()
            .flat_map(|status| [&status.init_container_statuses, &status.container_statuses])
            .flatten()
            .flatten();
        let owner = metadata
            .owner_references
            .iter()
            .flatten()
            .find(|owner| owner.controller == Some(true))
            .map(|owner| owner.uid.clone());
        let phase = status.and_then(|status| status.phase.as_deref());
        Self {
            uid: metadata.uid.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
            stem: metadata.generate_name.clone(),
            owner: owner.unwrap_or_default(),
            ready: ready.is_some(),
            ready_since: ready
                .and_then(|found| found.last_transition_time.as_ref())
                .map(|time| time.0),
            turned: condition("Ready")
                .and_then(|found| found.last_transition_time.as_ref())
                .map(|time| time.0),
            started: status
                .and_then(|status| status.start_time.as_ref())
                .map(|time| time.0),
            created: metadata.creation_timestamp.as_ref().map(|time| time.0),
            deleting: metadata.deletion_timestamp.is_some(),
            ended: matches!(phase, Some("Failed" | "Succeeded")),
            restarts: containers.clone().map(|found| found.restart_count).sum(),
            killed: containers.clone().flat_map(killed).collect(),
            unschedulable,
            troubles: containers.flat_map(troubles).collect(),
        }
    }

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

fn troubles(status: &ContainerStatus) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let mut add = |reason: Option<&String>, message: Option<&String>, last, exit_code| {
        troubles.push(Trouble {
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
            );
        }
        if let Some(ended) = state
            .terminated
            .as_ref()
            .filter(|ended| ended.exit_code != 0)
        {
            let (reason, message) = (ended.reason.as_ref(), ended.message.as_ref());
            add(reason, message, last, Some(ended.exit_code));
        }
    }
    troubles
}
