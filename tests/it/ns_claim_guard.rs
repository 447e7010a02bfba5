//! What plain users must not do with namespaces, refused by the server itself: no plugin in between.

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
        case("a_claimer_cannot_protect_their_claim", protect),
        case("a_claimer_cannot_remove_the_warning", unwarn),
        case("a_claimer_cannot_hold_a_claim_by_finalizers", finalizers),
        case("a_claimer_cannot_take_over_a_claim", take_over),
        case("a_claimer_cannot_delete_anothers_claim", delete_others),
        case("a_reserved_name_is_not_claimed", reserved),
        case("admins_and_namespace_admins_keep_working", others_work),
    ]
}

/// Applies a document as a claimer with kubectl alone.
pub(crate) fn create(suite: &Suite, user: &str, object: &Value) -> Output {
    suite
        .claimer(user, "create -f -")
        .stdin(&object.to_string())
        .run()
}

pub(crate) fn patch_index(suite: &Suite, user: &str, patch: &Value) -> Output {
    let run = suite.claimer(
        user,
        "patch configmap claims -n groundcrew-system --type merge",
    );
    run.args([format!("--patch={patch}")]).run()
}

pub(crate) fn namespace(name: &str, owner: &str, end: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": name,
        "labels": {
            "groundcrew.dev/claim": "true",
            "pod-security.kubernetes.io/enforce": "baseline",
        },
        "annotations": {"groundcrew.dev/owner": owner, "groundcrew.dev/expires-at": end},
    }})
}

pub(crate) fn binding(namespace: &str, role: &str, subject: &Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "attack", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [subject],
    })
}

pub(crate) fn user(name: &str) -> Value {
    json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name})
}

#[track_caller]
pub(crate) fn refused(output: &Output, words: &str) {
    output.code(1).says("ValidatingAdmissionPolicy").says(words);
}

/// A claimer with one claim.
pub(crate) fn ana(suite: &Suite) -> String {
    let ana = suite.name("ana");
    let _ = suite.claim(&ana, &format!("{ana} --ttl 2h"));
    ana
}

pub(crate) fn annotate(suite: &Suite, user: &str, namespace: &str, note: &str) -> Output {
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
    harness::eventually("the guard knows the entry", || {
        create(suite, &ana, &object).code == Some(0)
    });
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
    harness::eventually("it is gone", || {
        suite.get(&format!("namespace {ana}")).is_none()
    });
    // Two of their requests at once could each see what was before the other.
    refused(
        &patch_index(suite, &ana, &json!({"data": {&ana: null}})),
        "the reaper frees the place",
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
    refused(&create(suite, &ana, &late), "at most 7d");
}

fn end_beyond_cap(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    let run = annotate(suite, &ana, &ana, "expires-at=2099-01-01T00:00:00Z");
    refused(&run, "at most 7d");
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
        "groundcrew.dev/other=y",
        "istio-injection=disabled",
        "policy.kyverno.io/ignore=true",
        "scheduler.alpha.kubernetes.io/x=y",
    ] {
        let run = suite
            .claimer(&ana, "label namespace --overwrite")
            .args([&ana, label])
            .run();
        refused(&run, "the labels of a claim cannot be changed");
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
        "only the expiry, the purpose and the team",
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
            "only the expiry, the purpose and the team",
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
    // Even a user who can write the namespace through an admin cannot take it over.
    let share = binding(&ana, "groundcrew:claim-owner", &user(&bo));
    suite
        .admin("create -f -")
        .stdin(&share.to_string())
        .run()
        .success();
    let take = || annotate(suite, &bo, &ana, &format!("owner={bo}"));
    harness::eventually("the right spreads", || {
        take().stderr.contains("ValidatingAdmissionPolicy")
    });
    refused(&take(), "this claim is not yours");
    refused(
        &annotate(suite, &ana, &ana, &format!("owner={bo}")),
        "only the expiry",
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
    harness::eventually("the right spreads", || {
        delete().stderr.contains("ValidatingAdmissionPolicy")
    });
    refused(&delete(), "this claim is not yours");
}

fn reserved(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let name = format!("kube-{ana}");
    patch_index(suite, &ana, &json!({"data": {&name: ana}})).success();
    refused(
        &create(suite, &ana, &namespace(&name, &ana, &moment(7200))),
        "the name of a system namespace",
    );
    suite
        .claimer(&ana, &format!("ns-claim {name}"))
        .run()
        .code(2);
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
    // A claimer who is the admin of a namespace that is not a claim binds there as before.
    let mut share = binding(&team, "view", &user("bo"));
    share["metadata"]["name"] = json!("share");
    harness::eventually("the right spreads", || {
        create(suite, &ana, &share).code == Some(0)
    });
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
