//! `kubectl onboard verify`, `status` and `doctor`: what they see of a real cluster.

use std::time::Duration;

use harness::{Case, Fault, Match, Need, Rule, Suite, eventually};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let signer = &[Need::Plugins, Need::Signer, Need::Controllers];
    let no_signer = &[Need::Plugins, Need::NoSigner];
    let proxy = &[Need::Plugins, Need::Signer, Need::Sandbox];
    vec![
        Case::new(
            "whatever_answer_is_lost_the_probe_is_removed",
            proxy,
            cut_doctor,
        ),
        Case::new("a_file_that_was_replaced_is_revoked", signer, replaced_file),
        Case::new(
            "a_file_that_reaches_too_far_is_a_no",
            signer,
            file_beyond_its_role,
        ),
        Case::new(
            "a_file_of_somebody_else_is_a_no",
            signer,
            file_of_somebody_else,
        ),
        Case::new(
            "without_the_record_a_file_is_an_open_answer",
            signer,
            file_without_record,
        ),
        Case::new("a_token_without_its_secret_is_a_no", signer, dead_token),
        Case::new("a_person_is_verified_without_her_key", signer, person),
        Case::new(
            "a_person_who_may_not_be_asked_about_is_an_open_answer",
            signer,
            unasked_person,
        ),
        Case::new("the_first_running_pod_is_timed", signer, first_pod),
        Case::new(
            "a_quota_that_is_used_up_stands_in_the_way",
            signer,
            quota_exhausted,
        ),
        Case::new(
            "an_image_that_cannot_be_pulled_stands_in_the_way",
            signer,
            image_pull,
        ),
        Case::new("refused_pods_stand_in_the_way", signer, refused_pods),
        Case::new(
            "the_doctor_sees_every_disagreement",
            signer,
            planted_disagreements,
        ),
        Case::new(
            "the_doctor_sees_what_runs_left_behind",
            signer,
            planted_leftovers,
        ),
        Case::new(
            "the_doctor_says_what_it_could_not_see",
            signer,
            blind_doctor,
        ),
        Case::new("what_the_doctor_grants_is_enough", signer, grants),
        Case::new(
            "the_doctor_finds_out_that_nothing_is_signed",
            no_signer,
            doctor_without_signer,
        ),
        Case::new(
            "an_interrupted_doctor_removes_its_probe",
            no_signer,
            interrupted_doctor,
        ),
    ]
}

/// Runs `kubectl onboard verify FILE -o json` for a file of the case.
fn verify_file(suite: &Suite, file: &str, code: i32) -> Value {
    let output = suite
        .admin("onboard verify -o json")
        .args([suite.path(file)])
        .run();
    let found = output.code(code).json();
    assert_eq!(found["kind"], "OnboardVerification");
    found
}

/// Returns the checks that are not as expected, by name.
fn open(found: &Value) -> Vec<String> {
    let checks = found["checks"].as_array().expect("checks");
    checks
        .iter()
        .filter(|check| check["result"] != "ok")
        .map(|check| format!("{}: {}", check["check"], check["why"]))
        .collect()
}

fn replaced_file(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    let file = format!("{alice}.kubeconfig");
    let good = verify_file(suite, &file, 0);
    assert_eq!(good["user"], alice);
    assert_eq!(good["credentials"][0]["state"], "live");
    assert!(good["can"].as_array().is_some_and(|can| can.len() == 8));
    std::fs::copy(suite.path(&file), suite.path("old.kubeconfig")).expect("a copy");
    suite.onboard(&alice).line("--force").run().success();
    let old = verify_file(suite, "old.kubeconfig", 3);
    assert_eq!(old["credentials"][0]["state"], "revoked");
    assert_eq!(old["can"], json!([]));
    let open = open(&old);
    assert_eq!(open.len(), 1, "{open:?}");
    assert!(open[0].contains("generation 2 took its place"), "{open:?}");
    let new = verify_file(suite, &file, 0);
    assert_eq!(new["credentials"][0]["generation"], 2);
}

