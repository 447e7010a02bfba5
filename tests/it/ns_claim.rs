//! `kubectl ns-claim` for the people who claim.

use harness::{Case, Need, Suite};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster, Need::Controllers];
    let faults = &[Need::Plugins, Need::Controllers, Need::Sandbox];
    vec![
        Case::new("a_claim_is_whole_and_its_owners_alone", needs, whole),
        Case::new("a_claim_takes_nine_requests", faults, nine_requests),
        Case::new("without_a_name_a_readable_one_is_chosen", needs, chosen),
        Case::new("mine_are_listed_without_the_right_to_list", needs, mine),
        Case::new(
            "without_a_name_the_current_namespace_is_meant_if_it_is_mine",
            needs,
            current,
        ),
        Case::new("releasing_frees_the_place", needs, release),
        Case::new("switching_sets_the_contexts_namespace", needs, switch),
        Case::new("reusing_goes_on_with_what_is_mine", needs, reuse),
        Case::new("a_client_dry_run_writes_nothing", needs, dry_run),
        Case::new(
            "a_dry_run_tells_the_end_and_makes_nothing",
            needs,
            rehearsed,
        ),
    ]
}

fn whole(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let claim = suite.claim(&ana, &format!("{ana} --ttl 8h --team web --purpose repro"));
    assert_eq!(
        (&claim["kind"], &claim["name"], &claim["owner"]),
        (&json!("Claim"), &json!(ana), &json!(ana))
    );
    let namespace = suite
        .get(&format!("namespace {ana}"))
        .expect("the namespace");
    let label = |key: &str| &namespace["metadata"]["labels"][key];
    assert_eq!(label("groundcrew.dev/claim"), "true");
    assert_eq!(label("pod-security.kubernetes.io/enforce"), "baseline");
    assert_eq!(suite.annotation(&ana, "owner"), Some(ana.clone()));
    assert_eq!(suite.annotation(&ana, "team").as_deref(), Some("web"));
    assert_eq!(
        suite.annotation(&ana, "expires-at").as_deref(),
        claim["endsAt"].as_str()
    );
    assert_eq!(suite.holder(&ana), Some(ana.clone()));
    for object in [
        "limitrange claim",
        "resourcequota claim",
        "networkpolicy default-deny",
        "rolebinding claim-owner",
    ] {
        assert!(
            suite.get(&format!("{object} -n {ana}")).is_some(),
            "{object}"
        );
    }
    let can = |words: &str| {
        suite
            .claimer(&ana, &format!("auth can-i {words}"))
            .run()
            .code
    };
    for allowed in ["create pods", "create secrets", "delete deployments.apps"] {
        assert_eq!(can(&format!("{allowed} -n {ana}")), Some(0), "{allowed}");
    }
    for denied in [
        format!("delete resourcequotas -n {ana}"),
        format!("update rolebindings -n {ana}"),
        "get secrets -n kube-system".to_owned(),
        "list namespaces".to_owned(),
    ] {
        assert_ne!(can(&denied), Some(0), "{denied}");
    }
    let pod = format!("run p --image=sandbox.local/web:1 --dry-run=server -n {ana}");
    suite.claimer(&ana, &pod).run().success();
}

fn nine_requests(suite: &Suite) {
    // Another claim at the same moment costs a second try at the index.
    let _claims = suite.claims_alone();
    let ana = suite.name("ana");
    let through = suite.proxied();
    let run = suite.claimer(&ana, &format!("ns-claim {ana}"));
    run.kubeconfig(&through.kubeconfig).run().success();
    assert_eq!(through.proxy.count(), 9, "{:?}", through.proxy.log());
}

fn chosen(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let claim = suite.claim(&format!("{ana}@example.com"), "--ttl 1h");
    let name = claim["name"].as_str().expect("a name");
    assert!(name.starts_with(&format!("{ana}-")), "{name}");
    assert_eq!(
        name.split('-').count(),
        ana.split('-').count() + 2,
        "{name}"
    );
    let release = suite.claimer(
        &format!("{ana}@example.com"),
        &format!("ns-claim release {name}"),
    );
    release.run().success();
}

