use serde_json::{Value, json};

use crate::model::traffic::route::{Edit, give, observed, served, services, take_back};

const EXTRA: &str = "web-rc-canary";

fn route(rules: Value) -> Value {
    json!({"metadata": {"namespace": "shop", "name": "web", "generation": 3},
        "spec": {"hostnames": ["a.example"], "rules": rules}})
}

fn backend(name: &str, weight: Option<u64>) -> Value {
    let mut backend = json!({"name": name, "port": 80});
    if let Some(weight) = weight {
        backend["weight"] = json!(weight);
    }
    backend
}

/// What the server does with a backend: it writes out the defaults.
fn defaulted(mut backend: Value) -> Value {
    backend["group"] = json!("");
    backend["kind"] = json!("Service");
    if backend["weight"].is_null() {
        backend["weight"] = json!(1);
    }
    backend
}

/// Carries out the operations, as the server does.
fn apply(route: &Value, edit: &Edit) -> Value {
    let mut route = route.clone();
    for operation in &edit.operations {
        let place = route
            .pointer_mut(operation["path"].as_str().unwrap())
            .unwrap();
        if operation["op"] == "test" {
            assert_eq!(*place, operation["value"]);
        } else {
            *place = operation["value"].clone();
        }
    }
    route
}

fn given(route: &Value, share: f64) -> Edit {
    give(route, "web", EXTRA, share, &[]).unwrap()
}

#[test]
fn a_share_is_added_beside_the_users_backend_and_taken_back_without_a_trace() {
    let before = route(json!([{"backendRefs": [defaulted(backend("web", None))]}]));
    let edit = given(&before, 0.1);
    let during = apply(&before, &edit);
    let backends = &during["spec"]["rules"][0]["backendRefs"];
    assert_eq!(backends[0]["weight"], 9);
    assert_eq!(backends[1], defaulted(backend(EXTRA, Some(1))));
    assert_eq!(
        apply(&during, &take_back(&during, EXTRA, &edit.rules)),
        before
    );
}

#[test]
fn giving_twice_changes_nothing_and_giving_another_share_starts_from_the_users_weights() {
    let before =
        route(json!([{"backendRefs": [backend("web", Some(3)), backend("old", Some(1))]}]));
    let first = given(&before, 0.1);
    let during = apply(&before, &first);
    let again = give(&during, "web", EXTRA, 0.1, &first.rules).unwrap();
    assert_eq!(
        (&again.operations[..], &again.rules),
        (&[][..], &first.rules)
    );
    let more = give(&during, "web", EXTRA, 0.5, &first.rules).unwrap();
    assert_eq!(more.rules[0].before, first.rules[0].before);
    let during = apply(&during, &more);
    assert_eq!(
        apply(&during, &take_back(&during, EXTRA, &more.rules)),
        before
    );
}