fn file_beyond_its_role(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    let binding = format!("{alice}-too-far");
    suite
        .admin("create clusterrolebinding --clusterrole=cluster-admin")
        .args([&binding, &format!("--group=onboard:{alice}:g1")])
        .run()
        .success();
    eventually("the right is there", Duration::from_secs(10), || {
        let secrets = suite.as_her(&alice, "get secrets -n kube-system");
        secrets.code == Some(0)
    });
    let found = verify_file(suite, &format!("{alice}.kubeconfig"), 3);
    let person = suite.admin("onboard verify").args([&alice]).run();
    suite
        .admin("delete clusterrolebinding")
        .args([&binding])
        .run()
        .success();
    let open = open(&found);
    assert_eq!(open.len(), 3, "{open:?}");
    // The server says through what, and so does the proof.
    person.code(3).answers(&binding);
}

fn file_of_somebody_else(suite: &Suite) {
    let output = suite
        .admin("onboard verify")
        .args([suite.cluster().kubeconfig()])
        .run();
    output
        .code(3)
        .answers("a credential of kubectl onboard")
        .answers("it can");
    // A file that is none is refused before anything is sent.
    let none = suite.file("none.yaml", "a: b\n");
    suite
        .admin("onboard verify")
        .args([none])
        .run()
        .code(2)
        .no_answer();
    suite
        .admin("onboard verify ./absent.kubeconfig")
        .run()
        .code(2)
        .says("absent.kubeconfig");
    suite
        .admin("onboard verify nobody-of-that-name")
        .run()
        .code(1)
        .says("not on record");
}

fn file_without_record(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    let file = suite.path(&format!("{alice}.kubeconfig"));
    let verify = |run: harness::Run| run.line("onboard verify").args([&file]).run();
    let as_her = suite.program(&suite.cluster().kubectl()).kubeconfig(&file);
    verify(as_her)
        .code(4)
        .answers("whether generation 1 was revoked")
        .answers("forbidden");
    // No kubeconfig at all: the file alone.
    let alone = suite.program(&suite.cluster().kubectl());
    verify(alone)
        .code(4)
        .answers("whether generation 1 was revoked");
}

fn dead_token(suite: &Suite) {
    let bob = suite.name("bob");
    suite
        .onboard(&bob)
        .line("--auth token --expires 1h")
        .run()
        .success();
    let file = format!("{bob}.kubeconfig");
    let good = verify_file(suite, &file, 0);
    assert_eq!(good["user"], bob);
    suite
        .admin(&format!("onboard verify {bob}"))
        .run()
        .success();
    suite
        .admin(&format!(
            "delete secret onboard-{bob}-g1 -n groundcrew-system"
        ))
        .run()
        .success();
    suite
        .admin(&format!("onboard verify {bob}"))
        .run()
        .code(3)
        .answers("it is gone, and the token with it");
    eventually("the token ends", Duration::from_secs(60), || {
        suite.as_her(&bob, "get pods").stderr.contains("logged in")
    });
    let dead = verify_file(suite, &file, 3);
    assert!(open(&dead)[0].contains("401"), "{dead}");
    let lines = diagnosed(suite, &bob);
    assert_eq!(
        lines,
        [format!("broken {bob}: the Secret of g1's token is gone")]
    );
}

fn person(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    suite.onboard(&alice).line("--force").run().success();
    let verify = || {
        let run = suite.admin("onboard verify -o json").args([&alice]).run();
        (run.json(), run.code)
    };
    let (good, code) = verify();
    assert_eq!(code, Some(0), "{good}");
    assert_eq!(good["credentials"].as_array().map(Vec::len), Some(2));
    assert_eq!(good["credentials"][0]["state"], "revoked");
    assert_eq!(good["credentials"][1]["state"], "live");
    assert!(good["checks"].as_array().is_some_and(|all| all.len() >= 20));
    // The old generation gets rights back behind the record's back.
    suite
        .admin(&format!(
            "create rolebinding back -n {alice} --clusterrole=view --group=onboard:{alice}:g1"
        ))
        .run()
        .success();
    eventually("the right is there", Duration::from_secs(10), || {
        verify().1 == Some(3)
    });
    let (bad, _) = verify();
    let bad = open(&bad);
    assert!(
        bad.iter()
            .all(|check| check.contains("g1 cannot") && check.contains("back")),
        "{bad:?}"
    );
    suite
        .admin(&format!(
            "delete rolebinding back onboard-{alice} -n {alice}"
        ))
        .run()
        .success();
    eventually("the rights are gone", Duration::from_secs(10), || {
        open(&verify().0)
            .iter()
            .any(|check| check.contains("g2 can"))
    });
    let (bad, code) = verify();
    assert_eq!(code, Some(3));
    assert!(open(&bad)[0].contains("does not exist"), "{bad}");
}

