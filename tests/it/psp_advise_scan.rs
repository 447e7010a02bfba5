//! `kubectl psp-advise scan` on the real API server: exact tables, and what could not be seen.

use std::collections::BTreeSet;

use harness::{Case, Need, Suite, eventually};
use serde_json::{Value, json};

use crate::psp_advise::world::{apply, decided, list, namespaces, template};

pub(crate) fn cases() -> Vec<Case> {
    let cluster = &[Need::Plugins, Need::Cluster, Need::Controllers];
    vec![
        Case::new(
            "each_namespace_shows_the_level_it_meets_and_what_blocks_the_next",
            cluster,
            scan,
        ),
        Case::new(
            "with_rights_in_one_namespace_the_rest_is_said_to_be_unseen",
            cluster,
            rights,
        ),
        Case::new(
            "a_selector_leaves_the_level_open_and_one_that_matches_nothing_is_no_pass",
            cluster,
            selector,
        ),
        Case::new(
            "defaults_and_exemptions_of_the_servers_configuration_count",
            cluster,
            configuration,
        ),
        Case::new(
            "an_ephemeral_container_counts_as_the_server_counts_it",
            cluster,
            ephemeral,
        ),
        Case::new(
            "a_custom_kind_and_a_static_pod_are_workloads_of_their_own",
            cluster,
            others,
        ),
    ]
}

fn scan(suite: &Suite) {
    let none = [("privileged", "latest".to_owned())];
    let payments = namespaces(suite, "enforce", &none).remove(0);
    let legacy = namespaces(suite, "enforce", &[("baseline", "v1.30".to_owned())]).remove(0);
    let container = json!({"name": "c", "image": "i"});
    let mut api = template(
        "Deployment",
        &payments,
        "api",
        &json!({
        "securityContext": {"runAsUser": 1000}, "containers": [container]}),
    );
    api["spec"]["replicas"] = json!(0);
    let report = json!({"apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "report", "namespace": payments},
        "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": {"spec": {
            "restartPolicy": "Never", "securityContext": {"runAsUser": 1000},
            "containers": [container]}}}}}});
    let agent = template(
        "DaemonSet",
        &legacy,
        "agent",
        &json!({
        "hostNetwork": true, "nodeSelector": {"no": "where"}, "containers": [container],
        "volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
    );
    apply(suite, &[api, report, agent]);

    let output = suite.admin("psp-advise").args([&payments, &legacy]).run();
    let squeezed: Vec<String> = output
        .success()
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let mut rows = [
        format!("{payments} privileged baseline restricted cronjob/report, deployment/api"),
        format!(
            "{legacy} baseline:v1.30 privileged privileged daemonset/agent \
             (hostNamespaces, hostPathVolumes: may change behavior)"
        ),
    ];
    rows.sort();
    assert_eq!(squeezed[1..], rows, "{output}");

    suite
        .admin("psp-advise --level baseline")
        .args([&legacy])
        .run()
        .code(3)
        .answers("daemonset/agent");
    suite
        .admin("psp-advise no-such-namespace")
        .run()
        .code(1)
        .no_answer()
        .says("Error from server (NotFound)");
}

fn rights(suite: &Suite) {
    let none = [("privileged", "latest".to_owned())];
    let own = namespaces(suite, "enforce", &none).remove(0);
    apply(
        suite,
        &[
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "pods", "namespace": own},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]}),
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "pods", "namespace": own},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "pods"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User",
                "name": "paula"}]}),
        ],
    );
    let output = suite.admin("psp-advise --as paula -n").args([&own]).run();
    output
        .code(4)
        .answers(&own)
        .says("not evaluated: deployments.apps: ")
        .says(&format!("not evaluated: labels of namespace/{own}"));
    assert!(
        output.stdout.contains('?') && !output.stdout.contains("restricted"),
        "{output}"
    );
    suite
        .admin("psp-advise --as paula")
        .run()
        .code(1)
        .no_answer()
        .says("kubectl psp-advise -n NAME");
}

