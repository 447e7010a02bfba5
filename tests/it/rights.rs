//! The roles of `docs/rights`: each suffices for its commands, and nothing in it is too much.

use harness::{Case, Need, Order, Rights, Suite, eventually, moment};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let case = |name: &str, more: &[Need], body: fn(&Suite)| {
        let needs = [&[Need::Plugins, Need::Cluster, Need::Sandbox], more].concat();
        Case::new(
            &format!("{name}_have_what_it_takes_and_no_more"),
            &needs,
            body,
        )
    };
    vec![
        case("auditors", &[], audit),
        case("advisers", &[Need::Controllers], advise),
        case("drivers_of_canaries", &[Need::Controllers], canary),
        case("onboarders", &[Need::Signer], onboard),
        case("offboarders", &[Need::Signer, Need::Controllers], offboard),
        case("claimers", &[Need::Controllers], claimers),
        case("reapers", &[Need::Controllers], reapers),
        case("installers_of_claims", &[], installers),
        Case::new(
            "the_role_of_onboarders_is_what_doctor_grants",
            &[Need::Plugins, Need::Cluster],
            granted,
        ),
    ]
}

fn audit(suite: &Suite) {
    let roles = suite.documented_rights("can-i-audit.yaml");
    let base = Rights {
        roles: &["groundcrew:can-i-audit"],
        commands: &[
            ("can-i-audit who get secrets", 0),
            ("can-i-audit what user:{} -A", 0),
            ("can-i-audit why user:{} list roles", 3),
            ("can-i-audit matrix user:{}", 0),
            ("can-i-audit snapshot -o {}.json", 0),
        ],
        ..Rights::NOTHING
    };
    suite.proves(&roles, &base);
    let verify = Rights {
        roles: &["groundcrew:can-i-audit-verify"],
        beside: &["groundcrew:can-i-audit"],
        commands: &[("can-i-audit verify --samples 50", 0)],
        ..Rights::NOTHING
    };
    suite.proves(&roles, &verify);
}

fn advise(suite: &Suite) {
    let roles = suite.documented_rights("psp-advise.yaml");
    let view = Rights {
        roles: &["groundcrew:psp-advise"],
        commands: &[
            ("psp-advise", 0),
            ("psp-advise explain pod -n {}", 3),
            ("psp-advise label {}", 0),
        ],
        prepare: |suite, [name, _]| pod(suite, name),
        ..Rights::NOTHING
    };
    suite.proves(&roles, &view);
    let label = Rights {
        roles: &["groundcrew:psp-advise-label"],
        beside: &["groundcrew:psp-advise"],
        commands: &[("psp-advise label {} --apply --dry-run=server", 0)],
        prepare: |suite, [name, _]| pod(suite, name),
        ..Rights::NOTHING
    };
    suite.proves(&roles, &label);
    let fix = Rights {
        roles: &["groundcrew:psp-advise-fix"],
        beside: &["groundcrew:psp-advise"],
        commands: &[("psp-advise fix -n {} --apply --dry-run=server", 0)],
        prepare: |suite, [name, _]| workloads(suite, name),
        ..Rights::NOTHING
    };
    suite.proves(&roles, &fix);
    let verify = Rights {
        roles: &["groundcrew:psp-advise-verify"],
        commands: &[("psp-advise generate vap -f {}.yaml --verify --yes", 0)],
        prepare: |suite, [name, _]| {
            let pod = "run pod --image=sandbox.local/sim:1 --privileged --dry-run=client -o yaml";
            let pod = suite.admin(pod).run().success().stdout.clone();
            std::fs::write(suite.path(&format!("{name}.yaml")), pod).expect("a file");
        },
        ..Rights::NOTHING
    };
    suite.proves(&roles, &verify);
}

fn canary(suite: &Suite) {
    let rights = Rights {
        roles: &[
            "groundcrew:rollout-canary",
            "groundcrew:rollout-canary-plan",
        ],
        // A server that begins a watch with what there is is asked for no list.
        unused: &["list deployments.apps"],
        commands: &[
            (
                "rollout-canary plan web 25 --image web=sandbox.local/sim:2 -n {}",
                0,
            ),
            (
                "rollout-canary web 25% --image web=sandbox.local/sim:2 -n {}",
                0,
            ),
            ("rollout-canary status web -n {}", 0),
            ("rollout-canary promote web -n {}", 0),
            (
                "rollout-canary web --steps 25 --smoke 10s --ready-within 5s \
                 --image web=sandbox.local/sim:crash -n {}",
                3,
            ),
        ],
        order: Order::FirstTells,
        prepare: |suite, [name, _]| {
            let _web = suite.web_in(name, 4, Value::Null);
        },
        ..Rights::NOTHING
    };
    suite.proves(&suite.documented_rights("rollout-canary.yaml"), &rights);
}

