//! What a claimer could win by size, by repetition and by what is left behind, and what stopped others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use harness::{Case, Need, Suite, action, eventually, moment};
use serde_json::{Value, json};

use crate::ns_claim_guard::{
    ana, annotate, binding, create, namespace, patch_index, refused, user,
};
use crate::ns_claim_records::gone;

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster, Need::Controllers];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case("a_purpose_is_bounded_by_the_server", bounded),
        case("no_text_of_one_claim_keeps_another", filled),
        case("a_ledger_that_cannot_be_written_keeps_no_claim", unwritable),
        case("a_claim_that_is_changed_all_the_time_ends", changed),
        case(
            "a_claim_with_filled_field_records_is_deleted",
            managed_fields,
        ),
        case("what_is_going_counts", going),
        case("pods_that_would_outlast_a_sweep_are_ended", grace),
        case("a_claim_without_a_record_is_put_on_record", adopted),
        case("a_transfer_leaves_the_previous_owner_nothing", transferred),
        case("a_name_inherits_no_rights", inherited),
        case("names_begin_as_the_admin_says", prefixed),
        case("a_platform_that_labels_stops_nobody", labelled),
        case("refused_deletions_keep_nobody_elses", brake),
        case("a_release_with_workloads_takes_a_yes", workloads),
        case("a_bare_claim_without_a_terminal_writes_nothing", bare),
    ]
}

/// A claim whose end is over and whose owner was warned.
fn due(suite: &Suite, stem: &str) -> String {
    let name = suite.name(stem);
    let _ = suite.claim(&name, &format!("{name} --ttl 2h"));
    suite.annotate(&name, "expires-at", &moment(-60));
    suite.annotate(&name, "warned-at", &moment(-30));
    name
}

fn is_going(suite: &Suite, name: &str) -> bool {
    let found = suite.get(&format!("namespace {name}"));
    found.is_none_or(|found| !found["metadata"]["deletionTimestamp"].is_null())
}

fn apply(suite: &Suite, objects: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let run = suite.admin("apply -f -").stdin(&list.to_string());
    run.run().success();
}

/// A policy that refuses something, with its binding.
fn policy(name: &str, rule: &Value, expression: &str) -> [Value; 2] {
    let api = "admissionregistration.k8s.io/v1";
    [
        json!({"apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
            "spec": {"matchConstraints": {"resourceRules": [rule]},
                     "validations": [{"expression": expression, "message": "not here"}]}}),
        json!({"apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"]}}),
    ]
}

fn drop_policy(suite: &Suite, kinds: &str, name: &str) {
    let run = suite.admin(&format!("delete {kinds} {name} --ignore-not-found"));
    run.run().success();
}

const VALIDATING: &str = "validatingadmissionpolicybinding,validatingadmissionpolicy";
const MUTATING: &str = "mutatingadmissionpolicybinding,mutatingadmissionpolicy";

fn bounded(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    for note in ["purpose", "team", "contact"] {
        annotate(suite, &ana, &ana, &format!("{note}={}", "é".repeat(256))).success();
        refused(
            &annotate(suite, &ana, &ana, &format!("{note}={}", "x".repeat(257))),
            "at most 256 characters",
        );
        refused(
            &annotate(suite, &ana, &ana, &format!("{note}=a\u{1b}[2Jb")),
            "no control characters",
        );
        annotate(suite, &ana, &ana, &format!("{note}-")).success();
    }
    refused(
        &{
            let run = suite.claimer(&ana, "annotate namespace --overwrite");
            run.args([ana.clone(), format!("x={}", "x".repeat(5000))])
                .run()
        },
        "of 4096 characters each",
    );
    let other = suite.name("ana");
    patch_index(suite, &other, &json!({"data": {&other: other}})).success();
    let mut object = namespace(&other, &other, &moment(7200));
    object["metadata"]["annotations"]["groundcrew.dev/purpose"] = json!("\u{1}".repeat(10));
    refused(&create(suite, &other, &object), "no control characters");
}

