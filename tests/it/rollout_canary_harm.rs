//! `kubectl rollout-canary` in clusters that refuse, change or hold back what it writes: it ends, goes
//! back, or says what is left.

use std::time::{Duration, Instant};

use harness::{Case, Need, Suite, Web, eventually};
use serde_json::{Value, json};

use crate::rollout_canary_faults::spawn_as;

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Controllers];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case(
            "a_policy_that_changes_deployments_is_named_and_nothing_is_written_for_ever",
            changed,
        ),
        case(
            "where_no_replica_set_can_be_made_a_start_goes_back_in_seconds",
            no_sets,
        ),
        case(
            "where_replica_sets_are_changed_a_start_goes_back",
            changed_sets,
        ),
        case(
            "where_the_stable_replica_set_is_changed_too_an_abort_says_so_and_ends",
            changed_stable_set,
        ),
        case(
            "a_step_that_would_be_refused_or_changed_blocks_plan_and_start",
            tried_first,
        ),
        case(
            "a_canary_that_its_service_does_not_select_is_refused_at_the_start",
            no_traffic,
        ),
        case("a_canary_without_pods_is_never_promoted", no_pods),
        case("a_start_says_what_plan_says", notes),
        case(
            "a_promotion_under_a_quota_made_for_a_rolling_update_is_not_rolled_back",
            full_quota,
        ),
        case("a_node_that_comes_later_is_waited_for", later_node),
        case(
            "a_set_that_somebody_scaled_is_told_and_not_waited_for",
            scaled_by_hand,
        ),
    ]
}

/// A policy of admission in one namespace, gone with the value.
pub(crate) struct Policy<'a> {
    suite: &'a Suite,
    kind: &'static str,
    name: String,
}

impl Policy<'_> {
    /// Changes objects of a resource, by a CEL expression for an apply configuration.
    pub(crate) fn changes<'a>(web: &'a Web<'a>, resource: &str, expression: &str) -> Policy<'a> {
        Self::changes_on(web, resource, &["CREATE", "UPDATE"], expression)
    }

    /// Does the same for some operations.
    pub(crate) fn changes_on<'a>(
        web: &'a Web<'a>,
        resource: &str,
        operations: &[&str],
        expression: &str,
    ) -> Policy<'a> {
        let body = json!({
            "failurePolicy": "Fail", "reinvocationPolicy": "Never",
            "mutations": [{"patchType": "ApplyConfiguration",
                "applyConfiguration": {"expression": expression}}],
        });
        Self::make(
            web,
            "MutatingAdmissionPolicy",
            (resource, operations),
            &body,
        )
    }

    /// Refuses what does not satisfy a CEL expression.
    pub(crate) fn refuses<'a>(web: &'a Web<'a>, resource: &str, expression: &str) -> Policy<'a> {
        let body = json!({
            "failurePolicy": "Fail",
            "validations": [{"expression": expression, "message": "not in this house"}],
        });
        Self::make(
            web,
            "ValidatingAdmissionPolicy",
            (resource, &["CREATE", "UPDATE"]),
            &body,
        )
    }

    fn make<'a>(
        web: &'a Web<'a>,
        kind: &'static str,
        (resource, operations): (&str, &[&str]),
        body: &Value,
    ) -> Policy<'a> {
        let name = format!("{}-{}", web.namespace, resource);
        let here = json!({"matchLabels": {"kubernetes.io/metadata.name": web.namespace}});
        let mut spec = body.clone();
        spec["matchConstraints"] = json!({"namespaceSelector": here, "resourceRules": [{
            "apiGroups": ["apps"], "apiVersions": ["v1"], "operations": operations,
            "resources": [resource]}]});
        let mut binding = json!({"policyName": name});
        if kind == "ValidatingAdmissionPolicy" {
            binding["validationActions"] = json!(["Deny"]);
        }
        let api = "admissionregistration.k8s.io/v1";
        for object in [
            json!({"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec}),
            json!({"apiVersion": api, "kind": format!("{kind}Binding"), "metadata": {"name": name},
                "spec": binding}),
        ] {
            web.kubectl("create -f -")
                .stdin(&object.to_string())
                .run()
                .success();
        }
        let policy = Policy {
            suite: web.suite(),
            kind,
            name,
        };
        policy.is_in_force(web, resource);
        policy
    }

    /// Waits until the API server acts on it.
    fn is_in_force(&self, web: &Web<'_>, resource: &str) {
        let version = || match resource {
            "deployments" => {
                let probe = "annotate deployment web probe=1 --overwrite --dry-run=server -o json";
                let run = web.kubectl(probe).run();
                (
                    (run.code == Some(0)).then(|| run.json()["spec"].clone()),
                    run.stderr.clone(),
                )
            }
            _ => (None, String::new()),
        };
        let before = web.deployment()["spec"].clone();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(if resource == "deployments" { 20 } else { 4 })
        {
            match version() {
                (Some(spec), _) if resource == "deployments" && spec != before => return,
                (None, stderr) if stderr.contains("not in this house") => return,
                _ => std::thread::sleep(Duration::from_millis(300)),
            }
            // One that refuses only some forms cannot be seen from outside; it takes a moment.
            if self.kind == "ValidatingAdmissionPolicy" && begun.elapsed() > Duration::from_secs(4)
            {
                return;
            }
        }
    }
}

