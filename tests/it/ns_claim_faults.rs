//! `kubectl ns-claim` when the network or the user gives up in the middle, and in races.

use harness::{Case, Fault, Match, Need, Output, Proxied, Rule, Suite, eventually, moment};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Controllers, Need::Sandbox];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case(
            "a_claim_that_died_before_any_request_is_finished_by_the_next",
            |suite| {
                dying_claim(suite, &Fault::DieBefore);
            },
        ),
        case(
            "a_claim_that_died_after_any_request_is_finished_by_the_next",
            |suite| {
                dying_claim(suite, &Fault::DieAfter);
            },
        ),
        case("one_lost_answer_does_not_fail_a_claim", lost_answers),
        case("a_lost_answer_does_not_extend_twice", lost_extend),
        case(
            "an_extend_that_died_anywhere_is_finished_by_the_next",
            dying_extend,
        ),
        case(
            "a_release_that_died_anywhere_is_finished_by_the_next",
            dying_release,
        ),
        case(
            "a_reaper_that_died_anywhere_deletes_nothing_early_and_loses_nothing",
            dying_reaper,
        ),
    ]
}

fn as_user(suite: &Suite, through: &Proxied, user: &str, words: &str) -> Output {
    suite
        .claimer(user, &format!("ns-claim {words}"))
        .kubeconfig(&through.kubeconfig)
        .run()
}

fn is_whole(suite: &Suite, name: &str, after: &dyn std::fmt::Display) {
    for object in [
        "limitrange claim",
        "resourcequota claim",
        "networkpolicy default-deny",
        "rolebinding claim-owner",
    ] {
        let found = suite.get(&format!("{object} -n {name}"));
        assert!(found.is_some(), "{object} after {after}");
    }
    assert_eq!(
        suite.annotation(name, "owner").as_deref(),
        Some(name),
        "{after}"
    );
    assert_eq!(suite.holder(name).as_deref(), Some(name), "{after}");
}

fn requests_of_a_claim(suite: &Suite, through: &Proxied) -> usize {
    let name = suite.name("base");
    as_user(suite, through, &name, &name).success();
    through.proxy.count()
}

/// Whoever meets another claimer tries again, so runs differ in length: one that was done before
/// its request number `k` has met no fault, and no other may succeed.
#[track_caller]
fn unharmed(through: &Proxied, k: usize, first: &Output) {
    let sent = through.proxy.count();
    assert!(
        first.code != Some(0) || sent < k,
        "request {k} of {sent} was never answered\n{first}"
    );
}

fn dying_claim(suite: &Suite, fault: &Fault) {
    let _claims = suite.claims();
    let through = suite.proxied();
    for k in 1..=requests_of_a_claim(suite, &through) {
        let name = suite.name("dying");
        through.break_at(k, fault);
        let first = as_user(suite, &through, &name, &name);
        through.proxy.heal();
        unharmed(&through, k, &first);
        let second = as_user(suite, &through, &name, &format!("{name} --reuse"));
        assert_eq!(second.code, Some(0), "after request {k}\n{first}\n{second}");
        is_whole(suite, &name, &format_args!("request {k}\n{first}"));
    }
}

fn lost_answers(suite: &Suite) {
    let _claims = suite.claims();
    let through = suite.proxied();
    for k in 1..=requests_of_a_claim(suite, &through) {
        let name = suite.name("lost");
        through.break_at(k, &Fault::CutAfter);
        let output = as_user(suite, &through, &name, &name);
        through.proxy.heal();
        assert_eq!(output.code, Some(0), "answer {k} was lost\n{output}");
        is_whole(suite, &name, &format_args!("answer {k}\n{output}"));
    }
}

fn end_of(suite: &Suite, name: &str) -> jiff::Timestamp {
    let text = suite.annotation(name, "expires-at").expect("an end");
    text.parse().expect("a moment")
}

fn lost_extend(suite: &Suite) {
    let _claims = suite.claims();
    let through = suite.proxied();
    let name = suite.name("ana");
    let _ = suite.claim(&name, &format!("{name} --ttl 2h"));
    let end = || end_of(suite, &name);
    let before = end();
    let patch = Match::request("PATCH".parse().expect("a method"), "/namespaces/");
    through
        .proxy
        .add(Rule::once(patch.clone(), Fault::CutAfter));
    as_user(suite, &through, &name, &format!("extend {name} --by 4h")).success();
    assert_eq!(end().duration_since(before).as_secs(), 4 * 3600);
    through.proxy.add(Rule::once(patch, Fault::CutBefore));
    as_user(suite, &through, &name, &format!("extend {name} --by 4h")).success();
    assert_eq!(end().duration_since(before).as_secs(), 8 * 3600);
}

