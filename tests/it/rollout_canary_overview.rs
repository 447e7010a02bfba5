//! What a person asks of canaries beside one: which there are, to stay where it is, a weight that is not
//! possible.

use harness::{Case, Need, Suite, eventually};
use serde_json::{Value, json};

use crate::rollout_canary_faults::spawn_as;

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Controllers, Need::Sandbox];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case("every_canary_is_listed_with_what_it_needs", list),
        case("a_rollout_that_is_paused_stays_parked_where_it_is", pause),
        case(
            "a_weight_that_is_not_possible_takes_the_nearest_with_yes",
            nearest,
        ),
        case(
            "a_soak_behind_a_service_that_sends_nothing_is_undecided",
            no_traffic,
        ),
        case("who_keeps_a_deployment_is_named_with_what_to_do", owners),
        case(
            "where_argo_cd_would_heal_a_canary_away_it_does_not_start",
            heals,
        ),
    ]
}

fn list(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    let none = web.canary("list").run();
    none.success().says("no canary in namespace");
    assert_eq!(none.stdout, "");
    web.start("25%").success();
    let run = web.canary("list").run();
    run.success()
        .answers("parked")
        .answers("sandbox.local/sim:2");
    let all = suite.admin("rollout-canary list -A -o json").run().json();
    let canaries = all["canaries"].as_array().expect("a list");
    let is_here = |status: &&Value| status["namespace"] == web.namespace.as_str();
    let own = canaries.iter().find(is_here).expect("it is in the list");
    assert_eq!(own["parked"], true, "{own}");
    assert_eq!(own["canary"]["images"], json!(["sandbox.local/sim:2"]));
    assert!(own["by"].is_string(), "{own}");
    // Other cases have canaries of their own in other namespaces.
    let run = web.canary("ls -o name").run();
    assert_eq!(run.success().stdout, "deployment.apps/web\n");
    // A record that is gone leaves a Deployment that is marked.
    web.kubectl("delete configmap rollout-canary.web")
        .run()
        .success();
    let run = web.canary("list").run();
    run.code(3).answers("no record");
    web.canary("doctor web --fix").run().success();
    let run = web.canary("list").run();
    run.success().says("no canary in namespace");
}

fn pause(suite: &Suite) {
    let web = suite.web(10, Value::Null);
    let words = "web --steps 10,50 --smoke 100s --image web=sandbox.local/sim:2";
    let mut driver = spawn_as(suite, &web, words, suite.cluster().kubeconfig());
    web.canary("status web --for holding --timeout 100s")
        .run()
        .success();
    eventually("it is driven and parked", || {
        let status = web.canary("status web -o json").run().json();
        status["parked"] == true && status["driver"].is_string()
    });
    let run = web.canary("pause web --timeout 60s").run();
    run.success().answers("parked at").says("asking it to park");
    assert!(driver.wait().expect("it ends").success());
    let status = web.canary("status web -o json").run().success().json();
    assert_eq!(status["parked"], true, "{status}");
    assert!(
        status["driver"].is_null() && status["step"].is_null(),
        "{status}"
    );
    // Again is the same; so is resume, which has no steps any more.
    let generation = web.deployment()["metadata"]["generation"].clone();
    for words in ["pause web", "pause web --dry-run", "resume web"] {
        web.canary(words).run().success().answers("parked at");
    }
    assert_eq!(web.deployment()["metadata"]["generation"], generation);
    web.aborts();
    web.canary("pause web").run().code(1).says("has no canary");
    web.is_clean();
}

fn nearest(suite: &Suite) {
    let web = suite.web(3, Value::Null);
    let image = "--image web=sandbox.local/sim:2";
    let refused = web.canary(&format!("web 10% {image}")).run();
    refused
        .code(2)
        .says("the nearest split is 33.3%")
        .says("--yes");
    web.is_clean();
    let dry = web
        .canary(&format!("web 10% --yes --dry-run {image}"))
        .run();
    dry.success().answers("33.3%");
    let run = web.canary(&format!("web --weight 10 --yes {image}")).run();
    run.success()
        .says("note: asked 10%, and the nearest split is 33.3%: 2 stable pods and 1 canary pod")
        .answers("parked at 33.3%");
    assert_eq!(web.split(), (2, 1));
    web.aborts();
    web.is_clean();
}