fn mine(suite: &Suite) {
    let _claims = suite.claims();
    let (ana, bo) = (suite.name("ana"), suite.name("bo"));
    let _ = suite.claim(&ana, &format!("{ana} --ttl 2h"));
    let _ = suite.claim(&bo, &format!("{bo} --ttl 2h"));
    for words in ["--mine", ""] {
        let list = suite
            .claimer(&ana, &format!("ns-claim list {words} -o json"))
            .run();
        let claims = list.success().json()["claims"].clone();
        assert_eq!(claims.as_array().map(Vec::len), Some(1), "{list}");
        assert_eq!(claims[0]["name"], ana);
    }
    let all = suite.claimer(&ana, "ns-claim list -A").run();
    all.code(1).no_answer().says("Forbidden");
    let admin = suite.admin("ns-claim list").run();
    admin.success().answers(&ana).answers(&bo);
}

fn current(suite: &Suite) {
    let _claims = suite.claims();
    let (ana, bo) = (suite.name("ana"), suite.name("bo"));
    let _ = suite.claim(&ana, &format!("{ana} --ttl 2h"));
    let run = |user: &str| {
        suite
            .claimer(user, &format!("ns-claim extend --by 1h -n {ana}"))
            .run()
    };
    run(&ana).success().answers(&ana);
    run(&bo).code(2).says(&format!("is {ana}'s, not yours"));
    let none = suite.claimer(&ana, "ns-claim release -n default").run();
    none.code(2).says("is a system namespace");
}

fn release(suite: &Suite) {
    let _claims = suite.claims_alone();
    let ana = suite.name("ana");
    let _ = suite.claim(&ana, &format!("{ana} --ttl 2h"));
    let run = suite
        .claimer(&ana, &format!("ns-claim release {ana} --wait"))
        .run();
    run.success().answers("released");
    assert_eq!(suite.get(&format!("namespace {ana}")), None);
    // The place is the reaper's to free; until then the name can be claimed again.
    assert_eq!(suite.holder(&ana), Some(ana.clone()));
    let _ = suite.claim(&ana, &format!("{ana} --ttl 2h"));
    // One that the reaper saw is under way no more.
    let _ = suite.reap("");
    let again = suite.claimer(&ana, &format!("ns-claim release {ana} --wait"));
    again.run().success();
    let _ = suite.reap("");
    assert_eq!(suite.holder(&ana), None, "the place is free");
}

fn switch(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let text = std::fs::read_to_string(suite.cluster().kubeconfig()).expect("a kubeconfig");
    let file = suite.file("own.kubeconfig", &text);
    let run = suite
        .claimer(&ana, &format!("ns-claim {ana} --switch"))
        .kubeconfig(&file);
    run.run().success();
    let view = suite
        .admin("config view --minify -o jsonpath={..namespace}")
        .kubeconfig(&file);
    assert_eq!(view.run().success().stdout, ana);
}

fn reuse(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let first = suite.claim(&ana, &format!("{ana} --ttl 2h"));
    suite
        .admin(&format!("delete resourcequota claim -n {ana}"))
        .run()
        .success();
    let again = suite.claim(&ana, &format!("{ana} --reuse"));
    assert_eq!(again["endsAt"], first["endsAt"], "reusing does not extend");
    assert!(
        suite
            .get(&format!("resourcequota claim -n {ana}"))
            .is_some()
    );
}

fn dry_run(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    for mode in ["client", "server"] {
        let run = suite
            .claimer(&ana, &format!("ns-claim {ana} --dry-run={mode}"))
            .run();
        run.success().answers("dry run");
        assert_eq!(suite.get(&format!("namespace {ana}")), None, "{mode}");
        assert_eq!(suite.holder(&ana), None, "{mode}");
    }
}

fn rehearsed(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    for dry_run in ["client", "server"] {
        let words = format!("ns-claim {ana} --ttl 2h --dry-run={dry_run}");
        let output = suite.claimer(&ana, &words).run();
        output.success().answers(" until ").answers("dry run)");
        assert!(suite.get(&format!("namespace {ana}")).is_none());
    }
}