fn dying_extend(suite: &Suite) {
    let _claims = suite.claims();
    let through = suite.proxied();
    let name = suite.name("ana");
    let _ = suite.claim(&name, &format!("{name} --ttl 2h"));
    let end = || end_of(suite, &name);
    // Without NAME, which takes every request that there is.
    let extend = |until: &str| {
        let words = format!("extend --until {until} -n {name}");
        as_user(suite, &through, &name, &words)
    };
    through.proxy.forget();
    extend(&moment(3 * 3600)).success();
    let requests = through.proxy.count();
    assert!(requests >= 4, "{:?}", through.proxy.log());
    let mut hours = 3;
    for fault in [Fault::DieBefore, Fault::DieAfter] {
        for k in 1..=requests {
            let before = end();
            hours += 1;
            let until = moment(hours * 3600);
            through.break_at(k, &fault);
            let first = extend(&until);
            through.proxy.heal();
            unharmed(&through, k, &first);
            let wanted: jiff::Timestamp = until.parse().expect("a moment");
            let between = end();
            // One request writes, and it is carried out or not.
            let may_have = first.code == Some(0) || fault == Fault::DieAfter;
            assert!(
                between == before || (between == wanted && may_have),
                "{fault:?} at request {k}: {between}\n{first}"
            );
            let second = extend(&until);
            assert_eq!(
                second.code,
                Some(0),
                "{fault:?} at request {k}\n{first}\n{second}"
            );
            assert_eq!(end(), wanted, "{fault:?} at request {k}\n{first}\n{second}");
        }
    }
}

fn dying_release(suite: &Suite) {
    let _claims = suite.claims();
    let through = suite.proxied();
    let base = suite.name("base");
    let _ = suite.claim(&base, &format!("{base} --ttl 2h"));
    as_user(suite, &through, &base, &format!("release {base}")).success();
    let mut names = Vec::new();
    for k in 1..=through.proxy.count() {
        let name = suite.name("dying");
        let _ = suite.claim(&name, &format!("{name} --ttl 2h"));
        through.break_at(k, &Fault::DieAfter);
        let first = as_user(suite, &through, &name, &format!("release {name}"));
        through.proxy.heal();
        let again = || as_user(suite, &through, &name, &format!("release {name}"));
        let mut second = again();
        if second.code != Some(0) && suite.get(&format!("namespace {name}")).is_some() {
            // The rights go before the namespace does; then the owner has to wait for the end.
            eventually("it goes", || {
                suite.get(&format!("namespace {name}")).is_none()
            });
            second = again();
        }
        // Its place is the reaper's to free.
        assert_eq!(second.code, Some(0), "after request {k}\n{first}\n{second}");
        names.push(name);
    }
    for name in &names {
        crate::ns_claim_records::gone(suite, name);
    }
}

fn dying_reaper(suite: &Suite) {
    let _claims = suite.claims_alone();
    let through = suite.proxied();
    let reap = |words: &str| {
        let run = suite.admin(&format!("ns-claim reap --yes --grace 0s -o json {words}"));
        run.kubeconfig(&through.kubeconfig).run()
    };
    let kept = suite.name("kept");
    let _ = suite.claim(&kept, &format!("{kept} --ttl 2h"));
    let expire = |name: &str| {
        let note = |key: &str, seconds| format!("groundcrew.dev/{key}={}", moment(seconds));
        let run = suite.admin("annotate namespace --overwrite");
        run.args([name, &note("expires-at", -60), &note("warned-at", -30)])
            .run()
            .success();
    };
    let base = suite.name("due");
    let _ = suite.claim(&base, &format!("{base} --ttl 2h"));
    expire(&base);
    through.proxy.forget();
    assert_eq!(harness::action(reap("").success(), &base), "deleted");
    let requests = through.proxy.count();
    let names: Vec<String> = (1..=requests).map(|_| suite.name("due")).collect();
    crate::ns_claim_race::claims(suite, &names, &moment(7200), &moment(-30));
    for (k, name) in (1..).zip(&names) {
        expire(name);
        through.break_at(k, &Fault::DieAfter);
        let first = reap("");
        through.proxy.heal();
        let second = reap("");
        assert_eq!(second.code, Some(0), "after request {k}\n{first}\n{second}");
        let what = harness::action_of(&second, name);
        assert!(
            what.is_none_or(|action| ["deleted", "going"].contains(&action.as_str())),
            "after request {k}\n{first}\n{second}"
        );
        let alive = suite.get(&format!("namespace {kept}")).expect("it is kept");
        assert!(alive["metadata"]["deletionTimestamp"].is_null());
    }
    for name in &names {
        crate::ns_claim_records::gone(suite, name);
    }
    // What died between the deletion and the record is put on record by the next run.
    reap("").success();
    let stones = suite
        .get("configmaps -n groundcrew-system -l groundcrew.dev/record=claim-tombstone")
        .expect("tombstones")
        .to_string();
    for (k, name) in names.iter().enumerate() {
        let after = format!("after request {} of {requests}", k + 1);
        assert!(stones.contains(name), "{after}");
        assert_eq!(suite.holder(name), None, "{after}");
    }
}