fn unasked_person(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    let reader = suite.name("reader");
    suite
        .admin(&format!(
            "create rolebinding {reader} -n groundcrew-system --clusterrole=view --user={reader}"
        ))
        .run()
        .success();
    let verify = || {
        suite
            .admin(&format!("onboard verify {alice} --as {reader}"))
            .run()
    };
    eventually("the right is there", Duration::from_secs(10), || {
        verify().code != Some(1)
    });
    let output = verify();
    suite
        .admin(&format!("delete rolebinding {reader} -n groundcrew-system"))
        .run()
        .success();
    output
        .code(4)
        .answers("unknown")
        .answers("subjectaccessreviews");
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
    eventually(reason, Duration::from_secs(30), || find().is_some());
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
        .as_her(
            &alice,
            "create deployment hello --image=sandbox.local/sim:ok",
        )
        .success();
    eventually("a pod runs", Duration::from_secs(30), || {
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
    suite.as_her(&alice, "delete deployment hello").success();
    eventually("the pod is gone", Duration::from_secs(60), || {
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
        .as_her(
            &alice,
            "create deployment hello --image=sandbox.local/sim:ok --replicas=2",
        )
        .success();
    let full = obstacle(suite, &alice, "QuotaExhausted");
    assert_eq!(full["object"], "resourcequota/onboard");
    assert_eq!(full["message"], "pods: 1 of 1 used");
    let refused = obstacle(suite, &alice, "QuotaRefusal");
    assert_eq!(refused["object"], "deployment/hello");
    // What asks for less is no longer in the way of itself.
    suite
        .as_her(&alice, "scale deployment hello --replicas=1")
        .success();
    eventually("the refusal is over", Duration::from_secs(30), || {
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
    shown.code(3).answers("IN THE WAY").answers("mend");
    patch(json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}));
    let (mended, code) = status(suite, &alice);
    assert_eq!(code, Some(0), "{mended}");
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
    let container = json!({"name": "a", "image": "sandbox.local/sim:ok"});
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
    eventually("the refusal is over", Duration::from_secs(30), || {
        let (found, _) = status(suite, &alice);
        found["obstacles"]
            .as_array()
            .is_some_and(|all| all.len() == 1)
    });
}

/// Runs the doctor and returns what it says about one person: other cases plant things too.
fn diagnosed(suite: &Suite, name: &str) -> Vec<String> {
    let run = suite.admin("onboard doctor --no-probe -o json").run();
    let found = run.json();
    assert_eq!(found["kind"], "OnboardDiagnosis");
    let lines = found["checks"].as_array().expect("checks").iter();
    let lines: Vec<String> = lines
        .filter(|line| {
            line["found"]
                .as_str()
                .is_some_and(|text| text.contains(name))
        })
        .map(|line| {
            let text = |key: &str| line[key].as_str().expect("a text").to_owned();
            assert!(line["mend"].is_string(), "{line}");
            format!("{} {}", text("state"), text("found"))
        })
        .collect();
    if lines.iter().any(|line| line.starts_with("broken")) {
        run.code(3);
    } else {
        assert!(matches!(run.code, Some(3 | 4)), "{run}");
    }
    lines
}

/// Checks that exactly one thing is said, with these words.
#[track_caller]
fn diagnosed_as(suite: &Suite, name: &str, words: &str) {
    let lines = diagnosed(suite, name);
    assert!(
        lines.len() == 1 && lines[0].contains(words),
        "expected {words:?} alone, got {lines:#?}"
    );
}

fn planted_disagreements(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    suite.onboard(&alice).line("--force").run().success();
    let admin = |words: String| {
        suite.admin(&words).run().success();
    };
    assert_eq!(diagnosed(suite, &alice), Vec::<String>::new());

    admin(format!(
        "annotate namespace {alice} --overwrite groundcrew.dev/owner=mallory"
    ));
    let lines = diagnosed(suite, &alice);
    assert!(
        lines
            .iter()
            .any(|line| line.contains("says that it is mallory's")),
        "{lines:#?}"
    );
    admin(format!(
        "annotate namespace {alice} --overwrite groundcrew.dev/owner={alice}"
    ));

    admin(format!(
        "create rolebinding back -n {alice} --clusterrole=view --group=onboard:{alice}:g1"
    ));
    diagnosed_as(suite, &alice, "still gives view to g1, which was revoked");
    admin(format!("delete rolebinding back -n {alice}"));

    admin(format!(
        "create rolebinding stray -n {alice} --clusterrole=view --group=onboard:{alice}x:g1"
    ));
    diagnosed_as(suite, &alice, "who is not on record");
    admin(format!("delete rolebinding stray -n {alice}"));

    let empty =
        format!("patch rolebinding onboard-{alice} -n {alice} --type=merge -p {{\"subjects\":[]}}");
    admin(empty);
    diagnosed_as(
        suite,
        &alice,
        &format!("does not name group onboard:{alice}:g2"),
    );
    admin(format!("delete rolebinding onboard-{alice} -n {alice}"));
    diagnosed_as(suite, &alice, "does not exist");
    // The mend that it names does mend it.
    suite.onboard(&alice).run().success();
    assert_eq!(diagnosed(suite, &alice), Vec::<String>::new());

    edit(suite, &alice, |record| {
        record["generations"][1]["notAfter"] = json!("2026-01-01T00:00:00Z");
    });
    let lines = diagnosed(suite, &alice);
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("warning") && line.contains("g2, ended at")),
        "{lines:#?}"
    );
    edit(suite, &alice, |record| {
        record["generations"][1]["notAfter"] = json!("2099-01-01T00:00:00Z");
    });
    admin(format!("delete namespace {alice}"));
    let lines = diagnosed(suite, &alice);
    assert!(
        lines
            .iter()
            .any(|line| line.contains(&format!("her namespace {alice} does not exist"))),
        "{lines:#?}"
    );
}

/// Changes a record behind the plugin's back.
fn edit(suite: &Suite, name: &str, change: impl FnOnce(&mut Value)) {
    let mut record = suite.record(name);
    change(&mut record);
    let patch = json!({"data": {"record.json": record.to_string()}});
    suite
        .admin(&format!(
            "patch configmap onboard-{name} -n groundcrew-system --type=merge -p"
        ))
        .args([patch.to_string()])
        .run()
        .success();
}

fn planted_leftovers(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    edit(suite, &alice, |record| {
        record["begun"] = json!({
            "generation": 2, "by": "carol", "since": "2026-01-01T00:00:00Z",
        });
    });
    let lines = diagnosed(suite, &alice);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].starts_with("warning") && lines[0].contains("a run of carol began"));
    // The mend that it names does mend it.
    suite.onboard(&alice).line("--force").run().success();
    assert_eq!(diagnosed(suite, &alice), Vec::<String>::new());
}