/// As it could be in a cluster whose guard is older, or that has none.
fn filled(suite: &Suite) {
    let _claims = suite.claims_alone();
    let (fat, bob) = (suite.name("fat"), due(suite, "bob"));
    let _ = suite.claim(&fat, &format!("{fat} --ttl 2h"));
    let patch =
        json!({"metadata": {"annotations": {"groundcrew.dev/purpose": "\u{1}".repeat(200_000)}}});
    let patch = suite.file("patch.json", &patch.to_string());
    let run = suite.admin(&format!("patch namespace {fat} --type merge --patch-file"));
    run.args([patch]).run().success();
    suite.admin("ns-claim doctor").run().code(3).answers(&fat);
    let reap = suite.reap("--grace 0s");
    assert_eq!(action(reap.success(), &bob), "deleted");
    suite.annotate(&fat, "purpose", "x");
    gone(suite, &bob);
}

fn unwritable(suite: &Suite) {
    let _claims = suite.claims_alone();
    let bob = due(suite, "bob");
    let name = suite.name("keep-ledger");
    let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"],
        "resources": ["configmaps"], "resourceNames": ["claims-ledger"]});
    suite.reap("--dry-run").success();
    let first = suite.name("first");
    let _ = suite.claim(&first, &format!("{first} --ttl 2h"));
    suite.reap("--grace 1h").success();
    apply(suite, &policy(&name, &rule, "false"));
    let mut run = suite.reap("--grace 1h");
    eventually("the ledger cannot be written", || {
        run = suite.reap("--grace 1h");
        run.code == Some(3)
    });
    let reap = suite.reap("--grace 0s");
    drop_policy(suite, VALIDATING, &name);
    assert_eq!(action(reap.code(3), &bob), "deleted");
    let problems = reap.json()["problems"].to_string();
    assert!(
        problems.contains("configmap/groundcrew-system/claims-ledger"),
        "{problems}"
    );
    gone(suite, &bob);
}

fn changed(suite: &Suite) {
    let _claims = suite.claims_alone();
    let mallory = suite.name("mallory");
    let _ = suite.claim(&mallory, &format!("{mallory} --ttl 2h"));
    suite.annotate(&mallory, "expires-at", &moment(-60));
    let over = AtomicBool::new(false);
    let bodies: Vec<String> = (0..2).map(|n| format!("groundcrew.dev/team={n}")).collect();
    std::thread::scope(|scope| {
        for (number, body) in bodies.iter().enumerate() {
            let runs: Vec<_> = (0..400)
                .map(|round| {
                    let run = suite.admin("annotate namespace --overwrite");
                    run.args([mallory.clone(), format!("{body}{number}{round}")])
                })
                .collect();
            let over = &over;
            scope.spawn(move || {
                for run in runs {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let _ = run.run();
                }
            });
        }
        let warned = suite.reap("--grace 0s");
        let mut last = suite.reap("--grace 0s");
        for _ in 0..5 {
            if is_going(suite, &mallory) {
                break;
            }
            last = suite.reap("--grace 0s");
        }
        over.store(true, Ordering::Relaxed);
        assert_eq!(action(&warned, &mallory), "warned");
        // A run that lost says so; none is silent.
        let ended = action(&last, &mallory);
        assert!(
            is_going(suite, &mallory) || (ended == "attention" && last.code == Some(3)),
            "{last}"
        );
        assert!(is_going(suite, &mallory), "it ends: {last}");
    });
    gone(suite, &mallory);
}

fn managed_fields(suite: &Suite) {
    let _claims = suite.claims_alone();
    let heavy = due(suite, "heavy");
    // Up to the byte before which the server takes it with its field records: beyond, it drops them.
    let takes = |bytes: usize| {
        let part: serde_json::Map<String, Value> = (0..bytes / 22)
            .map(|number| (format!("f:filler-{number:07}"), json!({})))
            .collect();
        let patch = json!({"metadata": {"managedFields": [{
            "manager": format!("fill{}", "x".repeat(bytes % 22)), "operation": "Update",
            "apiVersion": "v1", "fieldsType": "FieldsV1", "time": moment(-10),
            "fieldsV1": {"f:metadata": {"f:annotations": part}},
        }]}});
        let file = suite.file("fill.json", &patch.to_string());
        let run = suite.admin(&format!(
            "patch namespace {heavy} --type merge -o name --patch-file"
        ));
        let taken = run.args([file]).run().code == Some(0);
        let get = suite.admin(&format!(
            "get namespace {heavy} --show-managed-fields -o jsonpath={{.metadata.managedFields[*].manager}}"
        ));
        taken && get.run().stdout.contains("fill")
    };
    let (mut small, mut large) = (1_000_000, 1_700_000);
    assert!(takes(small) && !takes(large));
    while large - small > 1 {
        let middle = usize::midpoint(small, large);
        match takes(middle) {
            true => small = middle,
            false => large = middle,
        }
    }
    assert!(takes(small));
    let delete = suite.admin(&format!("delete namespace {heavy} --wait=false"));
    delete.run().code(1).says("too large");
    let reap = suite.reap("--grace 0s");
    assert_eq!(action(reap.success(), &heavy), "deleted");
    gone(suite, &heavy);
}