fn no_traffic(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    let mut manifest = web.manifest(4, Value::Null, "sandbox.local/sim:1");
    manifest["spec"]["template"]["metadata"]["labels"]["version"] = json!("1");
    web.apply(&manifest);
    web.kubectl("rollout status deployment/web --timeout=90s")
        .run()
        .success();
    web.apply(&json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": web.namespace},
        "spec": {"selector": {"app": "web", "version": "1"}, "ports": [{"port": 80}]}}));
    let patch = r#"{"spec":{"template":{"metadata":{"labels":{"version":"2"}}}}}"#;
    let run = web
        .canary("web --steps 25,100 --smoke 1s --auto promote --accept-no-traffic")
        .args(["--patch", patch])
        .run();
    run.code(4)
        .says("undecided, and held: service/web does not select the canary");
    web.aborts();
    web.is_clean();
}

fn owners(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    let labels = "label deployment web kustomize.toolkit.fluxcd.io/name=apps \
         kustomize.toolkit.fluxcd.io/namespace=flux-system";
    web.kubectl(labels).run().success();
    let suspend = "kubectl patch kustomization apps -n flux-system --type=merge";
    let plan = web
        .canary("plan web 25% --image web=sandbox.local/sim:2")
        .run();
    plan.success().answers(suspend);
    web.start("25%").success().says(suspend);
    let promote = web.canary("promote web").run();
    promote.success().says("commit web=sandbox.local/sim:2");
    web.is_clean();
}

/// The kind of Argo CD's Applications, without its schema.
fn applications(suite: &Suite) {
    let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "applications.argoproj.io"},
        "spec": {"group": "argoproj.io", "scope": "Namespaced",
            "names": {"kind": "Application", "plural": "applications", "singular": "application"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object",
                    "x-kubernetes-preserve-unknown-fields": true}}}]}});
    suite
        .admin("apply --server-side -f -")
        .stdin(&crd.to_string())
        .run()
        .success();
    suite
        .admin("wait --for=condition=Established crd/applications.argoproj.io --timeout=60s")
        .run()
        .success();
}

fn heals(suite: &Suite) {
    applications(suite);
    let web = suite.web(4, Value::Null);
    let id = format!(
        "annotate deployment web argocd.argoproj.io/tracking-id=shop-{0}:apps/Deployment:{0}/web",
        web.namespace
    );
    web.kubectl(&id).run().success();
    let application = |spec: Value| {
        web.apply(
            &json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": format!("shop-{}", web.namespace), "namespace": web.namespace},
            "spec": spec}),
        );
    };
    let image = "--image web=sandbox.local/sim:2";
    let healing = json!({"selfHeal": true});
    application(json!({"syncPolicy": {"automated": healing}}));
    let before = web.deployment()["metadata"]["generation"].clone();
    for words in [format!("plan web 25% {image}"), format!("web 25% {image}")] {
        let run = web.canary(&words).run();
        run.code(3);
        let text = format!("{}{}", run.stdout, run.stderr);
        assert!(
            text.contains("would remove the canary within seconds"),
            "{text}"
        );
        assert!(text.contains("accept it: --accept-owner"), "{text}");
    }
    assert_eq!(web.deployment()["metadata"]["generation"], before);
    application(json!({
        "ignoreDifferences": [{"group": "apps", "kind": "Deployment", "name": "web",
            "managedFieldsManagers": ["groundcrew-rollout-canary"]}],
        "syncPolicy": {"automated": healing, "syncOptions": ["RespectIgnoreDifferences=true"]}}));
    web.canary(&format!("plan web 25% {image}"))
        .run()
        .success()
        .answers("ignores what this plugin writes");
    web.start("25%").success();
    web.aborts();
    web.is_clean();
}
