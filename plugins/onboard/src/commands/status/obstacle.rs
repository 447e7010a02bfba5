//! What is blocking a user, read from one object each. Pure.

use std::fmt;

use groundcrew::flags::duration::Span;
use groundcrew::quantity::nanos;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod, ResourceQuota};
use serde::Serialize;

use crate::model::objects::namespace;
use crate::model::record::Record;
use crate::model::settings::ProfileName;

/// One thing that is blocking a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Obstacle {
    /// What kind of thing it is.
    pub reason: Reason,
    /// The object that shows it: `pod/web-7c9f`.
    pub object: String,
    /// What about it, with the server's or the kubelet's own words.
    pub message: String,
    /// What to do about it.
    pub fix: String,
}

/// Kinds of obstacles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Reason {
    /// The user has no valid credential.
    NoCredential,
    /// The user's namespace is missing or is being deleted.
    NoNamespace,
    /// A quota is used up.
    QuotaExhausted,
    /// Pods are refused by a quota.
    QuotaRefusal,
    /// Pods are refused by a limit range.
    LimitRangeRefusal,
    /// Pods are refused by pod security.
    PodSecurityRefusal,
    /// Pods are refused by something else.
    Refused,
    /// An image cannot be pulled.
    ImagePull,
    /// A container cannot be created from the pod's spec.
    ContainerConfig,
    /// A container crashes again and again.
    CrashLoop,
    /// The pod fits on no node.
    Unschedulable,
    /// The pod should have ended: it still takes its place in the quota.
    Terminating,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCredential => "no credential",
            Self::NoNamespace => "no namespace",
            Self::QuotaExhausted => "quota exhausted",
            Self::QuotaRefusal => "refused by quota",
            Self::LimitRangeRefusal => "refused by limit range",
            Self::PodSecurityRefusal => "refused by pod security",
            Self::Refused => "pods refused",
            Self::ImagePull => "image pull failed",
            Self::ContainerConfig => "container not created",
            Self::CrashLoop => "crash loop",
            Self::Unschedulable => "unschedulable",
            Self::Terminating => "does not terminate",
        })
    }
}

/// Finds resources of a quota of which nothing is left. A quota of zero forbids, so it is never
/// used up.
pub fn of_quota(quota: &ResourceQuota, record: &Record) -> Vec<Obstacle> {
    let name = quota.metadata.name.as_deref().unwrap_or_default();
    let fix = raise(name, record);
    let Some(status) = &quota.status else {
        return Vec::new();
    };
    let (Some(hard), Some(used)) = (&status.hard, &status.used) else {
        return Vec::new();
    };
    hard.iter()
        .filter_map(|(resource, hard)| {
            let used = used.get(resource)?;
            let (limit, amount) = (nanos(&hard.0)?, nanos(&used.0)?);
            (limit > 0 && amount >= limit).then(|| Obstacle {
                reason: Reason::QuotaExhausted,
                object: format!("resourcequota/{name}"),
                message: format!("{resource}: {} of {} used", used.0, hard.0),
                fix: fix.clone(),
            })
        })
        .collect()
}

/// Says how a quota is raised: by a larger profile if it is the one that onboarding made, by
/// whoever made it otherwise.
fn raise(name: &str, record: &Record) -> String {
    let (user, namespace) = (&record.user, &record.namespace);
    let own = name == namespace::LIMITS && !record.settings.no_namespace;
    let larger = match record.settings.profile {
        ProfileName::Small => "medium",
        ProfileName::Medium => "large",
        ProfileName::Large | ProfileName::File | ProfileName::None => "FILE",
    };
    if own {
        return format!(
            "delete what is not needed, or raise the quota:  kubectl onboard {user} --profile \
             {larger}"
        );
    }
    format!(
        "delete what is not needed; kubectl onboard did not make this quota, ask who did:  kubectl \
         get resourcequota {name} -n {namespace} -o yaml --show-managed-fields"
    )
}

/// How long after its grace a pod may still be there before something is wrong.
const OVERDUE: SignedDuration = SignedDuration::from_secs(60);

/// Finds a pod whose grace is over and that is still there: its node does not answer, or a
/// finalizer keeps it.
pub fn overdue(pod: &Pod, namespace: &str, now: Timestamp) -> Option<Obstacle> {
    let metadata = &pod.metadata;
    let name = metadata.name.as_deref().unwrap_or_default();
    // The server sets it to the end of the grace.
    let ends = metadata.deletion_timestamp.as_ref()?.0;
    let late = now.duration_since(ends);
    if late < OVERDUE {
        return None;
    }
    let late = Span(late.unsigned_abs());
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    let held = metadata.finalizers.iter().flatten().next();
    let (why, fix) = match (held, node) {
        (Some(finalizer), _) => (
            format!("finalizer {finalizer} keeps it"),
            format!(
                "ask the owner of the finalizer:  kubectl get pod {name} -n {namespace} -o yaml"
            ),
        ),
        (None, Some(node)) => (
            format!("node {node} has not confirmed its end"),
            format!("look at the node:  kubectl get node {node}"),
        ),
        (None, None) => (
            "no node has it".to_owned(),
            format!("look at it:  kubectl get pod {name} -n {namespace} -o yaml"),
        ),
    };
    Some(Obstacle {
        reason: Reason::Terminating,
        object: format!("pod/{name}"),
        message: format!("terminating, {late} over its grace: {why}"),
        fix,
    })
}