/// Holds a namespace that is going.
fn hold(suite: &Suite, name: &str) {
    let held = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": "held", "namespace": name, "finalizers": ["example.com/hold"],
    }});
    apply(suite, &[held]);
}

fn let_go(suite: &Suite, name: &str) {
    let free = suite.admin(&format!("patch configmap held -n {name} --type merge"));
    let patch = json!({"metadata": {"finalizers": null}});
    free.args([format!("--patch={patch}")]).run().success();
}

fn going(suite: &Suite) {
    let _claims = suite.claims_alone();
    let ana = suite.name("ana");
    let names: Vec<String> = (0..3).map(|_| suite.name("held")).collect();
    for name in &names {
        let _ = suite.claim(&ana, &format!("{name} --ttl 2h"));
        hold(suite, name);
        let release = suite.claimer(&ana, &format!("ns-claim release {name}"));
        release.run().success();
    }
    let _ = suite.reap("");
    let more = suite.name("more");
    let fourth = suite
        .claimer(&ana, &format!("ns-claim {more} --ttl 2h"))
        .run();
    fourth.code(1).says("you hold 3 of 3 claims");
    fourth.says(&format!("{} is still being deleted", names[0]));
    assert!(suite.get(&format!("namespace {more}")).is_none());
    let_go(suite, &names[0]);
    gone(suite, &names[0]);
    let _ = suite.reap("");
    let _ = suite.claim(&ana, &format!("{more} --ttl 2h"));
    for name in &names[1..] {
        let_go(suite, name);
    }
}

fn grace(suite: &Suite) {
    let _claims = suite.claims_alone();
    let ana = ana(suite);
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "long", "namespace": ana,
            "finalizers": ["example.com/hold"]},
        "spec": {"nodeName": "ghost", "terminationGracePeriodSeconds": 315_360_000,
                 "containers": [{"name": "a", "image": "sandbox.local/sim:1"}]}});
    apply(suite, &[pod]);
    let release = suite.claimer(&ana, &format!("ns-claim release {ana} --yes"));
    release.run().success();
    let ends = || -> Option<jiff::Timestamp> {
        let pod = suite.get(&format!("pod long -n {ana}"))?;
        pod["metadata"]["deletionTimestamp"].as_str()?.parse().ok()
    };
    eventually("the pod is being deleted", || ends().is_some());
    let later = jiff::Timestamp::now() + Duration::from_secs(3600);
    if ends().is_some_and(|ends| ends > later) {
        let reap = suite.reap("");
        assert!(
            reap.stdout.contains("grace of pods shortened: long"),
            "{reap}"
        );
    }
    assert!(
        ends().is_none_or(|ends| ends < later),
        "its grace is short now"
    );
    let free = suite.admin(&format!("patch pod long -n {ana} --type merge"));
    let patch = json!({"metadata": {"finalizers": null}});
    let _ = free.args([format!("--patch={patch}")]).run();
}

fn adopted(suite: &Suite) {
    let _claims = suite.claims_alone();
    let ana = ana(suite);
    let patch = suite.admin("patch configmap claims -n groundcrew-system --type merge");
    let patch = patch.args([format!("--patch={}", json!({"data": {&ana: null}}))]);
    patch.run().success();
    assert_eq!(suite.holder(&ana), None);
    assert_eq!(action(suite.reap("").success(), &ana), "kept");
    assert_eq!(suite.holder(&ana), Some(ana.clone()), "it counts again");
}

