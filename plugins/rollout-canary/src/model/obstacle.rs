//! What keeps the controllers from doing what is waited for, in the cluster's own words.

use serde_json::Value;

use crate::model::object::text;
use crate::model::record::Record;
use crate::model::snapshot::Snapshot;

/// Returns a condition's message if the object has it with this status.
fn condition<'a>(
    object: &'a Value,
    kind: &str,
    status: &str,
    reason: Option<&str>,
) -> Option<&'a str> {
    let conditions = object["status"]["conditions"].as_array()?;
    let found = conditions.iter().find(|found| {
        found["type"] == kind
            && found["status"] == status
            && reason.is_none_or(|reason| found["reason"] == reason)
    })?;
    Some(text(&found["message"]))
}

/// Returns why the controller cannot create the ReplicaSet of the Deployment's template
/// (`deploymentutil.FailedRSCreateReason`); it says so only where there is a progress deadline.
#[must_use]
pub fn no_replica_set(deployment: &Value) -> Option<&str> {
    let generation = deployment["metadata"]["generation"].as_i64();
    let observed = deployment["status"]["observedGeneration"].as_i64();
    // It says nothing of a template that it has seen.
    if observed >= generation {
        return None;
    }
    condition(
        deployment,
        "Progressing",
        "False",
        Some("ReplicaSetCreateError"),
    )
}

/// Returns how many ReplicaSets the controller could not use for a Deployment because one of that name
/// was there with another template.
#[must_use]
pub fn collisions(deployment: &Value) -> i64 {
    deployment["status"]["collisionCount"]
        .as_i64()
        .unwrap_or_default()
}

/// Returns why a ReplicaSet cannot create pods.
#[must_use]
pub fn no_pods(set: &Value) -> Option<&str> {
    condition(set, "ReplicaFailure", "True", None)
}

/// Returns what stands in the way of a Deployment's controllers, if they say so.
#[must_use]
pub fn obstacle(cluster: &Snapshot, record: &Record) -> Option<String> {
    if let Some(why) = no_replica_set(&cluster.deployment) {
        return Some(format!("the controller cannot create a ReplicaSet: {why}"));
    }
    let sets = [cluster.stable(record), cluster.canary(record)];
    for set in sets.into_iter().flatten() {
        let name = text(&set["metadata"]["name"]);
        if let Some(why) = no_pods(set) {
            return Some(format!("replicaset {name} cannot create pods: {why}"));
        }
        let uid = text(&set["metadata"]["uid"]);
        for pod in cluster.pods_of(uid) {
            if let Some((_, why)) = &pod.unschedulable {
                return Some(format!("pod {} has no node: {why}", pod.name));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refused_replica_set_is_named_until_the_controller_has_seen_the_template() {
        let refused = |observed: i64| {
            json!({"metadata": {"generation": 4}, "status": {"observedGeneration": observed,
                "conditions": [{"type": "Progressing", "status": "False",
                    "reason": "ReplicaSetCreateError", "message": "exceeded quota: sets"}]}})
        };
        assert_eq!(no_replica_set(&refused(3)), Some("exceeded quota: sets"));
        assert_eq!(no_replica_set(&refused(4)), None);
    }
}
