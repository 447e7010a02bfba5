//! `kubectl onboard status`: the first pod, and what is blocking the user.

use harness::{Case, Need, Suite, eventually};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let signer = &[Need::Plugins, Need::Signer, Need::Controllers];
    vec![
        Case::new("the_first_running_pod_is_timed", signer, first_pod),
        Case::new(
            "an_exhausted_quota_is_shown_as_blocking",
            signer,
            quota_exhausted,
        ),
        Case::new(
            "an_image_that_cannot_be_pulled_is_shown_as_blocking",
            signer,
            image_pull,
        ),
        Case::new("refused_pods_are_shown_as_blocking", signer, refused_pods),
    ]
}

/// Runs `kubectl onboard status NAME -o json`.
fn status(suite: &Suite, name: &str) -> (Value, Option<i32>) {
    let run = suite.admin("onboard status -o json").args([name]).run();
    let found = run.json();
    assert_eq!(found["kind"], "OnboardStatus");
    (found, run.code)
}

/// Waits for an obstacle and returns it.
fn obstacle(suite: &Suite, name: &str, reason: &str) -> Value {
    let find = || {
        let (found, code) = status(suite, name);
        let mut all = found["obstacles"].as_array()?.iter();
        let one = all.find(|one| one["reason"] == reason)?.clone();
        assert_eq!(code, Some(3), "{found}");
        Some(one)
    };
    eventually(reason, || find().is_some());
    find().expect("it is still there")
}

fn first_pod(suite: &Suite) {
    let alice = suite.name("alice");
    suite
        .onboard(&alice)
        .line("--team payments")
        .run()
        .success();
    let (before, code) = status(suite, &alice);
    assert_eq!(code, Some(0), "{before}");
    assert_eq!(before["firstPod"]["within30Minutes"], "open");
    assert_eq!(before["firstPod"]["runningAt"], Value::Null);
    suite
        .as_user(
            &alice,
            "create deployment hello --image=sandbox.local/web:1",
        )
        .success();
    eventually("a pod runs", || {
        status(suite, &alice).0["firstPod"]["within30Minutes"] == "yes"
    });
    let (after, code) = status(suite, &alice);
    assert_eq!(code, Some(0), "{after}");
    assert!(
        after["firstPod"]["afterSeconds"]
            .as_i64()
            .is_some_and(|took| took < 120)
    );
    let shown = suite.admin("onboard status").args([&alice]).run();
    shown
        .success()
        .answers("FIRST POD RUNNING")
        .answers("payments")
        .answers("1/20 pods, 0.1/2 CPU, 0.1/4Gi");
    // Gone pods tell nothing, and nothing is made up.
    suite.as_user(&alice, "delete deployment hello").success();
    eventually("the pod is gone", || {
        status(suite, &alice).0["firstPod"]["runningAt"] == Value::Null
    });
    let (gone, _) = status(suite, &alice);
    assert_eq!(gone["firstPod"]["within30Minutes"], "open");
}

fn quota_exhausted(suite: &Suite) {
    let alice = suite.name("alice");
    let profile = suite.file(
        "profile.yaml",
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: ignored}\n\
         spec: {hard: {pods: '1', services.nodeports: '0'}}\n",
    );
    suite
        .onboard(&alice)
        .args(["--profile"])
        .args([profile])
        .run()
        .success();
    suite
        .as_user(
            &alice,
            "create deployment hello --image=sandbox.local/web:1 --replicas=2",
        )
        .success();
    let full = obstacle(suite, &alice, "QuotaExhausted");
    assert_eq!(full["object"], "resourcequota/onboard");
    assert_eq!(full["message"], "pods: 1 of 1 used");
    let refused = obstacle(suite, &alice, "QuotaRefusal");
    assert_eq!(refused["object"], "deployment/hello");
    // What asks for less is no longer in the way of itself.
    suite
        .as_user(&alice, "scale deployment hello --replicas=1")
        .success();
    eventually("the refusal is over", || {
        let (found, _) = status(suite, &alice);
        found["obstacles"]
            .as_array()
            .is_some_and(|all| all.len() == 1)
    });
}

fn image_pull(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    // No scheduler and no kubelet touches it, so that what is patched stays.
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
        "spec": {"schedulerName": "nobody", "containers": [
            {"name": "web", "image": "registry.example.com/web:typo"}]},
    });
    let created = suite
        .admin(&format!("create -n {alice} -f -"))
        .stdin(&pod.to_string())
        .run();
    created.success();
    let (_, code) = status(suite, &alice);
    assert_eq!(code, Some(0));
    let patch = |state: Value| {
        let patch = json!({"status": {"phase": "Pending", "containerStatuses": [{
            "name": "web", "image": "registry.example.com/web:typo", "imageID": "",
            "ready": false, "restartCount": 0, "state": state}]}});
        suite
            .admin(&format!(
                "patch pod web -n {alice} --subresource=status --type=merge -p"
            ))
            .args([patch.to_string()])
            .run()
            .success();
    };
    patch(json!({"waiting": {"reason": "ImagePullBackOff",
        "message": "Back-off pulling image \"registry.example.com/web:typo\""}}));
    let stuck = obstacle(suite, &alice, "ImagePull");
    assert_eq!(stuck["object"], "pod/web");
    let message = stuck["message"].as_str().expect("a message");
    assert!(
        message.contains("registry.example.com/web:typo") && message.contains("Back-off"),
        "{message}"
    );
    let shown = suite.admin("onboard status").args([&alice]).run();
    shown.code(3).answers("BLOCKED BY").answers("fix");
    patch(json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}));
    let (fixed, code) = status(suite, &alice);
    assert_eq!(code, Some(0), "{fixed}");
}

fn refused_pods(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    let maker = |kind: &str, name: &str, spec: Value| {
        json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
            "spec": {
                "selector": {"matchLabels": {"app": name}}, "serviceName": name,
                "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
            },
        })
    };
    let container = json!({"name": "a", "image": "sandbox.local/web:1"});
    let mut large = container.clone();
    large["resources"] = json!({"requests": {"cpu": "3"}, "limits": {"cpu": "3"}});
    let mut host = maker(
        "Deployment",
        "host",
        json!({"hostNetwork": true, "containers": [container]}),
    );
    // A field of StatefulSets alone.
    host["spec"]
        .as_object_mut()
        .expect("a spec")
        .remove("serviceName");
    let limits = json!({
        "apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "most"},
        "spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]},
    });
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        limits, host, maker("StatefulSet", "db", json!({"containers": [large]}))]});
    suite
        .admin(&format!("create -n {alice} -f -"))
        .stdin(&list.to_string())
        .run()
        .success();
    let host = obstacle(suite, &alice, "PodSecurityRefusal");
    assert_eq!(host["object"], "deployment/host");
    assert!(
        host["message"]
            .as_str()
            .is_some_and(|text| text.contains("hostNetwork"))
    );
    let large = obstacle(suite, &alice, "LimitRangeRefusal");
    assert_eq!(large["object"], "statefulset/db");
    // The event outlives what it tells of; the obstacle does not.
    suite
        .admin(&format!("scale statefulset db -n {alice} --replicas=0"))
        .run()
        .success();
    eventually("the refusal is over", || {
        let (found, _) = status(suite, &alice);
        found["obstacles"]
            .as_array()
            .is_some_and(|all| all.len() == 1)
    });
}
