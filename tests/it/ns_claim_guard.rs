//! What plain users must not do, refused by the server itself: no plugin in between.

use harness::{Case, Need, Output, Suite, moment};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster, Need::Controllers];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case("the_honest_path_by_hand_is_allowed", honest),
        case("a_claimer_makes_no_other_namespaces", other_namespaces),
        case("a_claimer_cannot_claim_for_somebody_else", for_others),
        case("a_claimer_cannot_claim_beyond_the_cap", beyond_cap),
        case(
            "a_claimer_cannot_write_an_end_beyond_the_cap",
            end_beyond_cap,
        ),
        case("a_claimer_cannot_write_an_end_that_is_none", garbled_end),
        case("a_claimer_cannot_lower_pod_security", pod_security),
        case("a_claimer_cannot_claim_with_privileged_pods", privileged),
        case("a_claimer_cannot_protect_his_claim", protect),
        case("a_claimer_cannot_remove_the_warning", unwarn),
        case("a_claimer_cannot_hold_a_claim_by_finalizers", finalizers),
        case("a_claimer_cannot_take_over_a_claim", take_over),
        case("a_claimer_cannot_delete_anothers_claim", delete_others),
        case("a_claimer_cannot_bind_roles_elsewhere", bind_elsewhere),
        case(
            "a_claimer_cannot_bind_other_roles_in_his_claim",
            bind_other_roles,
        ),
        case("a_claimer_cannot_share_with_everybody", bind_everybody),
        case("a_claimer_cannot_set_quotas_elsewhere", quota_elsewhere),
        case(
            "a_claimer_cannot_cut_off_others_networks",
            network_elsewhere,
        ),
        case("a_claimer_cannot_write_anothers_entry", others_entry),
        case("a_claimer_cannot_write_the_settings", settings),
        case(
            "a_claimer_cannot_free_the_place_of_a_living_claim",
            living_place,
        ),
        case("a_claimer_cannot_claim_without_a_place", without_place),
        case("of_twenty_parallel_claims_three_are_made", twenty),
        case("a_reserved_name_is_not_claimed", reserved),
        case("admins_and_namespace_admins_keep_working", others_work),
        case("a_second_install_changes_nothing", install_again),
        case("a_missing_or_altered_guard_is_seen_and_put_back", damaged),
        case("the_manifests_are_what_the_server_takes", manifests),
        case(
            "after_uninstalling_nobody_claims_and_the_records_stay",
            uninstall,
        ),
    ]
}

/// Applies a document as a claimer with kubectl alone.
fn create(suite: &Suite, user: &str, object: &Value) -> Output {
    suite
        .claimer(user, "create -f -")
        .stdin(&object.to_string())
        .run()
}

fn patch_index(suite: &Suite, user: &str, patch: &Value) -> Output {
    let run = suite.claimer(
        user,
        "patch configmap claims -n groundcrew-system --type merge",
    );
    run.args([format!("--patch={patch}")]).run()
}

fn namespace(name: &str, owner: &str, end: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": name,
        "labels": {
            "groundcrew.dev/claim": "true",
            "pod-security.kubernetes.io/enforce": "baseline",
        },
        "annotations": {"groundcrew.dev/owner": owner, "groundcrew.dev/expires-at": end},
    }})
}

fn binding(namespace: &str, role: &str, subject: &Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "attack", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [subject],
    })
}

fn user(name: &str) -> Value {
    json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name})
}

#[track_caller]
fn refused(output: &Output, words: &str) {
    output.code(1).says("ValidatingAdmissionPolicy").says(words);
}

/// A claimer with one claim.
fn ana(suite: &Suite) -> String {
    let ana = suite.name("ana");
    let _ = suite.claim(&ana, &format!("{ana} --ttl 2h"));
    ana
}

fn annotate(suite: &Suite, user: &str, namespace: &str, note: &str) -> Output {
    let run = suite.claimer(user, "annotate namespace --overwrite");
    run.args([namespace, &format!("groundcrew.dev/{note}")])
        .run()
}

/// Without it, every refusal below could be one of everything.
fn honest(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    patch_index(suite, &ana, &json!({"data": {&ana: ana}})).success();
    let object = namespace(&ana, &ana, &moment(7200));
    harness::eventually(
        "the guard knows the entry",
        std::time::Duration::from_secs(5),
        || create(suite, &ana, &object).code == Some(0),
    );
    create(
        suite,
        &ana,
        &binding(&ana, "groundcrew:claim-owner", &user(&ana)),
    )
    .success();
    let bo = suite.name("bo");
    let mut share = binding(&ana, "edit", &user(&bo));
    share["metadata"]["name"] = json!("share");
    create(suite, &ana, &share).success();
    annotate(suite, &ana, &ana, "purpose=other").success();
    annotate(suite, &ana, &ana, &format!("expires-at={}", moment(10_000))).success();
    suite
        .claimer(&ana, &format!("delete namespace {ana} --wait=false"))
        .run()
        .success();
    harness::eventually(
        "the place is free",
        std::time::Duration::from_secs(5),
        || patch_index(suite, &ana, &json!({"data": {&ana: null}})).code == Some(0),
    );
}