fn onboard(suite: &Suite) {
    let rights = Rights {
        roles: &["groundcrew-onboarder"],
        unused: &[
            // A later generation, or another role; then what is left of a run that failed.
            "update rolebindings.rbac.authorization.k8s.io",
            "delete configmaps",
            "delete secrets",
        ],
        commands: &[
            ("onboard {} --out {}.kubeconfig", 0),
            ("onboard {} --team more --out {}.kubeconfig", 0),
            ("onboard {2} --auth token --out {2}.kubeconfig", 0),
            ("onboard status {}", 0),
            ("onboard verify {}", 0),
            ("onboard list", 0),
            ("onboard doctor", Rights::ANY_END),
        ],
        prepare: |suite, _| {
            // Whoever is first makes it.
            let _ = suite.admin("create namespace groundcrew-system").run();
        },
        ..Rights::NOTHING
    };
    suite.proves(&suite.documented_rights("onboard.yaml"), &rights);
}

fn offboard(suite: &Suite) {
    let roles = suite.documented_rights("onboard.yaml");
    let alone = Rights {
        roles: &["groundcrew-offboarder"],
        unused: &[
            // Of others in a binding, after a conflict; of a request that is open; of somebody
            // who was never on record.
            "get clusterrolebindings.rbac.authorization.k8s.io",
            "patch clusterrolebindings.rbac.authorization.k8s.io",
            "get rolebindings.rbac.authorization.k8s.io",
            "patch rolebindings.rbac.authorization.k8s.io",
            "update certificatesigningrequests/approval.certificates.k8s.io",
            "create configmaps",
            "delete configmaps",
        ],
        // Of a record that is forgotten once everything that was issued has expired, which no case
        // waits for.
        spare: &["delete configmaps"],
        commands: &[
            ("onboard offboard {} --yes", 0),
            ("onboard offboard {2} --yes", 0),
        ],
        prepare: |suite, [one, two]| {
            suite.onboard(one).run().success();
            suite.onboard(two).line("--auth token").run().success();
            let bind = format!("create clusterrolebinding {one} --clusterrole=view --user={one}");
            suite.admin(&bind).run().success();
        },
        ..Rights::NOTHING
    };
    suite.proves(&roles, &alone);
    let shared = Rights {
        roles: &["groundcrew-offboarder-shared"],
        beside: &["groundcrew-offboarder"],
        commands: &[("onboard offboard {} --yes", 0)],
        order: Order::InTurn,
        prepare: |suite, [one, two]| {
            suite.onboard(one).run().success();
            let bind = format!("{one} --clusterrole=view --user={one} --user={two}");
            for kind in ["clusterrolebinding", "rolebinding -n default"] {
                suite
                    .admin(&format!("create {kind} {bind}"))
                    .run()
                    .success();
            }
        },
        ..Rights::NOTHING
    };
    suite.proves(&roles, &shared);
}

fn granted(suite: &Suite) {
    let flat = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().expect("items").iter();
        let roles = items.filter(|item| item["metadata"]["name"] == "groundcrew-onboarder");
        let mut rights = Vec::new();
        for role in roles {
            for rule in role["rules"].as_array().into_iter().flatten() {
                for resource in rule["resources"].as_array().into_iter().flatten() {
                    for verb in rule["verbs"].as_array().into_iter().flatten() {
                        let (group, names) = (&rule["apiGroups"], &rule["resourceNames"]);
                        let kind = &role["kind"];
                        rights.push(format!("{kind} {group} {resource} {verb} {names}"));
                    }
                }
            }
        }
        rights.sort();
        rights
    };
    let documented = suite.documented_rights("onboard.yaml");
    let documented: Value = serde_json::from_str(&documented).expect("JSON");
    let doctor = suite.admin("onboard doctor --grant x -o json").run();
    assert_eq!(flat(&documented), flat(&doctor.success().json()));
}

/// Roles as `install` made them.
fn installed(suite: &Suite) -> String {
    let kinds = "clusterroles,roles -n groundcrew-system";
    let list = suite.get(kinds).expect("roles");
    list.to_string()
}

