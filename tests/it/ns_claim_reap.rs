//! `kubectl ns-claim reap`: what goes, and what must never go.

use std::time::Duration;

use harness::{Case, Fault, Match, Need, Rule, Suite, action, eventually, moment};
use serde_json::json;

use crate::ns_claim_records::{gone, stone};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster, Need::Controllers];
    let faults = &[Need::Plugins, Need::Controllers, Need::Sandbox];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case(
            "a_claim_is_warned_and_then_deleted_and_leaves_a_tombstone",
            life_and_death,
        ),
        case("a_claim_that_says_2099_dies_at_the_cap", cap),
        case("a_garbled_end_is_kept_and_reported", garbled),
        case("a_protected_claim_is_kept", protected),
        case("a_label_alone_is_kept_and_reported", label_alone),
        case("what_was_not_warned_is_kept", not_warned),
        case("of_more_than_allowed_at_once_the_oldest_go", too_many),
        case(
            "a_missing_right_is_named_and_nothing_is_done",
            missing_right,
        ),
        case("a_dry_run_writes_nothing", dry_run),
        case("an_extended_claim_is_kept", extended),
        case("what_outlives_a_claim_is_named", outlived),
        case("a_dropped_entry_is_put_back", put_back),
        Case::new("a_clock_that_is_off_stops_the_run", faults, clock),
    ]
}

/// A claim whose end is over.
fn expired(suite: &Suite, stem: &str) -> String {
    let name = suite.name(stem);
    let _ = suite.claim(&name, &format!("{name} --ttl 2h --purpose reap"));
    suite.annotate(&name, "expires-at", &moment(-60));
    name
}

fn alive(suite: &Suite, name: &str) {
    let found = suite
        .get(&format!("namespace {name}"))
        .expect("it is there");
    assert!(found["metadata"]["deletionTimestamp"].is_null(), "{found}");
}

fn life_and_death(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = suite.name("ana");
    let _ = suite.claim(&name, &format!("{name} --ttl 2h --purpose reap"));
    assert_eq!(action(suite.reap("").success(), &name), "kept");
    suite.annotate(&name, "expires-at", &moment(-60));
    assert_eq!(action(suite.reap("").success(), &name), "warned");
    assert!(suite.annotation(&name, "warned-at").is_some());
    let events = suite.get(&format!("events -n {name}")).expect("events");
    assert!(events.to_string().contains("ClaimEnds"), "{events}");
    assert_eq!(action(suite.reap("").success(), &name), "waiting");
    alive(suite, &name);
    assert_eq!(action(suite.reap("--grace 0s").success(), &name), "deleted");
    gone(suite, &name);
    let stone = stone(suite, &name).expect("a tombstone");
    assert_eq!(
        (&stone["owner"], &stone["purpose"]),
        (&json!(name), &json!("reap"))
    );
    assert!(
        stone["endedBy"]
            .as_str()
            .expect("by whom")
            .starts_with("reaper")
    );
    assert!(stone["claimedAt"].is_string() && stone["endedAt"].is_string());
    assert_eq!(
        suite.holder(&name),
        Some(name.clone()),
        "until it is gone, it counts"
    );
    suite.reap("").success();
    assert_eq!(suite.holder(&name), None);
    assert_eq!(
        crate::ns_claim_records::stone(suite, &name).expect("a tombstone")["endedBy"],
        stone["endedBy"],
        "the next run does not bury it again"
    );
}

/// The cap counts from the creation, which nobody can forge: the installation's is made short.
fn cap(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = suite.name("ana");
    let _ = suite.claim(&name, &format!("{name} --ttl 2h"));
    suite.annotate(&name, "expires-at", "2099-01-01T00:00:00Z");
    assert_eq!(action(suite.reap("").success(), &name), "kept");
    let short = "ns-claim install --min-ttl 1s --default-ttl 1s --max-total 1s";
    suite.admin(short).run().success();
    std::thread::sleep(Duration::from_secs(2));
    let warned = suite.reap("");
    let deleted = suite.reap("--grace 0s");
    let back = "ns-claim install --min-ttl 10m --default-ttl 8h --max-total 7d";
    suite.admin(back).run().success();
    assert_eq!(action(&warned, &name), "warned");
    assert_eq!(action(&deleted, &name), "deleted");
    gone(suite, &name);
}

fn garbled(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = suite.name("ana");
    let _ = suite.claim(&name, &format!("{name} --ttl 30m"));
    for end in ["soon", "", "2001-01-01", "0"] {
        suite.annotate(&name, "expires-at", end);
        let run = suite.reap("--grace 0s");
        assert_eq!(action(run.code(3), &name), "attention", "{end:?}");
        alive(suite, &name);
    }
    let note = format!("annotate namespace {name} groundcrew.dev/expires-at-");
    suite.admin(&note).run().success();
    assert_eq!(action(suite.reap("--grace 0s").code(3), &name), "attention");
    suite
        .admin("ns-claim list")
        .run()
        .success()
        .answers("invalid");
    alive(suite, &name);
    suite
        .admin(&format!("ns-claim release {name} --yes"))
        .run()
        .success();
}

fn protected(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = expired(suite, "ana");
    suite.reap("").success();
    suite.annotate(&name, "protected-by", "carol");
    assert_eq!(action(suite.reap("--grace 0s").success(), &name), "kept");
    alive(suite, &name);
}

