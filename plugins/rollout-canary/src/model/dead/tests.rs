use serde_json::json;

use super::*;
use crate::model::pod::Restarted;

fn pod(reason: &str, message: &str) -> Pod {
    Pod {
        uid: "u".to_owned(),
        name: "web-1".to_owned(),
        stem: None,
        owner: "s".to_owned(),
        ready: false,
        ready_since: None,
        turned: None,
        started: None,
        created: Some(at(0)),
        deleting: false,
        ended: false,
        restarts: 0,
        killed: Vec::new(),
        image_ids: Vec::new(),
        unschedulable: None,
        troubles: vec![Trouble {
            container: "app".to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            last: false,
            exit_code: None,
            init: false,
            restarts: 0,
            ended: None,
        }],
        restarted: Vec::new(),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn failure_beside(stable: &[Pod], pods: &[Pod], second: i64) -> Option<Failure> {
    let mut waited = |_: String, since: Option<Timestamp>| {
        let since = since.unwrap_or(at(0));
        Duration::try_from(at(second).duration_since(since)).unwrap_or_default()
    };
    let habits = Habits::of(stable.iter());
    let patience = habits.patience(Some(600));
    let dead = diagnose(&json!({}), pods.iter(), &habits, patience, &mut waited);
    dead.map(|dead| dead.failure)
}

fn failure(pods: &[Pod], second: i64) -> Option<Failure> {
    failure_beside(&[], pods, second)
}

#[test]
fn a_canary_that_crashes_is_dead_at_once() {
    for reason in ["InvalidImageName", "CrashLoopBackOff", "OOMKilled"] {
        let found = failure(&[pod(reason, "")], 1);
        assert_eq!(found, Some(Failure::Bad), "{reason}");
    }
}

#[test]
fn what_may_come_is_waited_for_and_only_the_version_is_bad() {
    for (reason, then) in [
        ("ImagePullBackOff", Failure::Untried),
        ("ErrImagePull", Failure::Untried),
        ("CreateContainerConfigError", Failure::Bad),
    ] {
        let pods = [pod(reason, "not found")];
        assert_eq!(failure(&pods, 599), None, "{reason}");
        assert_eq!(failure(&pods, 600), Some(then), "{reason}");
    }
}

#[test]
fn a_pod_that_is_never_ready_is_told_with_what_it_waits_for() {
    let pods = [pod(
        "CreateContainerConfigError",
        "couldn't find key missing",
    )];
    // The container's trouble was seen a moment after the pod was.
    let mut waited = |about: String, _: Option<Timestamp>| {
        Duration::from_secs(if about.ends_with("/ready") { 600 } else { 599 })
    };
    let patience = Duration::from_secs(600);
    let habits = Habits::default();
    let found = diagnose(&json!({}), pods.iter(), &habits, patience, &mut waited).unwrap();
    assert_eq!(found.failure, Failure::Bad);
    assert!(
        found.to_string().contains("couldn't find key missing"),
        "{found}"
    );
}

#[test]
fn what_passes_by_itself_is_waited_for() {
    assert_eq!(failure(&[pod("ContainerCreating", "")], 1), None);
    let cache = pod(
        "CreateContainerConfigError",
        "failed to sync configmap cache",
    );
    assert_eq!(failure(&[cache], 1), None);
}

#[test]
fn never_ready_and_unschedulable_take_their_time() {
    let mut quiet = pod("", "");
    quiet.troubles.clear();
    assert_eq!(failure(&[quiet.clone()], 599), None);
    assert_eq!(failure(&[quiet.clone()], 600), Some(Failure::Bad));
    quiet.unschedulable = Some((Some(at(0)), "0/3 nodes are available".to_owned()));
    assert_eq!(failure(&[quiet.clone()], 599), None);
    assert_eq!(failure(&[quiet], 600), Some(Failure::Untried));
}

fn restarted(container: &str, times: i32, init: bool) -> Pod {
    let mut found = pod("Error", "");
    let trouble = Trouble {
        container: container.to_owned(),
        exit_code: Some(1),
        restarts: times,
        ended: Some(at(20)),
        init,
        ..found.troubles[0].clone()
    };
    found.troubles = vec![trouble];
    found.restarted = vec![Restarted {
        container: container.to_owned(),
        times,
        ended: Some(at(20)),
    }];
    found
}

#[test]
fn restarts_are_compared_with_those_of_stable_pods_at_their_start() {
    let canary = [restarted("app", 2, false)];
    assert_eq!(failure(&canary, 30), Some(Failure::Bad));
    let stable = [restarted("app", 2, false)];
    assert_eq!(failure_beside(&stable, &canary, 30), None);
    let more = [restarted("app", 3, false)];
    assert_eq!(failure_beside(&stable, &more, 30), Some(Failure::Bad));
    // What a stable pod went through in a week says nothing about a start.
    let mut later = restarted("app", 9, false);
    later.restarted[0].ended = Some(at(90_000));
    assert_eq!(failure_beside(&[later], &more, 30), Some(Failure::Bad));
}

#[test]
fn an_init_container_that_waits_is_waited_for_and_bad_only_if_stable_ones_did_not() {
    let canary = [restarted("init", 4, true)];
    assert_eq!(failure(&canary, 599), None);
    assert_eq!(failure(&canary, 600), Some(Failure::Bad));
    let stable = [restarted("init", 5, true)];
    assert_eq!(
        failure_beside(&stable, &canary, 600),
        Some(Failure::Untried)
    );
}

#[test]
fn a_restart_grows_old() {
    let mut pod = restarted("app", 2, false);
    pod.ready = true;
    assert_eq!(failure(&[pod.clone()], 30), Some(Failure::Bad));
    assert_eq!(failure(&[pod], 620), None);
}

#[test]
fn patience_is_at_least_what_stable_pods_needed() {
    let mut slow = pod("", "");
    slow.ready_since = Some(at(30));
    let habits = Habits::of([slow].iter());
    assert_eq!(habits.patience(Some(10)), Duration::from_secs(90));
    assert_eq!(habits.patience(Some(600)), Duration::from_secs(600));
    assert_eq!(habits.patience(None), Duration::from_secs(600));
}

#[test]
fn a_bad_pod_counts_more_than_one_that_has_no_place() {
    let mut waiting = pod("", "");
    waiting.troubles.clear();
    waiting.unschedulable = Some((None, String::new()));
    let pods = [waiting, pod("CrashLoopBackOff", "")];
    assert_eq!(failure(&pods, 1), Some(Failure::Bad));
}

#[test]
fn a_quota_that_stays_full_is_told_in_its_own_words() {
    let set = json!({"metadata": {"uid": "s"}, "status": {"conditions": [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
         "message": "exceeded quota: small"}]}});
    let look = |seconds: u64| {
        let mut waited = move |_: String, _: Option<Timestamp>| Duration::from_secs(seconds);
        let patience = Duration::from_secs(9);
        diagnose(&set, [].iter(), &Habits::default(), patience, &mut waited)
    };
    assert_eq!(look(8), None);
    let dead = look(9).unwrap();
    assert_eq!(dead.failure, Failure::Untried);
    assert!(dead.to_string().contains("exceeded quota"), "{dead}");
}