#[test]
fn only_rules_that_point_to_the_service_are_touched() {
    let before = route(json!([
        {"backendRefs": [backend("api", None)]},
        {"filters": [{"type": "RequestRedirect"}]},
        {"backendRefs": [{"name": "web", "port": 80, "namespace": "other"}]},
        {"backendRefs": [{"name": "web", "kind": "ServiceImport", "group": "multicluster.x-k8s.io"}]},
        {"name": "own", "backendRefs": [backend("web", None)]},
    ]));
    assert_eq!(services(&before), ["api", "web"]);
    let edit = given(&before, 0.2);
    let paths: Vec<&str> = edit
        .operations
        .iter()
        .map(|op| op["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["/spec/rules/4/backendRefs"; 2]);
}

#[test]
fn what_somebody_else_changes_meanwhile_stays() {
    let before = route(json!([{"backendRefs": [backend("web", None)]}]));
    let edit = given(&before, 0.1);
    let mut during = apply(&before, &edit);
    // A rule before ours, another host, and a filter.
    let rules = during["spec"]["rules"].as_array_mut().unwrap();
    rules[0]["timeouts"] = json!({"request": "5s"});
    rules.insert(0, json!({"backendRefs": [backend("api", None)]}));
    during["spec"]["hostnames"] = json!(["b.example"]);
    let back = take_back(&during, EXTRA, &edit.rules);
    assert_eq!(back.foreign, Vec::<String>::new());
    let after = apply(&during, &back);
    assert_eq!(after["spec"]["hostnames"], json!(["b.example"]));
    assert_eq!(
        after["spec"]["rules"][1],
        json!({"backendRefs": [backend("web", None)], "timeouts": {"request": "5s"}})
    );
}

#[test]
fn weights_that_somebody_else_set_are_left_and_named() {
    let before = route(json!([{"backendRefs": [backend("web", None)]}]));
    let edit = given(&before, 0.1);
    let mut during = apply(&before, &edit);
    during["spec"]["rules"][0]["backendRefs"][0]["weight"] = json!(7);
    let back = take_back(&during, EXTRA, &edit.rules);
    assert_eq!(back.foreign, ["the other backends of rule 0"]);
    let after = apply(&during, &back);
    assert_eq!(
        after["spec"]["rules"][0]["backendRefs"],
        json!([backend("web", Some(7))])
    );
}

#[test]
fn a_share_that_a_rule_cannot_express_is_refused() {
    // Every weight is the largest already: no hundredth of it can be written.
    let whole = backend("web", Some(1));
    let before = route(json!([{"backendRefs": [whole, backend("old", Some(1_000_000))]}]));
    let why = give(&before, "web", EXTRA, 0.1, &[]).unwrap_err();
    assert_eq!(why, "rule 0 cannot give away 10.00%");
}

#[test]
fn a_backend_without_requests_is_left_alone() {
    let off = json!({"backendRefs": [backend("web", Some(0)), backend("old", None)]});
    let on = json!({"backendRefs": [backend("web", Some(1))]});
    let before = route(json!([off, on]));
    let edit = given(&before, 0.1);
    let during = apply(&before, &edit);
    assert_eq!(during["spec"]["rules"][0], off);
    assert_eq!(during["spec"]["rules"][1]["backendRefs"][1]["name"], EXTRA);
    assert_eq!(served(&route(json!([off]))), ["old"]);
}

#[test]
fn the_canary_gets_the_same_requests_as_the_users_backend() {
    let filters = json!([{"type": "RequestHeaderModifier",
        "requestHeaderModifier": {"set": [{"name": "x-env", "value": "prod"}]}}]);
    let mut own = backend("web", Some(1));
    own["filters"] = filters.clone();
    let before = route(json!([{"backendRefs": [own]}]));
    let edit = given(&before, 0.1);
    let during = apply(&before, &edit);
    let added = &during["spec"]["rules"][0]["backendRefs"][1];
    assert_eq!(
        (&added["name"], &added["filters"]),
        (&json!(EXTRA), &filters)
    );
    assert_eq!(
        apply(&during, &take_back(&during, EXTRA, &edit.rules)),
        before
    );
}

#[test]
fn a_route_is_observed_when_every_parent_has_accepted_this_generation() {
    let condition = |kind: &str, status: &str, generation: i64| json!({"type": kind, "status": status, "observedGeneration": generation, "message": "why"});
    let parent = |resolved: Value| json!([{"parentRef": {"name": "gw"}, "conditions": [condition("Accepted", "True", 3), resolved]}]);
    let says = |parents: Value| {
        let mut route = route(json!([]));
        route["status"] = json!({"parents": parents});
        observed(&route)
    };
    assert_eq!(says(parent(condition("ResolvedRefs", "True", 3))), Ok(()));
    for (parents, expected) in [
        (
            parent(condition("ResolvedRefs", "True", 2)),
            "has not seen the last change",
        ),
        (
            parent(condition("ResolvedRefs", "False", 3)),
            "not ResolvedRefs: why",
        ),
        (
            parent(condition("Other", "True", 3)),
            "has not reported ResolvedRefs",
        ),
        (json!([]), "no controller has accepted it"),
    ] {
        let why = says(parents).unwrap_err();
        assert!(why.contains(expected), "{why}");
    }
}