fn other_namespaces(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let run = suite
        .claimer(&ana, &format!("create namespace {ana}"))
        .run();
    refused(&run, "only by claiming it; kubectl ns-claim");
}

fn for_others(suite: &Suite) {
    let _claims = suite.claims();
    let (ana, bo) = (suite.name("ana"), suite.name("bo"));
    patch_index(suite, &ana, &json!({"data": {&ana: ana}})).success();
    refused(
        &create(suite, &ana, &namespace(&ana, &bo, &moment(7200))),
        "only for yourself",
    );
    let run = suite
        .claimer(&ana, &format!("ns-claim {ana} --owner {bo}"))
        .run();
    run.code(1).says("impersonate");
}

fn beyond_cap(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    patch_index(suite, &ana, &json!({"data": {&ana: ana}})).success();
    let late = namespace(&ana, &ana, &moment(7 * 86_400 + 600));
    refused(&create(suite, &ana, &late), "at most 7d in all");
}

fn end_beyond_cap(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    let run = annotate(suite, &ana, &ana, "expires-at=2099-01-01T00:00:00Z");
    refused(&run, "at most 7d in all");
}

fn garbled_end(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    for end in ["expires-at=soon", "expires-at=", "expires-at-"] {
        refused(&annotate(suite, &ana, &ana, end), "");
    }
    let other = suite.name("ana");
    patch_index(suite, &other, &json!({"data": {&other: other}})).success();
    refused(
        &create(suite, &other, &namespace(&other, &other, "soon")),
        "RFC 3339",
    );
}

fn pod_security(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    for label in [
        "pod-security.kubernetes.io/enforce=privileged",
        "pod-security.kubernetes.io/enforce-",
        "groundcrew.dev/claim-",
        "x=y",
    ] {
        let run = suite
            .claimer(&ana, "label namespace --overwrite")
            .args([&ana, label])
            .run();
        refused(&run, "the labels of a claim are fixed");
    }
}

fn privileged(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    patch_index(suite, &ana, &json!({"data": {&ana: ana}})).success();
    let mut object = namespace(&ana, &ana, &moment(7200));
    object["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = json!("privileged");
    refused(
        &create(suite, &ana, &object),
        "pod security baseline or restricted",
    );
}

fn protect(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    refused(
        &annotate(suite, &ana, &ana, "protected-by=me"),
        "only the end, the purpose and the team",
    );
    let other = suite.name("ana");
    patch_index(suite, &other, &json!({"data": {&other: other}})).success();
    let mut object = namespace(&other, &other, &moment(7200));
    object["metadata"]["annotations"]["groundcrew.dev/protected-by"] = json!("me");
    refused(&create(suite, &other, &object), "no other annotations");
}

fn unwarn(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let _ = suite.claim(&ana, &format!("{ana} --ttl 30m"));
    assert!(suite.annotation(&ana, "warned-at").is_some());
    for note in [
        "warned-at-".to_owned(),
        format!("warned-at={}", moment(99_999)),
    ] {
        refused(
            &annotate(suite, &ana, &ana, &note),
            "only the end, the purpose and the team",
        );
    }
}

fn finalizers(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    let run = suite.claimer(&ana, "patch namespace --type merge");
    let patch = json!({"metadata": {"finalizers": ["example.com/stay"]}});
    refused(
        &run.args([format!("--patch={patch}"), ana.clone()]).run(),
        "finalizers",
    );
}

fn take_over(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    let bo = suite.name("bo");
    // Even somebody whom an admin lets write the namespace cannot make it his.
    let share = binding(&ana, "groundcrew:claim-owner", &user(&bo));
    suite
        .admin("create -f -")
        .stdin(&share.to_string())
        .run()
        .success();
    let take = || annotate(suite, &bo, &ana, &format!("owner={bo}"));
    harness::eventually(
        "his right spreads",
        std::time::Duration::from_secs(5),
        || take().stderr.contains("ValidatingAdmissionPolicy"),
    );
    refused(&take(), "this claim is not yours");
    refused(
        &annotate(suite, &ana, &ana, &format!("owner={bo}")),
        "only the end",
    );
    assert_eq!(suite.annotation(&ana, "owner"), Some(ana.clone()));
}

fn delete_others(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    let bo = suite.name("bo");
    let delete = || {
        suite
            .claimer(&bo, &format!("delete namespace {ana} --wait=false"))
            .run()
    };
    delete().code(1).says("cannot delete");
    let share = binding(&ana, "groundcrew:claim-owner", &user(&bo));
    suite
        .admin("create -f -")
        .stdin(&share.to_string())
        .run()
        .success();
    harness::eventually(
        "his right spreads",
        std::time::Duration::from_secs(5),
        || delete().stderr.contains("ValidatingAdmissionPolicy"),
    );
    refused(&delete(), "this claim is not yours");
}

fn bind_elsewhere(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    let bo = suite.name("bo");
    let _ = suite.claim(&bo, &format!("{bo} --ttl 2h"));
    for place in ["kube-system", "default", "groundcrew-system", &bo] {
        for role in ["edit", "groundcrew:claim-owner"] {
            refused(&create(suite, &ana, &binding(place, role, &user(&ana))), "");
        }
    }
}

fn bind_other_roles(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    for role in [
        "admin",
        "cluster-admin",
        "groundcrew:claim-manager",
        "system:node",
    ] {
        create(suite, &ana, &binding(&ana, role, &user(&ana)))
            .code(1)
            .says("forbidden");
    }
    let bo = suite.name("bo");
    let share = binding(&ana, "groundcrew:claim-owner", &user(&bo));
    refused(&create(suite, &ana, &share), "bound only to yourself");
}

fn bind_everybody(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    let group = |name: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": name});
    for subject in [
        group("system:authenticated"),
        group("system:unauthenticated"),
        user("system:anonymous"),
        json!({"kind": "ServiceAccount", "name": "default", "namespace": "kube-system"}),
    ] {
        refused(
            &create(suite, &ana, &binding(&ana, "edit", &subject)),
            "users and groups of people",
        );
    }
}

fn quota_elsewhere(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    for place in ["kube-system", "default"] {
        let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota",
            "metadata": {"name": "attack", "namespace": place}, "spec": {"hard": {"pods": "0"}}});
        refused(&create(suite, &ana, &quota), "only in a claim of your own");
        let limits = json!({"apiVersion": "v1", "kind": "LimitRange",
            "metadata": {"name": "attack", "namespace": place},
            "spec": {"limits": [{"type": "Container", "max": {"cpu": "1m"}}]}});
        refused(&create(suite, &ana, &limits), "only in a claim of your own");
    }
    suite
        .claimer(&ana, &format!("delete resourcequota claim -n {ana}"))
        .run()
        .code(1);
}