impl Drop for Policy<'_> {
    fn drop(&mut self) {
        for kind in [format!("{}Binding", self.kind), self.kind.to_owned()] {
            let words = format!(
                "delete {} {} --ignore-not-found",
                kind.to_lowercase(),
                self.name
            );
            let _gone = self.suite.admin(&words).run();
        }
    }
}

pub(crate) const TEAM: &str = "Object{spec: Object.spec{template: Object.spec.template{metadata: \
     Object.spec.template.metadata{annotations: {\"team\": \"x\"}}}}}";

fn changed(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    web.start("25%").success();
    let policy = Policy::changes(&web, "deployments", TEAM);
    let generation = || {
        web.deployment()["metadata"]["generation"]
            .as_i64()
            .unwrap_or_default()
    };
    let before = generation();
    let begun = Instant::now();
    let run = web.canary("abort web --force-conflicts").run();
    run.code(5)
        .says("admission in this cluster changes what is written")
        .says("spec.template.metadata.annotations")
        .says("abort web")
        .says("--keep-spec");
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    let written = generation() - before;
    assert!(written <= 2, "{written} writes");
    // What admission makes of the stable template is accepted; it rolls out as any other.
    web.canary("abort web --keep-spec").run().success();
    web.kubectl("rollout status deployment/web --timeout=90s")
        .run()
        .success();
    assert_eq!(web.sizes(), [("1".to_owned(), 4)].into());
    web.is_clean();
    drop(policy);
}

fn no_sets(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    let before = web.snapshot();
    web.kubectl("create quota sets --hard=count/replicasets.apps=1")
        .run()
        .success();
    eventually("the quota counts", || {
        let quota = web.get("quota sets").unwrap_or_default();
        quota["status"]["used"]["count/replicasets.apps"] == "1"
    });
    let begun = Instant::now();
    let run = web.start("25% --accept-quota --timeout 60s");
    run.code(4).says("exceeded quota: sets").says("rolled back");
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(web.snapshot(), before);
    assert_eq!(web.sizes(), [("1".to_owned(), 4)].into());
    web.is_clean();
}

fn changed_sets(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    let before = web.snapshot();
    let policy = Policy::changes_on(&web, "replicasets", &["CREATE"], TEAM);
    let run = web.start("25% --timeout 40s");
    run.code(4)
        .says("changes the ReplicaSets that")
        .says("rolled back");
    assert_eq!(web.snapshot(), before);
    eventually("only stable pods are left", || {
        web.sizes() == [("1".to_owned(), 4)].into() && web.pods_of("2").is_empty()
    });
    drop(policy);
    web.is_clean();
}

fn changed_stable_set(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    web.start("25%").success();
    let policy = Policy::changes(&web, "replicasets", TEAM);
    let run = web
        .canary("abort web --force-conflicts --timeout 60s")
        .run();
    run.code(5)
        .says("changes the ReplicaSets of")
        .says("abort web --force-conflicts");
    drop(policy);
    std::thread::sleep(Duration::from_secs(3));
    web.canary("abort web --force-conflicts --timeout 60s")
        .run()
        .success();
    web.is_clean();
}

/// Checks that plan and start refuse for the same reason, and that nothing is written.
#[track_caller]
fn blocked(web: &Web<'_>, change: &[&str], says: &str) {
    let before = web.deployment()["metadata"]["generation"].clone();
    web.canary("plan web 25%")
        .args(change)
        .run()
        .code(3)
        .answers(says);
    web.canary("web 25%")
        .args(change)
        .run()
        .code(3)
        .says(says)
        .says("not started");
    assert_eq!(web.deployment()["metadata"]["generation"], before);
    web.is_clean();
}

const IMAGE: &[&str] = &["--image", "web=sandbox.local/sim:2"];

fn tried_first(suite: &Suite) {
    for expression in [
        "!has(object.spec.minReadySeconds) || object.spec.minReadySeconds <= 600",
        "!has(object.spec.paused) || !object.spec.paused",
    ] {
        let web = suite.web(4, Value::Null);
        let policy = Policy::refuses(&web, "deployments", expression);
        blocked(&web, IMAGE, "would be refused");
        drop(policy);
    }
    let web = suite.web(4, Value::Null);
    let policy = Policy::changes(&web, "deployments", TEAM);
    blocked(&web, IMAGE, "would be changed by admission");
    drop(policy);
}

