//! The reaper where it works: its image, in its CronJob, on a node with real containers.

use harness::{Case, Need, Suite, eventually};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(
        "the_cron_job_warns_and_reaps_and_leaves_a_tombstone",
        &[Need::Plugins, Need::RealNode],
        cron,
    )]
}

/// Times that are over within a few runs of a job that runs every minute.
const SHORT: &str = "ns-claim install --image sandbox.local/ns-claim:1 --min-ttl 30s \
                     --default-ttl 45s --warn 30s --grace 10s";

fn cron(suite: &Suite) {
    let _claims = suite.claims_alone();
    let install = suite.admin(SHORT).args(["--schedule", "* * * * *"]);
    install.run().success();
    suite.admin("ns-claim doctor").run().success();
    let name = suite.name("ana");
    let team = suite.name("team");
    let _ = suite.claim(&name, &format!("{name} --ttl 45s --team {team}"));
    let kept = suite.name("kept");
    let _ = suite.claim(&kept, &format!("{kept} --ttl 2h"));
    let mut warned = false;
    eventually("the claim goes", || {
        warned |= suite.annotation(&name, "warned-at").is_some();
        suite.get(&format!("namespace {name}")).is_none()
    });
    assert!(warned, "it went without a warning");
    assert!(suite.get(&format!("namespace {kept}")).is_some());
    let stone = crate::ns_claim_records::stone(suite, &name).expect("a tombstone");
    let reaper = "reaper (system:serviceaccount:groundcrew-system:ns-claim-reaper)";
    assert_eq!(stone["endedBy"], reaper, "{stone}");
    let report = suite.admin("ns-claim report --since 1h -o json").run();
    let rows = report.success().json()["rows"].clone();
    let rows = rows.as_array().expect("rows");
    let row = rows
        .iter()
        .find(|row| row["key"] == team)
        .expect("the team");
    assert_eq!((&row["claims"], &row["live"]), (&json!(1), &json!(0)));
    eventually("its pods succeed", || {
        let job = suite.get("cronjob ns-claim-reaper -n groundcrew-system");
        job.is_some_and(|job| job["status"]["lastSuccessfulTime"].is_string())
    });
    // As it was, for the cases that come after.
    suite.admin("ns-claim uninstall --yes").run().success();
    let back = "ns-claim install --max-claims 3 --max-total 7d --default-ttl 8h";
    suite.admin(back).run().success();
}
