//! What is on record of claims, for how long, and what somebody should look at.

use harness::{Case, Need, Suite, action, eventually, moment};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster, Need::Controllers];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case("what_was_released_is_on_record", released),
        case(
            "what_an_admin_releases_between_two_runs_is_on_record",
            released_by_admin,
        ),
        case("the_report_adds_up_what_lives_and_what_is_gone", report),
        case("old_records_are_removed_and_younger_ones_kept", pruned),
        case("a_claim_without_a_quota_is_named", without_quota),
        case(
            "what_keeps_a_claim_from_going_is_named_and_left_alone",
            stuck,
        ),
    ]
}

/// Returns the tombstone of a claim.
pub(crate) fn stone(suite: &Suite, name: &str) -> Option<Value> {
    let list =
        suite.get("configmaps -n groundcrew-system -l groundcrew.dev/record=claim-tombstone")?;
    let stones = list["items"].as_array()?;
    let text = stones.iter().find_map(|stone| {
        let text = stone["data"]["tombstone.json"].as_str()?;
        text.contains(&format!("\"name\": \"{name}\""))
            .then_some(text)
    })?;
    serde_json::from_str(text).ok()
}

pub(crate) fn gone(suite: &Suite, name: &str) {
    eventually("it goes", || {
        suite.get(&format!("namespace {name}")).is_none()
    });
}

fn released(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = suite.name("ana");
    let _ = suite.claim(&name, &format!("{name} --ttl 2h"));
    suite.reap("").success();
    let release = suite.claimer(&name, &format!("ns-claim release {name} --wait"));
    release.run().success();
    suite.reap("").success();
    assert_eq!(
        stone(suite, &name).expect("a tombstone")["endedBy"],
        "released"
    );
}

fn released_by_admin(suite: &Suite) {
    let _claims = suite.claims_alone();
    let (name, team) = (suite.name("ana"), suite.name("team"));
    let _ = suite.claim(&name, &format!("{name} --ttl 2h --team {team}"));
    let release = suite.admin(&format!("ns-claim release {name} --yes"));
    release.run().success();
    let buried = stone(suite, &name).expect("a tombstone, without a run of the reaper");
    assert_eq!(buried["endedBy"], "released by admin");
    assert_eq!(buried["team"], team);
    gone(suite, &name);
    suite.reap("").success();
    assert_eq!(stone(suite, &name), Some(buried), "it is buried once");
    let report = suite.admin("ns-claim report --since 1h -o json").run();
    let report = report.success().json();
    let rows = report["rows"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["key"] == team);
    assert_eq!(row.expect("the team")["claims"], 1);

    // A plain user may write no record, and the report says so.
    let _ = suite.claim(&name, &format!("{name} --ttl 2h --team {team}"));
    let release = suite.claimer(&name, &format!("ns-claim release {name}"));
    release.run().success();
    let unseen = report["notCounted"].as_str().expect("what is not counted");
    assert!(unseen.contains("plain users"), "{unseen}");
}

fn report(suite: &Suite) {
    let _claims = suite.claims_alone();
    let (gone_one, live) = (suite.name("ana"), suite.name("ana"));
    let team = suite.name("team");
    for name in [&gone_one, &live] {
        let _ = suite.claim(name, &format!("{name} --ttl 2h --team {team}"));
    }
    let row = || {
        let report = suite.admin("ns-claim report --since 1h --by team -o json");
        let report = report.run().success().json();
        let mut rows = report["rows"].as_array().expect("rows").iter();
        let row = rows.find(|row| row["key"] == team).expect("the team");
        row.clone()
    };
    // No report waits for the reaper.
    let fresh = row();
    assert_eq!((&fresh["claims"], &fresh["live"]), (&json!(2), &json!(2)));
    suite.annotate(&gone_one, "expires-at", &moment(-60));
    suite.reap("").success();
    suite.reap("--grace 0s").success();
    gone(suite, &gone_one);
    let row = row();
    assert_eq!(
        (&row["claims"], &row["live"]),
        (&json!(2), &json!(1)),
        "{row}"
    );
    assert!(row["claimHours"].as_f64().expect("hours") > 0.0, "{row}");
}

fn pruned(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = suite.name("ana");
    let _ = suite.claim(&name, &format!("{name} --ttl 2h"));
    let release = suite.admin(&format!("ns-claim release {name} --yes"));
    release.run().success();
    suite.reap("").success();
    suite.reap("--keep-records 1h").success();
    assert!(stone(suite, &name).is_some(), "90 days are not over");
    suite.reap("--keep-records 1s --dry-run").success();
    assert!(stone(suite, &name).is_some(), "a dry run removes nothing");
    let mut removed = 0;
    eventually("a second passes", || {
        let run = suite.reap("--keep-records 1s");
        let count = run.success().json()["recordsRemoved"].as_u64();
        // Others' records may be older, and go before.
        removed += count.expect("a number");
        stone(suite, &name).is_none()
    });
    assert!(removed > 0);
    suite.reap("--keep-records 0s").code(2);
    let report = suite.admin("ns-claim report --since 91d").run();
    report.code(4).says("records are kept for 90d");
}

fn without_quota(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = suite.name("ana");
    let _ = suite.claim(&name, &format!("{name} --ttl 2h --profile none"));
    let doctor = || suite.admin("ns-claim doctor -o json").run();
    let names = |output: &harness::Output| {
        let found = output.json()["withoutQuota"].clone();
        let found = found.as_array().expect("names").clone();
        found.contains(&json!(name))
    };
    eventually("it is whole", || {
        let output = doctor();
        names(&output) && output.code == Some(3)
    });
    doctor()
        .answers("no quota limits")
        .answers("--owner OWNER --reuse");
    suite
        .admin(&format!("ns-claim {name} --owner {name} --reuse"))
        .run()
        .success();
    assert!(!names(&doctor()));
}

fn stuck(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = suite.name("ana");
    let _ = suite.claim(&name, &format!("{name} --ttl 2h"));
    let held = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": "held", "namespace": name, "finalizers": ["example.com/hold"],
    }});
    suite
        .admin("create -f -")
        .stdin(&held.to_string())
        .run()
        .success();
    suite.annotate(&name, "expires-at", &moment(-60));
    suite.annotate(&name, "warned-at", &moment(-30));
    assert_eq!(action(suite.reap("--grace 0s").success(), &name), "deleted");
    let get = || suite.admin(&format!("ns-claim get {name}")).run();
    eventually("the server says why", || {
        get().stdout.contains("example.com/hold")
    });
    get()
        .success()
        .answers("terminating")
        .answers("NamespaceFinalizersRemaining");
    let reap = suite.reap("--grace 0s");
    assert_eq!(action(reap.success(), &name), "going");
    reap.answers("example.com/hold");
    let wait = format!("ns-claim release {name} --yes --wait --timeout 1s");
    suite
        .admin(&wait)
        .run()
        .code(124)
        .no_answer()
        .says("was released but still exists")
        .says("example.com/hold");
    let left = suite.get(&format!("configmap held -n {name}"));
    let left = left.expect("it is held");
    assert_eq!(left["metadata"]["finalizers"], json!(["example.com/hold"]));
    let namespace = suite.get(&format!("namespace {name}")).expect("it is held");
    assert_eq!(namespace["spec"]["finalizers"], json!(["kubernetes"]));
    let free = suite.admin(&format!("patch configmap held -n {name} --type merge"));
    let patch = json!({"metadata": {"finalizers": null}});
    free.args([format!("--patch={patch}")]).run().success();
    gone(suite, &name);
}
