//! What happens to simulated nodes and their pods, and when. A pod's image tag chooses:
//!
//! | image | becomes |
//! |---|---|
//! | `sandbox.local/sim:complete` | ends with 0 after a second, unless restartPolicy is Always |
//! | `sandbox.local/sim:crash` | ends with 1 after a second: CrashLoopBackOff; Failed with Never |
//! | `sandbox.local/sim:oom` | the same, as OOMKilled with 137 |
//! | `sandbox.local/sim:errpull` | ErrImagePull and ImagePullBackOff in turns |
//! | `sandbox.local/sim:flap` | Ready for five seconds, unready for five, and so on |
//! | `sandbox.local/sim:unready` | runs and is never Ready |
//! | anything else | runs and is Ready |
//!
//! Only the tag counts. Times are shorter than a kubelet's: a crash loop waits four seconds
//! instead of ten to three hundred.

use serde_json::{Value, json};

use super::templates;

/// Tags of all containers of a pod.
const TAGS: &str = r#".spec.containers[] | .image | split(":") | last"#;
/// Why containers wait.
const WAITING: &str = ".status.containerStatuses[]? | .state.waiting.reason";
/// When containers that are to crash were started; nothing while they are down.
const DOOMED: &str = r#".status.containerStatuses[]? | select(.image | test(":(crash|oom)$")) | .state.running.startedAt"#;
const PHASE: &str = ".status.phase";
const READY: &str = r#".status.conditions[]? | select(.type == "Ready") | .status"#;
const RESTARTS: &str = ".spec.restartPolicy";

/// A rule: objects that match become what the template says, after a while.
struct Stage {
    name: &'static str,
    kind: &'static str,
    matches: Vec<Value>,
    delay: (u32, u32),
    next: Value,
}

impl Stage {
    fn node(name: &'static str, matches: Vec<Value>, status: String) -> Self {
        let next = json!({"statusTemplate": status});
        Self {
            name,
            kind: "Node",
            matches,
            delay: (0, 0),
            next,
        }
    }

    fn pod(name: &'static str, mut matches: Vec<Value>, status: String) -> Self {
        matches.push(json!({"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"}));
        Self {
            name,
            kind: "Pod",
            matches,
            delay: (0, 0),
            next: json!({"statusTemplate": status}),
        }
    }

    /// Lets between `least` and `most` milliseconds pass first.
    fn after(self, least: u32, most: u32) -> Self {
        Self {
            delay: (least, most),
            ..self
        }
    }

    fn to_document(&self) -> String {
        let (least, most) = self.delay;
        let document = json!({
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": "Stage",
            "metadata": {"name": self.name},
            "spec": {
                "resourceRef": {"apiGroup": "v1", "kind": self.kind},
                "selector": {"matchExpressions": self.matches},
                "delay": {"durationMilliseconds": least, "jitterDurationMilliseconds": most},
                "next": self.next,
            },
        });
        format!("---\n{document}\n")
    }
}

fn is(key: &str, values: &[&str]) -> Value {
    json!({"key": key, "operator": "In", "values": values})
}

fn is_not(key: &str, values: &[&str]) -> Value {
    json!({"key": key, "operator": "NotIn", "values": values})
}

fn exists(key: &str) -> Value {
    json!({"key": key, "operator": "Exists"})
}

/// Returns every stage, as kwok reads them.
pub(super) fn documents() -> String {
    let all = [nodes(), lives(), ends(), pulls(), flaps()];
    all.iter().flatten().map(Stage::to_document).collect()
}

fn nodes() -> Vec<Stage> {
    vec![
        Stage::node(
            "node-ready",
            vec![is_not(READY, &["True"])],
            templates::node_ready(),
        ),
        // Leases tell that a node lives; this is only for whoever reads the heartbeat.
        Stage::node(
            "node-heartbeat",
            vec![is(READY, &["True"])],
            templates::node_heartbeat(),
        )
        .after(300_000, 360_000),
    ]
}

fn lives() -> Vec<Stage> {
    let delete = json!({"key": ".metadata.deletionTimestamp", "operator": "Exists"});
    vec![
        Stage::pod(
            "pod-start",
            vec![is(PHASE, &["Pending"]), is_not(TAGS, &["errpull"])],
            templates::start(),
        )
        .after(200, 800),
        Stage {
            name: "pod-delete",
            kind: "Pod",
            matches: vec![delete],
            delay: (0, 0),
            next: json!({"delete": true}),
        },
    ]
}

