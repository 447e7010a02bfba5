//! Claims of several people, and what an admin does with somebody else's.

use harness::{Case, Need, Suite, at_once, eventually, moment};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster, Need::Controllers];
    vec![
        Case::new(
            "who_holds_a_name_is_told_with_purpose_and_time",
            needs,
            held,
        ),
        Case::new(
            "a_namespace_that_is_not_a_claim_is_never_taken",
            needs,
            no_adoption,
        ),
        Case::new("of_fifty_claimers_of_one_name_one_wins", needs, fifty),
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
        Case::new("an_admin_protects_a_claim_and_ends_that", needs, protect),
        Case::new("an_admin_makes_a_claim_somebody_elses", needs, transfer),
        Case::new("a_claimer_cannot_give_their_claim_away", needs, give_away),
        Case::new(
            "who_may_not_claim_is_told_who_lets_them",
            needs,
            not_allowed,
        ),
    ]
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
    again.code(5).says("is already yours").says("--reuse");
}

fn no_adoption(suite: &Suite) {
    let _claims = suite.claims();
    let (ana, other) = (suite.name("ana"), suite.name("payments"));
    suite
        .admin(&format!("create namespace {other}"))
        .run()
        .success();
    let run = suite.claimer(&ana, &format!("ns-claim {other}")).run();
    run.code(5).says("exists and is not a claim");
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
    let outputs = at_once(runs);
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
        .says("is not a claim");
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
    // This user was never made a claimer, and is guarded all the same, through the right to the claim.
    let as_owner = |words: &str| suite.admin(words).args([format!("--as={ana}")]).run();
    eventually("the right spreads", || {
        as_owner(&format!("get namespace {ana}")).code == Some(0)
    });
    let label = as_owner(&format!(
        "label namespace {ana} --overwrite pod-security.kubernetes.io/enforce=privileged"
    ));
    label
        .code(1)
        .says("the labels of a claim cannot be changed");
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
    eventually("the right spreads", || can("create pods").code == Some(0));
    assert_ne!(can(&format!("delete namespaces/{ana}")).code, Some(0));
    let everybody = suite
        .claimer(&ana, "ns-claim x --with group:system:authenticated")
        .run();
    everybody.code(2);
}

fn protect(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let _ = suite.claim(&ana, &format!("{ana} --ttl 1h"));
    let as_owner = |words: &str| suite.claimer(&ana, &format!("ns-claim {words}")).run();
    as_owner(&format!("protect {ana}"))
        .code(1)
        .says("not allowed: only the expiry");
    let protect = format!("ns-claim protect {ana}");
    suite
        .admin(&protect)
        .run()
        .success()
        .answers("is protected from expiry");
    as_owner(&format!("get {ana}"))
        .success()
        .answers("protected");
    as_owner(&format!("release {ana}"))
        .code(1)
        .says("is protected by admin");
    let by_hand = suite
        .claimer(&ana, &format!("delete namespace {ana} --wait=false"))
        .run();
    by_hand.code(1).says("this claim is protected");
    suite.admin(&format!("{protect} --off")).run().success();
    as_owner(&format!("release {ana}")).success();
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
    eventually("the rights move", || can(&bo) && !can(&ana));
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
        .says("not allowed: only the expiry");
    assert_eq!(suite.holder(&ana), Some(ana.clone()));
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
    over.code(2).says("is in the past");
    assert_eq!(suite.get(&format!("namespace {ana}")), None);
}