fn transferred(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    let (bo, carol) = (suite.name("bo"), suite.name("carol"));
    let mut keep = binding(&ana, "groundcrew:claim-owner", &user(&ana));
    keep["metadata"]["name"] = json!("keep");
    create(suite, &ana, &keep).success();
    let can = |who: &str| {
        suite
            .claimer(who, &format!("auth can-i get secrets -n {ana}"))
            .run()
            .code
            == Some(0)
    };
    eventually("the right spreads", || can(&ana));
    let run = suite
        .admin(&format!("ns-claim transfer {ana} --to {bo}"))
        .run();
    run.success().says(&format!("rolebinding/{ana}/keep "));
    assert!(run.stderr.contains(" deleted"), "{run}");
    eventually("nothing is left", || !can(&ana) && can(&bo));

    // What others have is named, and so is what an account has.
    let mut share = binding(&ana, "edit", &user(&ana));
    share["metadata"]["name"] = json!("share");
    let robot = json!({"kind": "ServiceAccount", "name": "robot", "namespace": ana});
    let mut account = binding(&ana, "edit", &robot);
    account["metadata"]["name"] = json!("robot");
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "token", "namespace": ana,
                     "annotations": {"kubernetes.io/service-account.name": "robot"}}});
    let sa = json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "robot", "namespace": ana}});
    apply(suite, &[sa, share, account, secret]);
    let run = suite
        .admin(&format!("ns-claim transfer {ana} --to {carol} -o json"))
        .run();
    let left = run.code(3).json()["leftovers"].to_string();
    for named in ["share", "robot", "secret"] {
        assert!(left.contains(named), "{named}: {left}");
    }
}

fn inherited(suite: &Suite) {
    let _claims = suite.claims_alone();
    let (old, older) = (suite.name("old-ci"), suite.name("older-ci"));
    let ana = suite.name("ana");
    let subject = |namespace: &str| json!({"kind": "ServiceAccount", "name": "deployer", "namespace": namespace});
    let rbac = "rbac.authorization.k8s.io";
    let cluster = json!({"apiVersion": format!("{rbac}/v1"), "kind": "ClusterRoleBinding",
        "metadata": {"name": old}, "subjects": [subject(&old)],
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "view"}});
    let mut inside = binding("default", "view", &subject(&older));
    inside["metadata"]["name"] = json!(older);
    apply(suite, &[cluster, inside]);
    let mut run = suite
        .claimer(&ana, &format!("ns-claim {old} --ttl 1h --dry-run"))
        .run();
    eventually("the guard knows the binding", || {
        run = suite
            .claimer(&ana, &format!("ns-claim {old} --ttl 1h --dry-run=server"))
            .run();
        run.code == Some(1) || {
            // In a dry run the entry is what the guard misses first.
            run = suite
                .claimer(&ana, &format!("ns-claim {old} --ttl 1h"))
                .run();
            run.code == Some(1)
        }
    });
    run.says("would have the rights of clusterrolebinding/");
    assert!(suite.get(&format!("namespace {old}")).is_none());
    let doctor = suite.admin("ns-claim doctor").run();
    doctor.code(3).answers(&format!("clusterrolebinding/{old}"));
    doctor.answers(&format!("rolebinding/default/{older}"));
    let delete = format!("delete clusterrolebinding/{old}");
    suite.admin(&delete).run().success();
    let delete = format!("delete rolebinding/{older} -n default");
    suite.admin(&delete).run().success();
}

fn prefixed(suite: &Suite) {
    let _claims = suite.claims_alone();
    suite
        .admin("ns-claim install --name-prefix tmp-")
        .run()
        .success();
    let ana = suite.name("ana");
    let name = format!("tmp-{ana}");
    let by_hand = || {
        patch_index(suite, &ana, &json!({"data": {&ana: ana}}));
        create(suite, &ana, &namespace(&ana, &ana, &moment(7200)))
    };
    eventually("the policy is in force", || {
        by_hand().stderr.contains("begins with")
    });
    let run = suite
        .claimer(&ana, &format!("ns-claim {ana} --ttl 1h"))
        .run();
    run.code(2).says(&format!("kubectl ns-claim {name}"));
    let claim = suite.claim(&ana, "--ttl 1h");
    let chosen = claim["name"].as_str().expect("a name").to_owned();
    suite
        .admin("ns-claim install --name-prefix=")
        .run()
        .success();
    assert!(chosen.starts_with("tmp-"), "{chosen}");
    let release = suite.claimer(&ana, &format!("ns-claim release {chosen}"));
    release.run().success();
}