fn blind_doctor(suite: &Suite) {
    let nobody = suite.name("nobody");
    let run = suite
        .admin(&format!("onboard doctor -o json --as {nobody}"))
        .run();
    let found = run.code(3).json();
    assert_eq!(found["complete"], false);
    let state = |check: &str| {
        let mut lines = found["checks"].as_array().expect("checks").iter();
        let line = lines.find(|line| line["check"] == check).expect("a line");
        line["state"].as_str().expect("a state").to_owned()
    };
    assert_eq!(state("cluster version"), "ok");
    assert_eq!(state("your rights"), "broken");
    assert_eq!(state("signer"), "unseen");
    assert_eq!(state("network policy"), "unseen");
    assert_eq!(state("records"), "unseen");
    assert!(run.stdout.contains("--grant"), "{run}");
}

fn grants(suite: &Suite) {
    let carol = suite.name("carol");
    let yaml = suite
        .admin(&format!("onboard doctor --grant {carol} -o yaml"))
        .run();
    // Two runs of this test must not take each other's grants away.
    let role = format!("groundcrew-onboarder-{carol}");
    let yaml = yaml
        .success()
        .stdout
        .replace("\"groundcrew-onboarder\"", &format!("\"{role}\""));
    suite.admin("apply -f -").stdin(&yaml).run().success();
    let doctor = || {
        let run = suite
            .admin(&format!("onboard doctor -o json --as {carol}"))
            .run();
        let lines = run.json();
        let mut lines = lines["checks"]
            .as_array()
            .expect("checks")
            .clone()
            .into_iter();
        let mine = lines.find(|line| line["check"] == "your rights");
        mine.expect("a line")["state"] == "ok"
    };
    eventually("the rights are there", Duration::from_secs(10), doctor);
    let alice = suite.name("alice");
    let onboarded = suite.onboard(&alice).line(&format!("--as {carol}")).run();
    let verified = suite
        .admin(&format!("onboard verify {alice} --as {carol}"))
        .run();
    let shown = suite
        .admin(&format!("onboard status {alice} --as {carol}"))
        .run();
    suite.admin("delete -f -").stdin(&yaml).run().success();
    onboarded.success();
    verified.success();
    shown.success();
}