fn label_alone(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = suite.name("payments");
    suite
        .admin(&format!("create namespace {name}"))
        .run()
        .success();
    suite
        .admin(&format!("label namespace {name} groundcrew.dev/claim=true"))
        .run()
        .success();
    suite.annotate(&name, "owner", "carol");
    suite.annotate(&name, "expires-at", &moment(-3000));
    suite.annotate(&name, "warned-at", &moment(-2500));
    assert_eq!(action(suite.reap("--grace 0s").code(3), &name), "attention");
    alive(suite, &name);
    suite
        .admin(&format!("delete namespace {name}"))
        .run()
        .success();
}

fn not_warned(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = expired(suite, "ana");
    // A warning from before the end was moved, and one from the future, are none of this end.
    for at in [-90_000, 90_000] {
        suite.annotate(&name, "warned-at", &moment(at));
        let run = suite.reap("--grace 0s --dry-run");
        assert_eq!(action(run.success(), &name), "warned");
    }
    alive(suite, &name);
}

fn too_many(suite: &Suite) {
    let _claims = suite.claims_alone();
    let names: Vec<String> = (0..3).map(|_| expired(suite, "ana")).collect();
    for (name, ended) in names.iter().zip([-300, -200, -100]) {
        suite.annotate(name, "expires-at", &moment(ended));
    }
    suite.reap("").success();
    let run = suite.reap("--grace 0s --max-deletes 2");
    run.code(4)
        .says("more than --max-deletes 2; 1 left for the next run");
    let left: Vec<&String> = names
        .iter()
        .filter(|name| action(&run, name) == "due")
        .collect();
    assert_eq!(left, [&names[2]], "the oldest go first");
    alive(suite, &names[2]);
    assert!(stone(suite, &names[2]).is_none());
    suite.reap("--grace 0s --max-deletes 2").success();
    for name in &names {
        gone(suite, name);
    }
}

fn missing_right(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = expired(suite, "ana");
    let reaper = "system:serviceaccount:groundcrew-system:ns-claim-reaper";
    let as_reaper = |words: &str| suite.admin(&format!("{words} --as={reaper}")).run();
    // The account has every right that a run needs, and a run says which one it lost.
    as_reaper("ns-claim reap --dry-run").success();
    let binding = "clusterrolebinding groundcrew:claim-reaper";
    suite.admin(&format!("delete {binding}")).run().success();
    let mut run = as_reaper("ns-claim reap --yes");
    eventually("the right is gone", || {
        run = as_reaper("ns-claim reap --yes");
        run.code == Some(1)
    });
    run.no_answer()
        .says("delete")
        .says("namespaces")
        .says("nothing was changed");
    suite
        .admin("ns-claim doctor")
        .run()
        .code(3)
        .answers("groundcrew:claim-reaper");
    suite.admin("ns-claim install").run().success();
    assert_eq!(suite.annotation(&name, "warned-at"), None);
    alive(suite, &name);
    eventually("the right is back", || {
        as_reaper("ns-claim reap --yes").code == Some(0)
    });
    assert!(suite.annotation(&name, "warned-at").is_some());
}

fn dry_run(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = expired(suite, "ana");
    assert_eq!(action(suite.reap("--dry-run").success(), &name), "warned");
    assert_eq!(suite.annotation(&name, "warned-at"), None);
    suite.reap("").success();
    assert_eq!(
        action(suite.reap("--grace 0s --dry-run").success(), &name),
        "deleted"
    );
    alive(suite, &name);
}

fn extended(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = expired(suite, "ana");
    suite.reap("").success();
    let extend = suite.claimer(&name, &format!("ns-claim extend {name} --by 4h"));
    extend.run().success();
    assert_eq!(action(suite.reap("--grace 0s").success(), &name), "kept");
    alive(suite, &name);
}

fn outlived(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = expired(suite, "ana");
    suite
        .admin(&format!("delete resourcequota claim -n {name}"))
        .run()
        .success();
    let service = format!("create service loadbalancer front --tcp=80 -n {name}");
    suite.admin(&service).run().success();
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": "/nowhere"},
        "claimRef": {"namespace": name, "name": "data"},
    }});
    suite
        .admin("create -f -")
        .stdin(&volume.to_string())
        .run()
        .success();
    suite.reap("").success();
    let run = suite.reap("--grace 0s");
    assert_eq!(action(run.success(), &name), "deleted");
    run.answers("service/front (LoadBalancer)")
        .answers(&format!("persistentvolume/{name} (Retain)"));
    let stone = stone(suite, &name).expect("a tombstone");
    assert_eq!(stone["outlivedBy"].as_array().map(Vec::len), Some(2));
    suite
        .admin(&format!("delete persistentvolume {name} --wait=false"))
        .run()
        .success();
}

fn put_back(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = suite.name("ana");
    let _ = suite.claim(&name, &format!("{name} --ttl 2h"));
    suite.reap("").success();
    let drop = json!({"data": {&name: null}}).to_string();
    let patch = suite
        .admin("patch configmap claims -n groundcrew-system --type merge")
        .args([format!("--patch={drop}")]);
    patch.run().success();
    assert_eq!(suite.holder(&name), None);
    suite.reap("").success();
    assert_eq!(suite.holder(&name), Some(name.clone()));
}

fn clock(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = expired(suite, "ana");
    suite.reap("").success();
    let through = suite.proxied();
    for hours in [24, -24] {
        through.proxy.add(Rule::times(
            99,
            Match::default(),
            Fault::ShiftDate(jiff::SignedDuration::from_hours(hours)),
        ));
        let run = suite
            .admin("ns-claim reap --yes --grace 0s")
            .kubeconfig(&through.kubeconfig)
            .run();
        run.code(4)
            .no_answer()
            .says("clock")
            .says("nothing was changed");
        through.proxy.heal();
    }
    alive(suite, &name);
}
