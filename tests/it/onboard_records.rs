//! `kubectl onboard list` and `forget`: states, former users, records that may go.

use harness::{Case, Need, Suite};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let signer = &[Need::Plugins, Need::Signer, Need::Controllers];
    vec![Case::new(
        "a_former_user_is_hidden_and_forgotten_when_nothing_can_come_back",
        signer,
        forgets,
    )]
}

fn row(list: &Value, user: &str) -> Option<Value> {
    let people = list["people"].as_array().expect("people");
    people.iter().find(|one| one["user"] == user).cloned()
}

fn forgets(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    let onboard = |line: &str| suite.admin(&format!("onboard {line}")).run();
    let listed = |flags: &str| {
        let list = onboard(&format!("list -o json {flags}")).success().json();
        row(&list, &alice).map(|row| row["state"].clone())
    };
    assert_eq!(listed(""), Some(json!("active")));
    onboard(&format!("forget {alice} --yes"))
        .code(3)
        .says(&format!("kubectl onboard offboard {alice}"));
    onboard(&format!("offboard {alice} --yes")).success();
    assert_eq!(
        (listed(""), listed("--former")),
        (None, Some(json!("former")))
    );
    onboard("list").success().says("--former shows all");
    let stays = onboard(&format!("forget {alice} --yes"));
    stays
        .code(3)
        .says("the credential of generation 1 is valid until");
    assert!(suite.record(&alice)["ended"]["provedAt"].is_string());
    // Time passes.
    let mut record = suite.record(&alice);
    record["generations"][0]["notAfter"] = json!("2020-01-01T00:00:00Z");
    let patch = json!({"data": {"record.json": record.to_string()}});
    let map = format!("configmap onboard-{alice} -n groundcrew-system");
    suite
        .admin(&format!("patch {map} -p"))
        .args([patch.to_string()])
        .run()
        .success();
    onboard(&format!("forget {alice}")).code(2).says("--yes");
    for mode in ["client", "server"] {
        onboard(&format!("forget {alice} --yes --dry-run={mode}"))
            .success()
            .answers(&format!(
                "configmap/groundcrew-system/onboard-{alice} deleted"
            ));
        assert!(suite.get(&map).is_some(), "a dry run forgot {alice}");
    }
    let gone = onboard(&format!("forget {alice} --yes -o json"));
    assert_eq!(gone.success().json()["kind"], "OnboardForget");
    assert_eq!(suite.get(&map), None);
    onboard(&format!("forget {alice} --yes"))
        .code(1)
        .says("there is no record of user");
}
