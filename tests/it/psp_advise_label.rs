//! `kubectl psp-advise label` on the real API server.

use std::collections::BTreeMap;

use harness::{Case, Need, Suite};
use serde_json::json;

use crate::psp_advise::world::{apply, template};

pub(crate) fn cases() -> Vec<Case> {
    let cluster = &[Need::Plugins, Need::Cluster, Need::Controllers];
    vec![Case::new(
        "labels_are_planned_set_once_and_can_be_restored",
        cluster,
        labels,
    )]
}

fn labels(suite: &Suite) {
    let namespace = suite.name("label");
    suite
        .admin(&format!("create namespace {namespace}"))
        .run()
        .success();
    let mut api = template(
        "Deployment",
        &namespace,
        "api",
        &json!({
        "containers": [{"name": "c", "image": "i"}]}),
    );
    api["spec"]["replicas"] = json!(0);
    apply(suite, &[api]);
    let of = || -> BTreeMap<String, String> {
        let object = suite
            .get(&format!("namespace {namespace}"))
            .expect("it is there");
        let labels = object["metadata"]["labels"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        labels
            .into_iter()
            .filter_map(|(key, value)| {
                let key = key.strip_prefix("pod-security.kubernetes.io/")?.to_owned();
                Some((key, value.as_str().unwrap_or_default().to_owned()))
            })
            .collect()
    };
    let run = |words: &str| {
        suite
            .admin(&format!("psp-advise label {namespace} {words}"))
            .run()
    };
    run("--strategy enforce")
        .success()
        .answers("kubectl label namespace");
    assert!(of().is_empty(), "a plan writes nothing");
    run("--strategy enforce --apply --yes --dry-run=server").success();
    assert!(of().is_empty(), "a dry run writes nothing");
    run("--strategy enforce --apply").code(2).says("--yes");

    let undo = suite.path("undo.sh");
    let undo = undo.display();
    run(&format!(
        "--strategy enforce --apply --yes --rollback-file {undo}"
    ))
    .success()
    .says("labeled");
    let set = of();
    assert_eq!(
        (set["enforce"].as_str(), set["warn"].as_str()),
        ("baseline", "restricted")
    );
    assert!(set["enforce-version"].starts_with("v1."), "{set:?}");
    let again = run("--strategy enforce --apply -o json").success().json();
    assert_eq!(
        again["namespaces"][0]["labels"],
        json!({}),
        "a second run changes nothing"
    );

    let script = std::fs::read_to_string(suite.path("undo.sh")).expect("it was written");
    let line = script
        .lines()
        .find(|line| line.starts_with("kubectl label"))
        .expect("a command");
    suite
        .admin(line.strip_prefix("kubectl ").unwrap_or_default())
        .run()
        .success();
    assert!(of().is_empty(), "the labels are as before");
}