/// Every kind of object that a claim or an installation writes is labelled and annotated on its way.
fn labelled(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = suite.name("cost");
    let api = "admissionregistration.k8s.io/v1";
    let patch = "Object{metadata: Object.metadata{labels: {'cost-centre': '4711'}, \
                 annotations: {'platform.example.com/by': 'x'}}}";
    let rules = [
        ("", "namespaces"),
        ("", "configmaps"),
        ("rbac.authorization.k8s.io", "rolebindings"),
    ]
    .map(|(group, resource)| {
        json!({"apiGroups": [group], "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"], "resources": [resource]})
    });
    let mutating = json!({"apiVersion": api, "kind": "MutatingAdmissionPolicy", "metadata": {"name": name},
        "spec": {"matchConstraints": {"resourceRules": rules}, "reinvocationPolicy": "Never",
                 "failurePolicy": "Fail",
                 "mutations": [{"patchType": "ApplyConfiguration",
                                "applyConfiguration": {"expression": patch}}]}});
    let bound = json!({"apiVersion": api, "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": name}, "spec": {"policyName": name}});
    let before = ana(suite);
    apply(suite, &[mutating, bound]);
    let probe = suite.name("probe");
    eventually("the platform labels", || {
        let run = suite
            .admin(&format!(
                "create namespace {probe} --dry-run=server -o json"
            ))
            .run();
        run.stdout.contains("cost-centre")
    });
    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        // What lives goes on, what is new is made, the installation is not refused.
        let words = format!("ns-claim extend {before} --by 1h");
        suite.claimer(&before, &words).run().success();
        let ana = suite.name("ana");
        let _ = suite.claim(&ana, &format!("{ana} --ttl 2h"));
        suite
            .claimer(&ana, &format!("ns-claim extend {ana} 1h"))
            .run()
            .success();
        let install = suite.admin("ns-claim install").run();
        install.success().says("cost-centre");
        let doctor = suite.admin("ns-claim doctor").run();
        doctor.success().answers("cost-centre");
    }));
    drop_policy(suite, MUTATING, &name);
    if let Err(why) = told {
        std::panic::resume_unwind(why);
    }
}

fn brake(suite: &Suite) {
    let _claims = suite.claims_alone();
    let kept: Vec<String> = (0..3).map(|_| due(suite, "kept")).collect();
    for name in &kept {
        let label = format!("label namespace {name} example.com/keep=true");
        suite.admin(&label).run().success();
        suite.annotate(name, "expires-at", &moment(-600));
    }
    let others: Vec<String> = (0..2).map(|_| due(suite, "due")).collect();
    let name = suite.name("keep");
    let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["DELETE"],
        "resources": ["namespaces"]});
    let keep = "!('example.com/keep' in oldObject.metadata.?labels.orValue({}))";
    apply(suite, &policy(&name, &rule, keep));
    eventually("the policy is in force", || {
        let run = suite.admin(&format!("delete namespace {} --dry-run=server", kept[0]));
        run.run().code != Some(0)
    });
    let reap = suite.reap("--grace 0s --max-deletes 3");
    drop_policy(suite, VALIDATING, &name);
    for name in &others {
        assert_eq!(action(&reap, name), "deleted");
    }
    for name in &kept {
        assert_eq!(action(&reap, name), "failed");
    }
    reap.code(3).answers("not here");
    for name in others {
        gone(suite, &name);
    }
}

fn workloads(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    let create = format!("create deployment web --image=sandbox.local/sim:1 -n {ana}");
    suite.claimer(&ana, &create).run().success();
    let release = |words: &str| {
        suite
            .claimer(&ana, &format!("ns-claim release {ana} {words}"))
            .run()
    };
    release("").code(2).says("deployment/web").says("--yes");
    assert!(!is_going(suite, &ana));
    release("--yes").success();
}

fn bare(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let run = suite.claimer(&ana, "ns-claim").run();
    run.code(2)
        .no_answer()
        .says("nothing was claimed")
        .says("--yes");
    let list = suite.claimer(&ana, "ns-claim ls --mine -o json").run();
    assert_eq!(list.success().json()["claims"], json!([]));
    let create = suite.claimer(&ana, &format!("ns-claim create {ana} --ttl 1h"));
    create.run().success();
    suite
        .claimer(&ana, &format!("ns-claim rm {ana}"))
        .run()
        .success();
}