fn network_elsewhere(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": "attack", "namespace": "default"}, "spec": {"podSelector": {}}});
    refused(&create(suite, &ana, &policy), "only in a claim of your own");
}

fn others_entry(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    let (bo, free) = (suite.name("bo"), suite.name("free"));
    for data in [json!({&ana: bo}), json!({&ana: null}), json!({&free: ana})] {
        refused(
            &patch_index(suite, &bo, &json!({"data": data})),
            "somebody else holds this claim",
        );
    }
    assert_eq!(suite.holder(&ana), Some(ana.clone()));
}

fn settings(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    for metadata in [
        json!({"annotations": {"groundcrew.dev/settings": "{}"}}),
        json!({"annotations": null}),
        json!({"labels": {"x": "y"}}),
        json!({"finalizers": ["example.com/stay"]}),
    ] {
        let run = patch_index(suite, &ana, &json!({"metadata": metadata}));
        refused(&run, "only your own entries");
    }
    suite
        .claimer(&ana, "delete configmap claims -n groundcrew-system")
        .run()
        .code(1);
}

fn living_place(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    let run = patch_index(suite, &ana, &json!({"data": {&ana: null}}));
    refused(
        &run,
        "is free when its namespace is gone; kubectl ns-claim release",
    );
    assert_eq!(suite.holder(&ana), Some(ana.clone()));
}

fn without_place(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let run = create(suite, &ana, &namespace(&ana, &ana, &moment(7200)));
    refused(&run, "the index does not name you");
}

fn twenty(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let names: Vec<String> = (0..20).map(|_| suite.name("many")).collect();
    let runs: Vec<_> = names
        .iter()
        .map(|name| suite.claimer(&ana, &format!("ns-claim {name} --ttl 1h")))
        .collect();
    let outputs: Vec<Output> = std::thread::scope(|scope| {
        let all: Vec<_> = runs
            .into_iter()
            .map(|run| scope.spawn(|| run.run()))
            .collect();
        all.into_iter()
            .map(|run| run.join().expect("a claimer"))
            .collect()
    });
    let made = names
        .iter()
        .filter(|name| suite.annotation(name, "owner").is_some());
    assert_eq!(made.count(), 3);
    let held = names.iter().filter(|name| suite.holder(name).is_some());
    assert_eq!(held.count(), 3);
    for lost in outputs.iter().filter(|output| output.code != Some(0)) {
        lost.code(1)
            .says("you hold 3 of 3 claims")
            .says("ns-claim release");
    }
}