fn no_traffic(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    let mut manifest = web.manifest(4, Value::Null, "sandbox.local/sim:1");
    manifest["spec"]["template"]["metadata"]["labels"]["version"] = json!("1");
    web.apply(&manifest);
    web.kubectl("rollout status deployment/web --timeout=90s")
        .run()
        .success();
    let service = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": web.namespace},
        "spec": {"selector": {"app": "web", "version": "1"}, "ports": [{"port": 80}]}});
    web.apply(&service);
    let patch = r#"{"spec":{"template":{"metadata":{"labels":{"version":"2"}}}}}"#;
    blocked(
        &web,
        &["--patch", patch],
        "selects the stable pods but not the canary",
    );
    let accepted = web
        .canary("web 25% --accept-no-traffic")
        .args(["--patch", patch])
        .run();
    accepted
        .success()
        .says("note: service/web selects the stable pods");
    web.canary("abort web").run().success();
    web.is_clean();
}

fn no_pods(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    web.start("25%").success();
    for replicas in [0, 4] {
        let scale = format!("scale deployment web --replicas={replicas}");
        web.kubectl(&scale).run().success();
        eventually("it is scaled", || {
            let deployment = web.deployment();
            deployment["status"]["observedGeneration"] == deployment["metadata"]["generation"]
                && web.sizes().values().sum::<i64>() == replicas
        });
        let run = web.canary("promote web").run();
        run.code(5).says("abort web");
        let image = &web.deployment()["spec"]["template"]["spec"]["containers"][0]["image"];
        assert_eq!(image, "sandbox.local/sim:1");
    }
    web.canary("abort web").run().success();
    web.is_clean();
}

fn notes(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    let label = "label deployment web argocd.argoproj.io/instance=shop";
    web.kubectl(label).run().success();
    web.start("25%")
        .success()
        .says("note: Argo CD manages this Deployment");
    web.canary("abort web").run().success();
    web.is_clean();
}

fn full_quota(suite: &Suite) {
    let web = suite.web(4, json!({"maxSurge": 1, "maxUnavailable": 0}));
    web.kubectl("create quota small --hard=pods=5")
        .run()
        .success();
    web.start("25%").success();
    web.canary("promote web --timeout 100s")
        .run()
        .success()
        .answers("promoted");
    assert_eq!(web.sizes(), [("2".to_owned(), 4)].into());
    web.is_clean();
}

/// Takes a label from a node again.
struct Labeled<'a>(&'a Suite, String, String);

impl Drop for Labeled<'_> {
    fn drop(&mut self) {
        let _gone = self
            .0
            .admin(&format!("label node {} {}-", self.1, self.2))
            .run();
    }
}

fn later_node(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    let label = format!("comes-late-{}", web.namespace);
    let nodes = suite
        .get("nodes -l groundcrew.dev/node=simulated")
        .unwrap_or_default();
    let node = nodes["items"][0]["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let patch =
        format!(r#"{{"spec":{{"template":{{"spec":{{"nodeSelector":{{"{label}":"yes"}}}}}}}}}}"#);
    let labeled = Labeled(suite, node.clone(), label.clone());
    let label = format!("label node {node} {label}=yes");
    let words = format!("web 25% --ready-within 60s --patch {patch}");

    let mut run = spawn_as(suite, &web, &words, suite.cluster().kubeconfig());
    std::thread::sleep(Duration::from_secs(13));
    suite.admin(&label).run().success();
    assert!(run.wait().expect("it ends").success());
    let status = web.canary("status web -o json").run().success().json();
    assert_eq!(status["parked"], true);
    web.canary("abort web").run().success();
    drop(labeled);
    web.is_clean();
}

fn scaled_by_hand(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    web.start("25%").success();
    let status = web.canary("status web -o json").run().json();
    let canary = status["canary"]["hash"].as_str().unwrap_or_default();
    let scale = format!("scale replicaset web-{canary} --replicas=3");
    web.kubectl(&scale).run().success();
    // The controller takes back what is above the replicas, from both.
    eventually("the controller has come to rest", || {
        let (stable, canary) = web.split();
        canary > 1 && stable + canary == 4
    });
    let begun = Instant::now();
    let run = web.canary("web 25%").run();
    assert!(begun.elapsed() < Duration::from_secs(120), "{run}");
    run.code(5)
        .says("were scaled by someone else")
        .says("abort web");
    web.canary("abort web").run().success();
    assert_eq!(web.sizes(), [("1".to_owned(), 4)].into());
    web.is_clean();
}
