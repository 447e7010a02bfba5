//! The roles of `docs/rights`: each suffices for its commands, and nothing in it is too much.

use harness::{Case, Need, Rights, Suite, eventually};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster, Need::Sandbox];
    vec![
        Case::new("can_i_audit_has_what_it_needs_and_no_more", needs, audit),
        Case::new("psp_advise_has_what_it_needs_and_no_more", needs, advise),
    ]
}

fn nothing(_: &Suite, _: &str) {}

fn audit(suite: &Suite) {
    let roles = suite.documented_rights("can-i-audit.yaml");
    suite.proves(
        &roles,
        &Rights {
            roles: &["groundcrew:can-i-audit"],
            commands: &[
                ("can-i-audit who get secrets", 0),
                ("can-i-audit what user:{} -A", 0),
                ("can-i-audit why user:{} list roles", 0),
                ("can-i-audit matrix user:{}", 0),
                ("can-i-audit snapshot -o {}.json", 0),
            ],
            independent: true,
            prepare: nothing,
        },
    );
    suite.proves(
        &roles,
        &Rights {
            roles: &["groundcrew:can-i-audit-verify", "groundcrew:can-i-audit"],
            commands: &[("can-i-audit verify --samples 50", 0)],
            independent: true,
            prepare: nothing,
        },
    );
}

fn advise(suite: &Suite) {
    let roles = suite.documented_rights("psp-advise.yaml");
    suite.proves(
        &roles,
        &Rights {
            roles: &["groundcrew:psp-advise"],
            commands: &[
                ("psp-advise", 0),
                ("psp-advise explain pod -n {}", 3),
                ("psp-advise label {}", 0),
            ],
            independent: true,
            prepare: pod,
        },
    );
    suite.proves(
        &roles,
        &Rights {
            roles: &["groundcrew:psp-advise-label", "groundcrew:psp-advise"],
            commands: &[("psp-advise label {} --apply --dry-run=server", 0)],
            independent: true,
            prepare: pod,
        },
    );
    suite.proves(
        &roles,
        &Rights {
            roles: &["groundcrew:psp-advise-fix", "groundcrew:psp-advise"],
            commands: &[("psp-advise fix -n {} --apply --dry-run=server", 0)],
            independent: true,
            prepare: workloads,
        },
    );
}

fn pod(suite: &Suite, name: &str) {
    let create = format!("create namespace {name}");
    suite.admin(&create).run().success();
    let run = format!("run pod -n {name} --image=sandbox.local/sim:1");
    suite.admin(&run).run().success();
}

/// A namespace with one of every kind that can be mended.
fn workloads(suite: &Suite, name: &str) {
    let pod = json!({
        "containers": [{"name": "c", "image": "sandbox.local/sim:1"}],
        "nodeSelector": {"none": "none"},
    });
    let template = json!({"metadata": {"labels": {"app": "a"}}, "spec": pod});
    let spec = |more: Value| {
        let mut spec = json!({"selector": {"matchLabels": {"app": "a"}}, "template": template});
        for (key, value) in more.as_object().into_iter().flatten() {
            spec[key] = value.clone();
        }
        spec
    };
    let mut job = template.clone();
    job["spec"]["restartPolicy"] = json!("Never");
    let cron = json!({
        "schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": {"spec": {"template": job}},
    });
    let object = |api: &str, kind: &str, spec: Value| {
        let name = kind.to_lowercase();
        json!({"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec})
    };
    let items = [
        object("apps/v1", "Deployment", spec(json!({"replicas": 0}))),
        object(
            "apps/v1",
            "StatefulSet",
            spec(json!({"replicas": 0, "serviceName": "none"})),
        ),
        object("apps/v1", "DaemonSet", spec(json!({}))),
        object("apps/v1", "ReplicaSet", spec(json!({"replicas": 0}))),
        json!({
            "apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "rc"},
            "spec": {"replicas": 0, "selector": {"app": "a"}, "template": template},
        }),
        object("batch/v1", "CronJob", cron),
    ];
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let create = format!("create namespace {name}");
    suite.admin(&create).run().success();
    let create = format!("create -n {name} -f -");
    suite.admin(&create).stdin(&list).run().success();
    // A patch holds for what was read: the controllers have to be done with their statuses.
    let status = format!("rollout status deployment/deployment -n {name} --timeout=100s");
    suite.admin(&status).run().success();
    eventually("every controller has seen its object", || {
        let kinds = "statefulset,daemonset,replicaset,replicationcontroller";
        let found = suite.get(&format!("{kinds} -n {name}"));
        let found = found.expect("a list")["items"].clone();
        let items = found.as_array().expect("items").iter();
        items.clone().count() == 5
            && items
                .into_iter()
                .all(|item| item["status"]["observedGeneration"].is_number())
    });
}
