//! `kubectl rollout-canary` killed before and after every write on the way from the first weight to
//! the last pod. Every other write by default, all of them with `GROUNDCREW_CANARY_KILLS=all`.

use harness::{Case, Fault, Match, Need, Proxied, Suite, Web};
use serde_json::json;

use crate::rollout_canary_faults::{generation, has_record, killed};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Controllers, Need::Sandbox];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case(
            "a_move_that_died_at_any_write_is_finished_by_resume",
            moving,
        ),
        case(
            "a_promotion_that_died_at_any_write_is_finished_by_resume",
            promoting,
        ),
    ]
}

const REPLICAS: i32 = 5;
/// More than any of these commands makes.
const MANY: usize = 20;

/// The number of a write, and what becomes of it.
fn deaths() -> Vec<(usize, Fault)> {
    let all = std::env::var("GROUNDCREW_CANARY_KILLS").is_ok_and(|asked| asked == "all");
    let both = |k| [(k, Fault::DieBefore), (k, Fault::DieAfter)];
    (1..=MANY)
        .flat_map(both)
        .enumerate()
        // By default after the odd ones and before the even ones.
        .filter(|(number, _)| all || number % 4 == 1 || number % 4 == 2)
        .map(|(_, death)| death)
        .collect()
}

fn web(suite: &Suite) -> Web<'_> {
    suite.web(REPLICAS, json!({"maxSurge": 2, "maxUnavailable": 1}))
}

/// Runs a command that is killed at one of its writes; says whether it had that many.
fn died(web: &Web<'_>, words: &str, through: &Proxied, (k, fault): &(usize, Fault)) -> bool {
    killed(web.suite(), web, words, through, Match::write(*k), fault)
}

#[expect(
    clippy::print_stdout,
    reason = "how many deaths there were is the figure that a long run is for"
)]
fn moving(suite: &Suite) {
    let through = suite.proxied();
    let web = web(suite);
    web.start("20%").success();
    let before = generation(&web);
    web.canary("web 40%").run().success();
    let (clean, split) = (generation(&web) - before, web.sizes());
    let mut tried = 0;
    for death in deaths() {
        web.canary("web 20%").run().success();
        let watcher = web.watch();
        let before = generation(&web);
        if !died(&web, "web 40%", &through, &death) {
            break;
        }
        tried += 1;
        web.canary("resume web").run().success();
        if death == (1, Fault::DieBefore) {
            // The wish was never noted: what was resumed is the first weight.
            web.canary("web 40%").run().success();
        }
        assert_eq!(web.sizes(), split, "{death:?}");
        let changes = generation(&web) - before;
        assert!(changes <= clean + 1, "{death:?}: {changes} > {clean} + 1");
        let seen = watcher.seen();
        assert!(
            seen.fewest_ready >= 5 && seen.most <= 7,
            "{death:?}: {seen:?}"
        );
    }
    assert!(tried >= 4, "{tried} deaths");
    println!("{tried} deaths; a clean move has {clean} generations");
    web.aborts();
    web.is_clean();
}

#[expect(
    clippy::print_stdout,
    reason = "how many deaths there were is the figure that a long run is for"
)]
fn promoting(suite: &Suite) {
    let through = suite.proxied();
    let web = web(suite);
    let start = |tag: usize| {
        let words = format!("web 20% --image web=sandbox.local/sim:{tag}");
        web.canary(&words).run().success();
    };
    start(2);
    let before = generation(&web);
    web.canary("promote web").run().success();
    let clean = generation(&web) - before;
    let (mut tried, mut tag) = (0, 2);
    for death in deaths() {
        tag += 1;
        start(tag);
        let canaries = web.pods_of(&tag.to_string());
        let watcher = web.watch();
        let before = generation(&web);
        let met = died(&web, "promote web", &through, &death);
        if has_record(&web) {
            web.canary("resume web").run().success();
        }
        if has_record(&web) {
            // The wish was never noted: what was resumed is the canary.
            assert_eq!(death, (1, Fault::DieBefore));
            web.canary("promote web").run().success();
        }
        assert_eq!(web.sizes(), [(tag.to_string(), 5)].into(), "{death:?}");
        let pods = web.pods_of(&tag.to_string());
        assert!(canaries.iter().all(|pod| pods.contains(pod)), "{death:?}");
        let changes = generation(&web) - before;
        assert!(changes <= clean + 1, "{death:?}: {changes} > {clean} + 1");
        let seen = watcher.seen();
        assert!(seen.fewest_ready >= 5, "{death:?}: {seen:?}");
        web.is_clean();
        if !met {
            break;
        }
        tried += 1;
    }
    assert!(tried >= 3, "{tried} deaths");
    println!("{tried} deaths; a clean promotion has {clean} generations");
}