fn reserved(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let name = format!("kube-{ana}");
    patch_index(suite, &ana, &json!({"data": {&name: ana}})).success();
    refused(
        &create(suite, &ana, &namespace(&name, &ana, &moment(7200))),
        "belongs to the cluster",
    );
    suite
        .claimer(&ana, &format!("ns-claim {name}"))
        .run()
        .code(2);
    patch_index(suite, &ana, &json!({"data": {&name: null}})).success();
}

/// The guard watches claimers, and nobody else.
fn others_work(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    let team = suite.name("team");
    suite
        .admin(&format!("create namespace {team}"))
        .run()
        .success();
    suite
        .admin(&format!("label namespace {ana} --overwrite x=y"))
        .run()
        .success();
    suite
        .admin("create -f -")
        .stdin(&binding(&team, "admin", &user(&ana)).to_string())
        .run()
        .success();
    // She is a claimer and the admin of a namespace that is no claim: there she binds as before.
    let mut share = binding(&team, "view", &user("bo"));
    share["metadata"]["name"] = json!("share");
    harness::eventually(
        "her right spreads",
        std::time::Duration::from_secs(5),
        || create(suite, &ana, &share).code == Some(0),
    );
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": "own", "namespace": team}, "spec": {"podSelector": {}}});
    create(suite, &ana, &policy).success();
    let bo = suite.name("bo");
    suite
        .admin(&format!(
            "create serviceaccount robot -n {team} --as={bo} --as-group=system:masters"
        ))
        .run()
        .success();
}

fn install_again(suite: &Suite) {
    let _claims = suite.claims_alone();
    let again = suite.admin("ns-claim install -o json").run();
    let objects = again.success().json()["objects"].clone();
    let objects = objects.as_array().expect("objects");
    assert!(objects.len() > 20);
    for object in objects {
        assert_eq!(object["state"], "unchanged", "{object}");
    }
    suite
        .admin("ns-claim install --guard none")
        .run()
        .code(2)
        .says("uninstall");
}

fn damaged(suite: &Suite) {
    let _claims = suite.claims_alone();
    let doctor = || suite.admin("ns-claim doctor").run();
    doctor().success();
    let policy = "validatingadmissionpolicy/groundcrew-claims-namespaces";
    for damage in [
        "delete validatingadmissionpolicybinding groundcrew-claims-index",
        "delete validatingadmissionpolicy groundcrew-claims-release",
        "delete clusterrolebinding groundcrew:claimers",
    ] {
        suite.admin(damage).run().success();
        let name = damage.split(' ').next_back().expect("a name");
        doctor().code(3).answers(name).answers("missing");
        suite.admin("ns-claim install").run().success();
        doctor().success();
    }
    let weaken = json!({"spec": {"failurePolicy": "Ignore"}}).to_string();
    let exclude = json!({"spec": {"matchConstraints": {"excludeResourceRules": [{
        "apiGroups": [""], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["namespaces"],
    }]}}})
    .to_string();
    for patch in [weaken, exclude] {
        let run = suite.admin(&format!("patch {policy} --type merge"));
        run.args([format!("--patch={patch}")]).run().success();
        doctor()
            .code(3)
            .answers(policy)
            .answers("altered")
            .says("the guard is not what was installed");
        suite.admin("ns-claim install").run().success();
        doctor().success();
    }
}

fn manifests(suite: &Suite) {
    let _claims = suite.claims_alone();
    let yaml = suite
        .admin("ns-claim install --image example.com/x:1 -o yaml")
        .run();
    let yaml = yaml.success().stdout.clone();
    for kind in [
        "kind: CronJob",
        "kind: ValidatingAdmissionPolicyBinding",
        "kind: ClusterRole",
    ] {
        assert!(yaml.contains(kind), "{kind}");
    }
    let apply = suite.admin("apply --dry-run=server -f -").stdin(&yaml);
    apply.run().success();
}

fn uninstall(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = ana(suite);
    suite
        .admin("ns-claim uninstall")
        .run()
        .code(2)
        .says("claims live");
    suite.admin("ns-claim uninstall --yes").run().success();
    suite
        .claimer(&name, "ns-claim more")
        .run()
        .code(1)
        .says("you may not see or hold claims");
    assert_eq!(suite.holder(&name), Some(name.clone()));
    suite
        .admin("ns-claim doctor")
        .run()
        .code(3)
        .says("nothing is installed");
    let back = "ns-claim install --max-claims 3 --max-total 7d --default-ttl 8h";
    suite.admin(back).run().success();
    let extend = || {
        suite
            .claimer(&name, &format!("ns-claim extend {name} --by 1h"))
            .run()
    };
    harness::eventually(
        "her right is back",
        std::time::Duration::from_secs(20),
        || extend().code == Some(0),
    );
}