/// Finds what a ReplicaSet was refused. The condition is taken away once its pods are made.
pub fn of_replica_set(set: &ReplicaSet, namespace: &str) -> Option<Obstacle> {
    let conditions = set.status.as_ref()?.conditions.as_ref()?;
    let failure = conditions
        .iter()
        .find(|one| one.type_ == "ReplicaFailure" && one.status == "True")?;
    let mut owners = set.metadata.owner_references.iter().flatten();
    let owner = owners.find(|owner| owner.controller == Some(true));
    let object = owner.map_or_else(
        || {
            format!(
                "replicaset/{}",
                set.metadata.name.as_deref().unwrap_or_default()
            )
        },
        |owner| format!("{}/{}", owner.kind.to_lowercase(), owner.name),
    );
    let message = failure.message.as_deref().unwrap_or_default();
    Some(refusal(object, message, namespace))
}

/// Returns the refusal that an event tells.
pub fn of_event(event: &Event, namespace: &str) -> Obstacle {
    let about = &event.involved_object;
    let kind = about.kind.as_deref().unwrap_or_default().to_lowercase();
    let name = about.name.as_deref().unwrap_or_default();
    let message = event.message.as_deref().unwrap_or_default();
    // The controllers' wording: `create Pod web-0 in StatefulSet web failed error: pods …`.
    let message = message
        .split_once(" error: ")
        .map_or(message, |(_, rest)| rest);
    let message = message.strip_prefix("Error creating: ").unwrap_or(message);
    refusal(format!("{kind}/{name}"), message, namespace)
}

/// Tells refusals apart by the wording of the admission plugins of Kubernetes
/// (`plugin/pkg/admission/{resourcequota,limitranger}`, `staging/src/k8s.io/pod-security-admission`).
fn refusal(object: String, message: &str, namespace: &str) -> Obstacle {
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let (reason, fix) = if has(&["violates PodSecurity"]) {
        (
            Reason::PodSecurityRefusal,
            format!("kubectl explain pod.spec.containers.securityContext; then edit {object}"),
        )
    } else if has(&["exceeded quota:"]) {
        (
            Reason::QuotaRefusal,
            format!("request less in {object}, or delete what is not needed in {namespace}"),
        )
    } else if has(&["failed quota:"]) {
        (
            Reason::QuotaRefusal,
            format!("set requests and limits in {object}, or add a LimitRange to {namespace}"),
        )
    } else if has(&[
        "usage per Container is",
        "usage per Pod is",
        "limit to request ratio per",
        "usage per PersistentVolumeClaim is",
    ]) {
        (
            Reason::LimitRangeRefusal,
            format!("kubectl describe limitrange -n {namespace}; then edit {object}"),
        )
    } else {
        (
            Reason::Refused,
            format!("kubectl describe {object} -n {namespace}"),
        )
    };
    Obstacle {
        reason,
        object,
        message: message.to_owned(),
        fix,
    }
}

/// Reasons for a waiting container that time alone does not fix, from the kubelet's
/// `pkg/kubelet/images/types.go` and `pkg/kubelet/kuberuntime`.
const PULL: [&str; 7] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];

const CONFIG: [&str; 5] = [
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PreCreateHookError",
    "PreStartHookError",
];

/// Finds what keeps a pod from running; at most one obstacle for each container.
pub fn of_pod(pod: &Pod, namespace: &str) -> Vec<Obstacle> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let Some(status) = &pod.status else {
        return Vec::new();
    };
    if pod.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    let object = format!("pod/{name}");
    let mut found = Vec::new();
    let stuck = status
        .conditions
        .iter()
        .flatten()
        .find(|one| one.type_ == "PodScheduled" && one.status == "False");
    if let Some(stuck) = stuck {
        let reason = stuck.reason.as_deref().unwrap_or("Unschedulable");
        let message = stuck.message.as_deref().unwrap_or(reason);
        found.push(Obstacle {
            reason: Reason::Unschedulable,
            object: object.clone(),
            message: message.to_owned(),
            fix: format!("kubectl describe {object} -n {namespace}"),
        });
    }
    let containers = status.init_container_statuses.iter().flatten();
    let containers = containers.chain(status.container_statuses.iter().flatten());
    found.extend(containers.filter_map(|one| of_container(one, &object, namespace)));
    found
}

fn times(count: i32) -> String {
    match count {
        1 => "once".to_owned(),
        _ => format!("{count} times"),
    }
}

fn of_container(container: &ContainerStatus, object: &str, namespace: &str) -> Option<Obstacle> {
    let state = container.state.as_ref()?;
    let (name, image) = (&container.name, &container.image);
    let waiting = state.waiting.as_ref()?;
    let word = waiting.reason.as_deref()?;
    let words = match waiting.message.as_deref() {
        Some(message) if !message.is_empty() => format!("{word}: {message}"),
        _ => word.to_owned(),
    };
    let (reason, message, fix) = if PULL.contains(&word) {
        (
            Reason::ImagePull,
            format!("container {name}, image {image:?}: {words}"),
            format!("check the image name, and whether {namespace} has a pull secret for it"),
        )
    } else if CONFIG.contains(&word) {
        (
            Reason::ContainerConfig,
            format!("container {name}: {words}"),
            format!("kubectl describe {object} -n {namespace}"),
        )
    } else if word == "CrashLoopBackOff" {
        let last = container.last_state.as_ref();
        let ended = last.and_then(|last| last.terminated.as_ref());
        let how = ended.map(|ended| {
            let reason = ended.reason.as_deref().unwrap_or("ended");
            format!("; last time: {reason} with exit code {}", ended.exit_code)
        });
        let how = how.unwrap_or_default();
        (
            Reason::CrashLoop,
            format!(
                "container {name} has restarted {}{how}",
                times(container.restart_count)
            ),
            format!(
                "kubectl logs {} -n {namespace} -c {name} --previous",
                object.trim_start_matches("pod/")
            ),
        )
    } else {
        return None;
    };
    Some(Obstacle {
        reason,
        object: object.to_owned(),
        message,
        fix,
    })
}