fn ends() -> Vec<Stage> {
    let running = || is(PHASE, &["Running"]);
    vec![
        Stage::pod(
            "pod-complete",
            vec![
                running(),
                is_not(RESTARTS, &["Always"]),
                is(TAGS, &["complete"]),
            ],
            templates::complete(),
        )
        .after(1000, 1000),
        Stage::pod(
            "pod-fail",
            vec![
                running(),
                is(RESTARTS, &["Never"]),
                is(TAGS, &["crash", "oom"]),
            ],
            templates::fail(),
        )
        .after(1000, 1000),
        Stage::pod(
            "pod-crash",
            vec![running(), is_not(RESTARTS, &["Never"]), exists(DOOMED)],
            templates::crash(),
        )
        .after(1000, 1000),
        Stage::pod(
            "pod-restart",
            vec![is(WAITING, &["CrashLoopBackOff"])],
            templates::restart(),
        )
        .after(4000, 4000),
    ]
}

fn pulls() -> Vec<Stage> {
    let (fails, waits) = ("ErrImagePull", "ImagePullBackOff");
    let failed = "failed to pull and unpack image %q: not found";
    vec![
        Stage::pod(
            "pod-pull-fails",
            vec![
                is(PHASE, &["Pending"]),
                is(TAGS, &["errpull"]),
                is_not(WAITING, &[fails, waits]),
            ],
            templates::begin_to_wait_for_image(fails, failed),
        )
        .after(200, 600),
        Stage::pod(
            "pod-pull-waits",
            vec![is(WAITING, &[fails])],
            templates::wait_for_image(waits, "Back-off pulling image %q"),
        )
        .after(2000, 2000),
        Stage::pod(
            "pod-pull-fails-again",
            vec![is(WAITING, &[waits])],
            templates::wait_for_image(fails, failed),
        )
        .after(15_000, 15_000),
    ]
}

fn flaps() -> Vec<Stage> {
    let flapping = |ready| vec![is(PHASE, &["Running"]), is(TAGS, &["flap"]), ready];
    vec![
        Stage::pod(
            "pod-flap-down",
            flapping(is(READY, &["True"])),
            templates::flap(false),
        )
        .after(5000, 5000),
        Stage::pod(
            "pod-flap-up",
            flapping(is_not(READY, &["True"])),
            templates::flap(true),
        )
        .after(5000, 5000),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages() -> Vec<Value> {
        let documents = documents();
        documents
            .split("---\n")
            .skip(1)
            .map(|text| serde_json::from_str(text).unwrap())
            .collect()
    }

    fn named(name: &str) -> Value {
        stages()
            .into_iter()
            .find(|stage| stage["metadata"]["name"] == name)
            .unwrap()
    }

    #[test]
    fn every_tag_that_promises_something_is_chosen_by_a_stage() {
        let chosen = documents();
        for tag in ["complete", "crash", "oom", "errpull", "flap", "unready"] {
            assert!(
                chosen.contains(&format!(r#""{tag}"#)) || chosen.contains(&format!(r#"\"{tag}"#))
            );
        }
    }

    #[test]
    fn names_are_unique_since_a_second_stage_of_a_name_replaces_the_first() {
        let mut names: Vec<String> = stages()
            .iter()
            .map(|stage| stage["metadata"]["name"].to_string())
            .collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn no_stage_but_deletion_touches_a_pod_that_is_being_deleted() {
        for stage in stages().iter().filter(|stage| {
            stage["spec"]["resourceRef"]["kind"] == "Pod"
                && stage["metadata"]["name"] != "pod-delete"
        }) {
            let expressions = stage["spec"]["selector"]["matchExpressions"]
                .as_array()
                .unwrap();
            assert!(
                expressions.iter().any(|e| e["operator"] == "DoesNotExist"),
                "{stage}"
            );
        }
    }

    #[test]
    fn a_pod_that_is_never_restarted_fails_where_another_would_loop() {
        let policy = |name: &str| {
            let stage = named(name);
            let expressions = stage["spec"]["selector"]["matchExpressions"]
                .as_array()
                .unwrap();
            expressions.iter().find(|e| e["key"] == RESTARTS).unwrap()["operator"].clone()
        };
        assert_eq!(
            (policy("pod-fail"), policy("pod-crash")),
            (json!("In"), json!("NotIn"))
        );
    }
}