fn probes(suite: &Suite) -> usize {
    let Some(all) = suite.get("csr") else {
        return 0;
    };
    let names = all["items"].as_array().expect("items").iter();
    names
        .filter(|one| {
            let name = one["metadata"]["name"].as_str();
            name.is_some_and(|name| name.starts_with("onboard-doctor-"))
        })
        .count()
}

fn doctor_without_signer(suite: &Suite) {
    let run = suite.admin("onboard doctor --timeout 2s -o json").run();
    let found = run.json();
    let mut lines = found["checks"].as_array().expect("checks").iter();
    let signer = lines
        .find(|line| line["check"] == "signer")
        .expect("a line");
    assert_eq!(signer["state"], "warning");
    let text = signer["found"].as_str().expect("a text");
    assert!(text.contains("issued nothing within 2s"), "{text}");
    eventually("the probe is gone", Duration::from_secs(60), || {
        // Another case may have one of its own for a moment.
        probes(suite) == 0
    });
}

fn interrupted_doctor(suite: &Suite) {
    let mut seen = false;
    let run = suite
        .admin("onboard doctor --timeout 60s")
        .interrupt_when(|| {
            seen = seen || probes(suite) > 0;
            seen
        });
    run.code(130);
    assert!(seen, "the probe was never there");
    eventually("the probe is gone", Duration::from_secs(5), || {
        // Another case may have one of its own for a moment.
        probes(suite) == 0
    });
}

/// For every k: the answer to request k is lost, and the probe goes all the same.
fn cut_doctor(suite: &Suite) {
    let through = suite.proxied();
    let doctor = || {
        suite
            .admin("onboard doctor -o json")
            .kubeconfig(&through.kubeconfig)
            .run()
    };
    let signed = doctor().json();
    let mut lines = signed["checks"].as_array().expect("checks").iter();
    let signer = lines
        .find(|line| line["check"] == "signer")
        .expect("a line");
    assert_eq!(signer["state"], "ok");
    let requests = through.proxy.count();
    for k in 1..=requests {
        through.proxy.forget();
        through
            .proxy
            .add(Rule::once(Match::number(k), Fault::CutAfter));
        let run = doctor();
        assert!(run.code.is_some(), "{run}");
        through.proxy.heal();
    }
    eventually("the probes are gone", Duration::from_secs(10), || {
        // Another case may have one of its own for a moment.
        probes(suite) == 0
    });
}
