//! What plain users must not do inside of claims and in the index, refused by the server itself.

use harness::{Case, Need, Suite, at_once, moment};
use serde_json::json;

use crate::ns_claim_guard::{ana, binding, create, namespace, patch_index, refused, user};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster, Need::Controllers];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case("a_claimer_cannot_bind_roles_elsewhere", bind_elsewhere),
        case(
            "a_claimer_cannot_bind_other_roles_in_their_claim",
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
    ]
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
    refused(&create(suite, &ana, &share), "only to yourself");
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
        refused(&create(suite, &ana, &quota), "only in your own claims");
        let limits = json!({"apiVersion": "v1", "kind": "LimitRange",
            "metadata": {"name": "attack", "namespace": place},
            "spec": {"limits": [{"type": "Container", "max": {"cpu": "1m"}}]}});
        refused(&create(suite, &ana, &limits), "only in your own claims");
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
    refused(&create(suite, &ana, &policy), "only in your own claims");
}

fn others_entry(suite: &Suite) {
    let _claims = suite.claims();
    let ana = ana(suite);
    let (bo, free) = (suite.name("bo"), suite.name("free"));
    for data in [json!({&ana: bo}), json!({&ana: null}), json!({&free: ana})] {
        refused(
            &patch_index(suite, &bo, &json!({"data": data})),
            "someone else holds this claim",
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
        json!({"labels": {"app.kubernetes.io/managed-by": "me"}}),
        json!({"annotations": {"fill": "x".repeat(300)}}),
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
        "the reaper frees the place of a claim, when its namespace is gone; kubectl ns-claim release",
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
    let outputs = at_once(runs);
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