fn selector(suite: &Suite) {
    let none = [("privileged", "latest".to_owned())];
    let namespace = namespaces(suite, "enforce", &none).remove(0);
    let pod = |name: &str, spec: Value| {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
            "spec": spec})
    };
    let hardened = json!({"runAsNonRoot": true, "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}});
    let good = json!([{"name": "c", "image": "i", "securityContext": hardened}]);
    let bad = json!([{"name": "c", "image": "i"}]);
    apply(
        suite,
        &[
            pod("good", json!({"containers": good})),
            pod("bad", json!({"hostNetwork": true, "containers": bad})),
        ],
    );
    let of = |labels: &str| {
        let line = format!("psp-advise -n {namespace} -o json --fail-on never -l {labels}");
        suite.admin(&line).run()
    };
    // The other pod is worse, and was not looked at.
    let output = of("app=good");
    let report: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(report["evaluated"], 1, "{output}");
    assert_eq!(report["namespaces"][0]["today"], Value::Null, "{output}");
    output.code(0);
    // What was seen blocks, whatever else there is.
    let output = of("app=bad");
    let report: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(report["namespaces"][0]["today"], Value::Null, "{output}");
    let blockers = &report["namespaces"][0]["blockers"];
    assert_eq!(blockers, &json!(["pod/bad"]), "{output}");
    // A typing error is no proof that everything passes.
    of("app=godo").code(4).says(
        "not evaluated: objects with labels \"app=godo\": no pod and no pod template has them",
    );
}

fn ephemeral(suite: &Suite) {
    let none = [("privileged", "latest".to_owned())];
    let namespace = namespaces(suite, "enforce", &none).remove(0);
    let hardened = json!({"runAsNonRoot": true, "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "namespace": namespace},
        "spec": {"containers": [{"name": "c", "image": "i", "securityContext": hardened}]}});
    apply(suite, &[pod]);
    suite
        .admin(&format!(
            "label namespace {namespace} --overwrite pod-security.kubernetes.io/enforce=restricted"
        ))
        .run()
        .success();
    let mut live = suite
        .get(&format!("pod p -n {namespace}"))
        .expect("it is there");
    // What a simulated node writes in between is of no concern.
    live["metadata"]["resourceVersion"] = Value::Null;
    live["spec"]["ephemeralContainers"] = json!([{"name": "debug", "image": "i",
        "targetContainerName": "c", "securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}}}]);
    let path = format!("/api/v1/namespaces/{namespace}/pods/p/ephemeralcontainers?dryRun=All");
    let refused = suite
        .admin("replace -f - --raw")
        .args([&path])
        .stdin(&live.to_string())
        .run();
    let ours = decided(suite, &[live], "restricted", "latest");
    let message = &ours["p"];
    assert!(message.contains("SYS_PTRACE"), "{message}");
    refused.code(1).says(message);
}

fn others(suite: &Suite) {
    let none = [("privileged", "latest".to_owned())];
    let namespace = namespaces(suite, "enforce", &none).remove(0);
    let group = format!("{namespace}.example.com");
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition", "metadata": {"name": format!("rollouts.{group}")},
        "spec": {"group": group, "scope": "Namespaced",
            "names": {"plural": "rollouts", "kind": "Rollout"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": {"type": "object",
                    "x-kubernetes-preserve-unknown-fields": true}}}]}});
    apply(suite, &[definition]);
    let rollout = json!({"apiVersion": format!("{group}/v1"), "kind": "Rollout",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"template": {"spec": {"hostPID": true, "containers": []}}}});
    eventually("the custom kind is served", || {
        let run = suite
            .admin("apply --validate=false -f -")
            .stdin(&list(std::slice::from_ref(&rollout)));
        run.run().code == Some(0)
    });
    // What a kubelet mirrors is owned by its node.
    let node = suite.get("nodes").expect("there are nodes")["items"][0].clone();
    let mirror = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "static", "namespace": namespace, "ownerReferences": [{
            "apiVersion": "v1", "kind": "Node", "controller": true,
            "name": node["metadata"]["name"], "uid": node["metadata"]["uid"]}]},
        "spec": {"nodeName": node["metadata"]["name"], "hostNetwork": true,
            "containers": [{"name": "c", "image": "i"}]}});
    apply(suite, &[mirror]);
    let path = format!("--pod-template-path=rollouts.{group}=.spec.template");
    let output = suite
        .admin("psp-advise -o json")
        .args([&namespace, &path])
        .run();
    suite
        .admin(&format!(
            "delete customresourcedefinition rollouts.{group} --wait=false"
        ))
        .run()
        .success();
    let report = output.success().json();
    let names: Vec<String> = report["workloads"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|owner| {
            let text = |field: &str| owner["object"][field].as_str().unwrap_or_default();
            format!("{}/{}", text("kind"), text("name"))
        })
        .collect();
    assert_eq!(names, ["Pod/static", "Rollout/web"], "{output}");
    assert_eq!(report["namespaces"][0]["today"], "privileged");
}

fn configuration(suite: &Suite) {
    let none = [("privileged", "latest".to_owned())];
    let [plain, exempt] = [0, 1].map(|_| namespaces(suite, "warn", &none).remove(0));
    let spec = json!({"hostPID": true, "containers": [{"name": "c", "image": "i"}]});
    let sandboxed = json!({"hostPID": true, "runtimeClassName": "gvisor",
        "containers": [{"name": "c", "image": "i"}]});
    let mut objects = vec![
        template("Deployment", &plain, "web", &sandboxed),
        template("Deployment", &exempt, "agent", &spec),
    ];
    for object in &mut objects {
        object["spec"]["replicas"] = json!(0);
    }
    apply(suite, &objects);
    let file = suite.file(
        "admission.yaml",
        &format!(
            "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n\
             - name: PodSecurity\n  configuration:\n\
             \x20   apiVersion: pod-security.admission.config.k8s.io/v1\n\
             \x20   kind: PodSecurityConfiguration\n\
             \x20   defaults: {{enforce: baseline, enforce-version: v1.30}}\n\
             \x20   exemptions: {{namespaces: [{exempt}], runtimeClasses: [gvisor]}}\n"
        ),
    );
    let output = suite
        .admin("psp-advise --level baseline")
        .args([&plain, &exempt])
        .args(["--psa-config".as_ref(), file.as_os_str()])
        .run();
    let squeezed: BTreeSet<String> = output
        .success()
        .stdout
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let rows = [
        format!("{plain} baseline:v1.30 restricted restricted <none>"),
        format!(
            "{exempt} exempt privileged privileged deployment/agent (hostNamespaces: may \
             change behavior)"
        ),
    ];
    assert_eq!(squeezed, BTreeSet::from(rows), "{output}");
    suite
        .admin("psp-advise --level baseline")
        .args([&plain, &exempt])
        .run()
        .code(3);
    let wrong = suite.file("wrong.yaml", "kind: PodSecurityConfiguration\n");
    suite
        .admin("psp-advise --psa-config")
        .args([&wrong])
        .run()
        .code(2)
        .says("wrong.yaml: apiVersion");
}
