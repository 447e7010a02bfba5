use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use serde_json::{Value, json};

use crate::cluster::signals::arms::Arms;
use crate::cluster::signals::kubernetes::{ALL, Memory, not_ready};
use crate::model::pod::Pod;
use crate::model::verdict::windows::Arm;

fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// A pod of template `hash` that started at second 0.
fn pod(hash: &str, ready: &str, since: i64, containers: Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": format!("web-{hash}-x"), "uid": hash, "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": hash, "uid": hash, "controller": true}]},
        "status": {
            "startTime": moment(0).to_string(),
            "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": moment(since).to_string()}],
            "containerStatuses": containers,
        },
    }))
    .unwrap()
}

fn container(restarts: i32, last: Value) -> Value {
    json!([{"name": "web", "image": "", "imageID": "", "ready": true,
        "restartCount": restarts, "lastState": last}])
}

fn killed(id: &str) -> Value {
    json!({"terminated": {"exitCode": 137, "reason": "OOMKilled", "containerID": id}})
}

fn warning(uid: &str, pod: &str, kind: &str) -> Event {
    serde_json::from_value(json!({"metadata": {"uid": uid}, "type": kind, "count": 12,
        "involvedObject": {"uid": pod}}))
    .unwrap()
}

/// Looks at one canary pod and returns its count of each indicator.
fn look(memory: &mut Memory, pod: &Pod, events: &[Event], second: i64) -> [f64; 4] {
    let pods = [pod.clone()];
    let arms = Arms::by_owner("shop", &pods, "old", "new");
    let series = memory.count(&arms, Ok(events), moment(second));
    ALL.map(|name| {
        let found = series.iter().find(|series| series.indicator == name);
        found.unwrap().samples.as_ref().unwrap()[0].bad
    })
}

#[test]
fn restarts_are_kubernetes_own_count_and_a_kill_counts_once_per_container() {
    let mut memory = Memory::default();
    let calm = pod("new", "True", 5, container(0, json!({})));
    assert_eq!(look(&mut memory, &calm, &[], 60), [0.0; 4]);
    let once = pod("new", "True", 5, container(1, killed("a")));
    assert_eq!(look(&mut memory, &once, &[], 70), [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(look(&mut memory, &once, &[], 80), [1.0, 1.0, 0.0, 0.0]);
    let twice = pod("new", "True", 5, container(2, killed("b")));
    assert_eq!(look(&mut memory, &twice, &[], 90), [2.0, 2.0, 0.0, 0.0]);
}

#[test]
fn readiness_is_lost_once_however_long_and_also_between_two_looks() {
    let mut memory = Memory::default();
    let mut lost = |ready: &str, since| {
        let pod = pod("new", ready, since, container(0, json!({})));
        look(&mut memory, &pod, &[], 600)[2]
    };
    assert_eq!(lost("False", 0), 0.0, "it never was Ready");
    assert_eq!(lost("True", 10), 0.0);
    assert_eq!(lost("False", 20), 1.0);
    assert_eq!(lost("False", 20), 1.0);
    assert_eq!(lost("True", 30), 1.0);
    assert_eq!(lost("True", 40), 2.0, "it was away and came back unseen");
}

#[test]
fn a_warning_that_repeats_counts_once_and_one_that_expired_stays_counted() {
    let mut memory = Memory::default();
    let calm = pod("new", "True", 5, container(0, json!({})));
    let events = [
        warning("e1", "new", "Warning"),
        warning("e2", "new", "Normal"),
        warning("e3", "other", "Warning"),
    ];
    assert_eq!(look(&mut memory, &calm, &events, 60)[3], 1.0);
    assert_eq!(look(&mut memory, &calm, &events, 70)[3], 1.0);
    assert_eq!(look(&mut memory, &calm, &[], 80)[3], 1.0);
    let new = [warning("e4", "new", "Warning")];
    assert_eq!(look(&mut memory, &calm, &new, 90)[3], 2.0);
}

#[test]
fn events_that_may_not_be_read_leave_the_other_counts_alone() {
    let pods = [pod("new", "True", 5, container(3, json!({})))];
    let arms = Arms::by_owner("shop", &pods, "old", "new");
    let series = Memory::default().count(&arms, Err("403".to_owned()), moment(60));
    assert_eq!(series[3].samples, Err("403".to_owned()));
    assert_eq!(series[0].samples.as_ref().unwrap()[0].bad, 3.0);
    assert_eq!(series[0].samples.as_ref().unwrap()[0].total, 60.0);
}

#[test]
fn pods_are_sorted_by_replicaset_and_what_is_neither_or_on_its_way_out_is_left_out() {
    let mut leaving = pod("new", "True", 5, json!([]));
    leaving.deleting = true;
    let pods = [
        pod("old", "True", 5, json!([])),
        pod("new", "False", 40, json!([])),
        pod("older", "True", 5, json!([])),
        leaving,
    ];
    let arms = Arms::by_owner("shop", &pods, "old", "new");
    let found: Vec<Arm> = arms.members.iter().map(|member| member.arm).collect();
    assert_eq!(found, [Arm::Stable, Arm::Canary]);
    assert_eq!(not_ready(&arms, Arm::Canary, moment(100)), (1, 60.0));
    assert_eq!(not_ready(&arms, Arm::Stable, moment(100)), (0, 0.0));
}