fn claimers(suite: &Suite) {
    let _claims = suite.claims();
    let rights = Rights {
        roles: &["groundcrew:claimer"],
        commands: &[
            ("ns-claim {} --ttl 1h --wait", 0),
            ("ns-claim list --mine", 0),
            ("ns-claim get {2}", 0),
            ("ns-claim extend {} --by 1h", 0),
            ("ns-claim release {}", 0),
        ],
        // It gives nothing: it is what the guard knows claimers by.
        spare: &["create claims.groundcrew.dev"],
        order: Order::InTurn,
        prepare: |suite, [_, two]| {
            let _ = suite.claim(two, two);
        },
        ..Rights::NOTHING
    };
    suite.proves(&installed(suite), &rights);
}

fn reapers(suite: &Suite) {
    let _claims = suite.claims_alone();
    let rights = Rights {
        roles: &["groundcrew:claim-reaper"],
        commands: &[("ns-claim reap --yes", 0)],
        unused: &[
            // Once a day, for records that are older than their time; then it is noted.
            "delete configmaps",
            // A claim that another case has deleted by then, or a pod in it.
            "update configmaps",
            "list pods",
            "delete pods",
            // The ledger is listed; one of an earlier version is read by its name.
            "get configmaps",
        ],
        order: Order::FirstTells,
        prepare: |suite, [one, two]| {
            for (claim, ttl) in [(one, "8h"), (two, "10m")] {
                let _ = suite.claim(one, &format!("{claim} --ttl {ttl}"));
                suite.annotate(claim, "expires-at", &moment(-3000));
            }
            suite.annotate(two, "warned-at", &moment(-2500));
        },
        ..Rights::NOTHING
    };
    suite.proves(&installed(suite), &rights);
}

/// What other cases take for given.
const CLAIMS: &str = "--max-claims 3 --max-total 7d --default-ttl 8h";

fn installers(suite: &Suite) {
    let _claims = suite.claims_alone();
    let roles = suite.documented_rights("ns-claim.yaml");
    let first = Rights {
        roles: &["groundcrew:ns-claim-install"],
        commands: &[
            (
                "ns-claim install --image sandbox.local/reaper:1 --dry-run",
                0,
            ),
            ("ns-claim install --image sandbox.local/reaper:1", 0),
        ],
        // The API server asks about it when a binding with a selector is made.
        unused: &[
            "list clusterrolebindings.rbac.authorization.k8s.io",
            "create configmaps",
            "create namespaces",
        ],
        // The namespace of records and the index outlive an installation.
        spare: &["create configmaps", "create namespaces"],
        order: Order::FirstTells,
        prepare: |suite, _| uninstalled(suite),
        restore: uninstalled,
        ..Rights::NOTHING
    };
    suite.proves(&roles, &first);
    let over = Rights {
        roles: &["groundcrew:ns-claim-upgrade"],
        beside: &["groundcrew:ns-claim-install"],
        commands: &[
            ("ns-claim install --max-claims 4 --dry-run", 0),
            ("ns-claim install --max-claims 4", 0),
        ],
        order: Order::FirstTells,
        prepare: |suite, _| altered(suite),
        restore: altered,
        ..Rights::NOTHING
    };
    suite.proves(&roles, &over);
    let end = Rights {
        roles: &["groundcrew:ns-claim-uninstall"],
        commands: &[
            ("ns-claim uninstall --dry-run", 0),
            ("ns-claim uninstall --yes", 0),
        ],
        order: Order::FirstTells,
        prepare: |suite, _| altered(suite),
        restore: altered,
        ..Rights::NOTHING
    };
    suite.proves(&roles, &end);
    uninstalled(suite);
    let install = format!("ns-claim install {CLAIMS}");
    suite.admin(&install).run().success();
}

fn uninstalled(suite: &Suite) {
    suite.admin("ns-claim uninstall --yes").run().success();
}

/// An installation of which one object of every kind has lost its label.
fn altered(suite: &Suite) {
    let install = format!("ns-claim install --image sandbox.local/reaper:1 {CLAIMS}");
    suite.admin(&install).run().success();
    for object in [
        "serviceaccount/ns-claim-reaper",
        "cronjob/ns-claim-reaper",
        "role/groundcrew:claimer",
        "rolebinding/groundcrew:claimers",
        "clusterrole/groundcrew:claimer",
        "clusterrolebinding/groundcrew:claimers",
        "validatingadmissionpolicy/groundcrew-claims-index",
        "validatingadmissionpolicybinding/groundcrew-claims-index",
    ] {
        let label = format!("label -n groundcrew-system {object} app.kubernetes.io/managed-by-");
        suite.admin(&label).run().success();
    }
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
