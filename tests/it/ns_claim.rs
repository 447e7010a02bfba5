//! `kubectl ns-claim` for the people who claim.

use std::time::Duration;

use harness::{Case, Fault, Match, Need, Rule, Suite, eventually, moment};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster, Need::Controllers];
    let faults = &[Need::Plugins, Need::Controllers, Need::Sandbox];
    vec![
        Case::new("a_claim_is_whole_and_its_owners_alone", needs, whole),
        Case::new("a_claim_takes_eight_requests", faults, eight_requests),
        Case::new("without_a_name_a_readable_one_is_chosen", needs, chosen),
        Case::new(
            "who_holds_a_name_is_told_with_purpose_and_time",
            needs,
            held,
        ),
        Case::new(
            "a_namespace_that_is_no_claim_is_never_taken",
            needs,
            no_adoption,
        ),
        Case::new("of_fifty_claimers_of_one_name_one_wins", needs, fifty),
        Case::new("mine_are_listed_without_the_right_to_list", needs, mine),
        Case::new("what_ends_soon_is_an_exit_code", needs, expiring),
        Case::new(
            "extending_moves_the_end_and_stops_at_the_cap",
            needs,
            extend,
        ),
        Case::new(
            "without_a_name_the_current_namespace_is_meant_if_it_is_mine",
            needs,
            current,
        ),
        Case::new("releasing_frees_the_place", needs, release),
        Case::new(
            "releasing_somebody_elses_takes_a_yes",
            needs,
            release_others,
        ),
        Case::new("an_admin_claims_for_somebody", needs, for_somebody),
        Case::new(
            "others_work_in_a_claim_that_is_shared_with_them",
            needs,
            shared,
        ),
        Case::new("switching_sets_the_contexts_namespace", needs, switch),
        Case::new("reusing_goes_on_with_what_is_mine", needs, reuse),
        Case::new("a_client_dry_run_writes_nothing", needs, dry_run),
        Case::new("an_admin_protects_a_claim_and_ends_that", needs, protect),
        Case::new("an_admin_makes_a_claim_somebody_elses", needs, transfer),
        Case::new("a_claimer_cannot_give_his_claim_away", needs, give_away),
        Case::new("a_time_of_day_is_that_of_the_users_zone", needs, zone),
        Case::new(
            "an_end_is_counted_by_the_servers_clock",
            faults,
            servers_clock,
        ),
        Case::new("who_may_not_claim_is_told_who_lets_him", needs, not_allowed),
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
        .expect("her namespace");
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

fn eight_requests(suite: &Suite) {
    // Another claim at the same moment costs a second try at the index.
    let _claims = suite.claims_alone();
    let ana = suite.name("ana");
    let through = suite.proxied();
    let run = suite.claimer(&ana, &format!("ns-claim {ana}"));
    run.kubeconfig(&through.kubeconfig).run().success();
    assert_eq!(through.proxy.count(), 8, "{:?}", through.proxy.log());
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

fn held(suite: &Suite) {
    let _claims = suite.claims();
    let (ana, bo) = (suite.name("ana"), suite.name("bo"));
    let _ = suite.claim(&ana, &format!("{ana} --ttl 2h --team qa --purpose soak"));
    let other = suite.claimer(&bo, &format!("ns-claim {ana}")).run();
    other.code(5).no_answer().says(&format!(
        "{ana} is held by {ana} (qa, \"soak\") for another"
    ));
    let again = suite.claimer(&ana, &format!("ns-claim {ana}")).run();
    again.code(5).says("is yours already").says("--reuse");
}

fn no_adoption(suite: &Suite) {
    let _claims = suite.claims();
    let (ana, other) = (suite.name("ana"), suite.name("payments"));
    suite
        .admin(&format!("create namespace {other}"))
        .run()
        .success();
    let run = suite.claimer(&ana, &format!("ns-claim {other}")).run();
    run.code(5).says("exists and is no claim");
    assert_eq!(suite.holder(&other), None, "the entry is taken back");
    assert!(
        suite
            .get(&format!("resourcequota claim -n {other}"))
            .is_none()
    );
}

fn fifty(suite: &Suite) {
    let _claims = suite.claims();
    let name = suite.name("duel");
    let runs: Vec<_> = (0..50)
        .map(|number| {
            suite.claimer(
                &format!("{name}-user-{number}"),
                &format!("ns-claim {name} -o json"),
            )
        })
        .collect();
    let outputs: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = runs
            .into_iter()
            .map(|run| scope.spawn(|| run.run()))
            .collect();
        all.into_iter()
            .map(|run| run.join().expect("a claimer"))
            .collect()
    });
    let won: Vec<_> = outputs
        .iter()
        .filter(|output| output.code == Some(0))
        .collect();
    assert_eq!(
        won.len(),
        1,
        "{:?}",
        outputs.iter().map(|o| o.code).collect::<Vec<_>>()
    );
    let owner = won[0].json()["owner"]
        .as_str()
        .expect("an owner")
        .to_owned();
    for lost in outputs.iter().filter(|output| output.code != Some(0)) {
        lost.code(5).says(&owner);
    }
    assert_eq!(suite.annotation(&name, "owner"), Some(owner.clone()));
    assert_eq!(suite.holder(&name), Some(owner.clone()));
    let bindings = suite
        .get(&format!("rolebindings -n {name}"))
        .expect("bindings");
    let bindings = bindings["items"].as_array().expect("a list").clone();
    assert_eq!(bindings.len(), 1, "no object of a loser");
    assert_eq!(bindings[0]["subjects"][0]["name"], owner);
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

fn expiring(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let _ = suite.claim(&ana, &format!("{ana} --ttl 30m"));
    let list = |within: &str| {
        suite
            .claimer(&ana, &format!("ns-claim list --mine --expiring {within}"))
            .run()
    };
    list("1h").code(3).answers(&ana);
    list("10m").code(0).no_answer();
}

fn extend(suite: &Suite) {
    let _claims = suite.claims();
    let (ana, bo) = (suite.name("ana"), suite.name("bo"));
    let _ = suite.claim(&ana, &format!("{ana} --ttl 2h"));
    let run = |user: &str, words: &str| {
        suite
            .claimer(user, &format!("ns-claim extend {ana} {words}"))
            .run()
    };
    let before = suite.annotation(&ana, "expires-at").expect("an end");
    let after = run(&ana, "--by 4h -o json").success().json();
    let (before, after): (jiff::Timestamp, jiff::Timestamp) = (
        before.parse().expect("a moment"),
        after["endsAt"]
            .as_str()
            .expect("an end")
            .parse()
            .expect("a moment"),
    );
    assert_eq!(after.duration_since(before).as_secs(), 4 * 3600);
    run(&ana, "--by 8d")
        .code(2)
        .says("7d in all")
        .says("can still be added");
    run(&ana, "--by 0").code(2);
    run(&ana, "").code(2);
    run(&ana, "--until 2001-01-01T00:00:00Z")
        .code(2)
        .says("is over");
    run(&bo, "--by 1h").code(1).says("cannot patch");
    let kept = suite.annotation(&ana, "expires-at").expect("an end");
    assert_eq!(kept.parse::<jiff::Timestamp>().expect("a moment"), after);
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
    run(&bo).code(2).says(&format!("is {ana}'s and not yours"));
    let none = suite.claimer(&ana, "ns-claim release -n default").run();
    none.code(2).says("belongs to the cluster");
}

fn release(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let _ = suite.claim(&ana, &format!("{ana} --ttl 2h"));
    let run = suite
        .claimer(&ana, &format!("ns-claim release {ana} --wait"))
        .run();
    run.success().answers("released");
    assert_eq!(suite.get(&format!("namespace {ana}")), None);
    assert_eq!(suite.holder(&ana), None);
    let _ = suite.claim(&ana, &format!("{ana} --ttl 2h"));
}

fn release_others(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let _ = suite.claim(&ana, &format!("{ana} --ttl 2h"));
    let release = format!("ns-claim release {ana}");
    suite.admin(&release).run().code(2).says("--yes");
    assert!(suite.get(&format!("namespace {ana}")).is_some());
    let other = suite.name("plain");
    suite
        .admin(&format!("create namespace {other}"))
        .run()
        .success();
    suite
        .admin(&format!("ns-claim release {other} --yes"))
        .run()
        .code(1)
        .says("is no claim");
    suite.admin(&format!("{release} --yes")).run().success();
}

fn for_somebody(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let run = suite
        .admin(&format!("ns-claim {ana} --owner {ana} --ttl 1h"))
        .run();
    run.success().answers(&format!("{ana} is {ana}'s"));
    assert_eq!(suite.annotation(&ana, "owner"), Some(ana.clone()));
    // She was never made a claimer, and still is guarded: the right to her claim carries it.
    let as_her = |words: &str| suite.admin(words).args([format!("--as={ana}")]).run();
    eventually("her right spreads", Duration::from_secs(10), || {
        as_her(&format!("get namespace {ana}")).code == Some(0)
    });
    let label = as_her(&format!(
        "label namespace {ana} --overwrite pod-security.kubernetes.io/enforce=privileged"
    ));
    label.code(1).says("the labels of a claim are fixed");
}

fn shared(suite: &Suite) {
    let _claims = suite.claims();
    let (ana, bo) = (suite.name("ana"), suite.name("bo"));
    let _ = suite.claim(
        &ana,
        &format!("{ana} --ttl 1h --with {bo} --with group:{bo}-team"),
    );
    let can = |words: &str| {
        suite
            .admin(&format!("auth can-i {words} -n {ana}"))
            .args([format!("--as={bo}")])
            .run()
    };
    eventually("the right spreads", Duration::from_secs(10), || {
        can("create pods").code == Some(0)
    });
    assert_ne!(can(&format!("delete namespaces/{ana}")).code, Some(0));
    let everybody = suite
        .claimer(&ana, "ns-claim x --with group:system:authenticated")
        .run();
    everybody.code(2);
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

fn not_allowed(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let run = suite.admin(&format!("ns-claim {ana} --as={ana}")).run();
    run.code(1).no_answer().says("groundcrew:claimers");
    let until = moment(-60);
    let over = suite
        .claimer(&ana, &format!("ns-claim {ana} --until {until}"))
        .run();
    over.code(2).says("is over");
    assert_eq!(suite.get(&format!("namespace {ana}")), None);
}

fn protect(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let _ = suite.claim(&ana, &format!("{ana} --ttl 1h"));
    let as_her = |words: &str| suite.claimer(&ana, &format!("ns-claim {words}")).run();
    as_her(&format!("protect {ana}"))
        .code(1)
        .says("not allowed: only the end");
    let protect = format!("ns-claim protect {ana}");
    suite
        .admin(&protect)
        .run()
        .success()
        .answers("lasts for good");
    as_her(&format!("get {ana}")).success().answers("protected");
    as_her(&format!("release {ana}"))
        .code(1)
        .says("is protected by admin");
    let by_hand = suite
        .claimer(&ana, &format!("delete namespace {ana} --wait=false"))
        .run();
    by_hand.code(1).says("this claim is protected");
    suite.admin(&format!("{protect} --off")).run().success();
    as_her(&format!("release {ana}")).success();
}

fn transfer(suite: &Suite) {
    let _claims = suite.claims();
    let (ana, bo) = (suite.name("ana"), suite.name("bo"));
    let before = suite.claim(&ana, &format!("{ana} --ttl 1h"));
    let transfer = format!("ns-claim transfer {ana} --to {bo}");
    for _ in 0..2 {
        suite
            .admin(&transfer)
            .run()
            .success()
            .answers(&format!("{ana} is {bo}'s"));
    }
    assert_eq!(suite.annotation(&ana, "owner"), Some(bo.clone()));
    assert_eq!(suite.holder(&ana), Some(bo.clone()));
    assert_eq!(
        suite.annotation(&ana, "expires-at").as_deref(),
        before["endsAt"].as_str()
    );
    let can = |user: &str| {
        let words = format!("auth can-i create pods -n {ana} --as={user}");
        suite.admin(&words).run().code == Some(0)
    };
    eventually("the rights move", Duration::from_secs(10), || {
        can(&bo) && !can(&ana)
    });
    suite
        .claimer(&bo, &format!("ns-claim extend {ana} --by 1h"))
        .run()
        .success();
    let old = suite
        .claimer(&ana, &format!("ns-claim extend {ana} --by 1h"))
        .run();
    old.code(1).says("cannot patch");
}

fn give_away(suite: &Suite) {
    let _claims = suite.claims();
    let (ana, bo) = (suite.name("ana"), suite.name("bo"));
    let _ = suite.claim(&ana, &format!("{ana} --ttl 1h"));
    let transfer = suite.claimer(&ana, &format!("ns-claim transfer {ana} --to {bo}"));
    transfer
        .run()
        .code(1)
        .no_answer()
        .says("not allowed: only the end");
    assert_eq!(suite.holder(&ana), Some(ana.clone()));
}

fn zone(suite: &Suite) {
    let _claims = suite.claims();
    for (zone, utc) in [
        ("EST5", "T14:30:00Z"),
        ("UTC0", "T09:30:00Z"),
        ("XXX-3", "T06:30:00Z"),
    ] {
        let ana = suite.name("ana");
        let run = suite.claimer(&ana, &format!("ns-claim {ana} -o json"));
        let run = run.args(["--until=tomorrow 9:30"]).env("TZ", zone);
        let ends = run.run().success().json()["endsAt"].clone();
        let ends = ends.as_str().expect("an end");
        assert!(ends.ends_with(utc), "{zone}: {ends}");
    }
}

/// A laptop that is a day behind, which is a server that is a day ahead.
fn servers_clock(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let through = suite.proxied();
    let day = Fault::ShiftDate(jiff::SignedDuration::from_hours(24));
    through.proxy.add(Rule::times(99, Match::default(), day));
    let run = suite.claimer(&ana, &format!("ns-claim {ana} --ttl 2h"));
    run.kubeconfig(&through.kubeconfig).run().success();
    let ends = suite.annotation(&ana, "expires-at").expect("an end");
    let ends: jiff::Timestamp = ends.parse().expect("a moment");
    let hours = ends.duration_since(jiff::Timestamp::now()).as_secs_f64() / 3600.0;
    assert!((25.9..26.1).contains(&hours), "{hours}");
}
