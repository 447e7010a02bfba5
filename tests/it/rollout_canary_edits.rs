//! `kubectl rollout-canary` and what others do to the Deployment in each phase. Some cells by
//! default, every edit in every phase with `GROUNDCREW_CANARY_EDITS=all`, some in every
//! phase with `…=Image,Undo`.

use std::time::Duration;

use harness::{Case, Fault, Match, Need, Output, Proxied, Rule, Suite, Web, eventually};
use serde_json::{Value, json};

use crate::rollout_canary_faults::{generation, killed, spawn};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Controllers, Need::Sandbox];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case("an_edit_while_canaries_are_made_is_recognized", |suite| {
            cells(suite, "Ramping");
        }),
        case("an_edit_while_stable_pods_go_is_recognized", |suite| {
            cells(suite, "Settling");
        }),
        case("an_edit_while_it_is_parked_is_recognized", |suite| {
            cells(suite, "Holding");
        }),
        case("an_edit_in_a_promotion_is_recognized", |suite| {
            cells(suite, "Promoting");
        }),
        case("an_edit_on_the_way_back_is_recognized", |suite| {
            cells(suite, "Aborting");
        }),
        case(
            "an_abort_is_exact_from_every_phase_and_no_undo_brings_anything_back",
            exact,
        ),
        case(
            "an_edit_before_the_drivers_next_write_keeps_it_from_being_made",
            in_between,
        ),
    ]
}

/// What somebody else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edit {
    /// A third image.
    Image,
    Scale,
    /// `rollout resume` of what is paused, `rollout pause` of what is not.
    Pause,
    Undo,
    /// The manifest from before is applied again, by force and with a strategy of its own.
    Manifest,
    Strategy,
    Marker,
    Record,
    /// Deleted and made anew.
    Recreate,
}

const ALL: [Edit; 9] = [
    Edit::Image,
    Edit::Scale,
    Edit::Pause,
    Edit::Undo,
    Edit::Manifest,
    Edit::Strategy,
    Edit::Marker,
    Edit::Record,
    Edit::Recreate,
];

impl Edit {
    fn words(self, is_paused: bool) -> &'static str {
        match self {
            Self::Image => "set image deployment/web web=sandbox.local/sim:3",
            Self::Scale => "scale deployment/web --replicas=12",
            Self::Pause if is_paused => "rollout resume deployment/web",
            Self::Pause => "rollout pause deployment/web",
            Self::Undo => "rollout undo deployment/web",
            Self::Manifest => "apply --server-side --force-conflicts -f -",
            Self::Strategy => {
                r#"patch deployment web -p {"spec":{"strategy":{"rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"}}}}"#
            }
            Self::Marker => "label deployment web groundcrew.dev/rollout-canary-",
            Self::Record => "delete configmap rollout-canary.web",
            Self::Recreate => "delete deployment web --wait --cascade=foreground",
        }
    }

    fn make(self, web: &Web<'_>, is_paused: bool) -> Output {
        let quarter = json!({"maxSurge": "25%", "maxUnavailable": "25%"});
        let manifest = web.manifest(10, quarter, "sandbox.local/sim:1");
        let run = web.kubectl(self.words(is_paused));
        let done = run.stdin(&manifest.to_string()).run();
        if self == Self::Recreate {
            web.apply(&web.manifest(3, Value::Null, "sandbox.local/sim:1"));
            web.kubectl("rollout status deployment/web --timeout=100s")
                .run()
                .success();
        }
        done
    }
}

/// Those that are made in a phase by default.
fn edits(phase: &str) -> Vec<Edit> {
    if let Ok(asked) = std::env::var("GROUNDCREW_CANARY_EDITS") {
        let is_asked = |edit: &Edit| asked == "all" || asked.contains(&format!("{edit:?}"));
        return ALL.into_iter().filter(is_asked).collect();
    }
    match phase {
        "Ramping" => vec![Edit::Undo, Edit::Record],
        "Settling" => vec![Edit::Scale, Edit::Manifest],
        "Holding" => vec![Edit::Undo, Edit::Marker],
        "Promoting" => vec![Edit::Image, Edit::Recreate],
        _ => vec![Edit::Pause, Edit::Strategy],
    }
}

const START: &str = "web 40% --image web=sandbox.local/sim:2";

/// The first patch of the Deployment, after the record.
fn patch() -> Match {
    Match::write(2)
}

/// Brings a Deployment into a phase that nobody drives.
fn bring(web: &Web<'_>, through: &Proxied, phase: &str) {
    let died = |words: &str, on: Match| {
        let met = killed(web.suite(), web, words, through, on, &Fault::DieAfter);
        assert!(met, "{words} made no such write");
    };
    match phase {
        // The record is the first write.
        "Ramping" => died(START, Match::write(2)),
        "Settling" => died(START, Match::write(3)),
        _ => {
            web.start("40%").success();
            match phase {
                "Promoting" => died("promote web", patch()),
                "Aborting" => died("abort web", patch()),
                _ => {}
            }
        }
    }
    // A look at it tells that what is on its way has no driver any more.
    let on_the_way = phase != "Holding";
    let status = web.canary("status web -o json").run();
    let status = status.code(if on_the_way { 3 } else { 0 }).json();
    assert_eq!(status["phase"], phase, "{status}");
    assert_eq!(status["abandoned"] == true, on_the_way, "{status}");
}

fn cells(suite: &Suite, phase: &str) {
    let through = suite.proxied();
    for edit in edits(phase) {
        let web = suite.web(10, json!({"maxSurge": 3, "maxUnavailable": 0}));
        let before = web.snapshot();
        let watcher = web.watch();
        bring(&web, &through, phase);
        let is_paused = web.deployment()["spec"]["paused"] == true;
        let edited = edit.make(&web, is_paused);
        let name = format!("{edit:?} in {phase}\n{edited}");
        if edit == Edit::Undo && is_paused {
            assert_eq!(edited.code, Some(1), "kubectl refuses it: {name}");
            web.canary("resume web").run().success();
            web.aborts();
        } else {
            edited.success();
            match edit {
                Edit::Scale => followed(&web, phase, &name),
                Edit::Record => forgotten(&web, &name),
                Edit::Recreate => anew(&web, &name),
                // Without the label it is what it is to be in the end: that is waited for.
                Edit::Marker if ["Promoting", "Aborting"].contains(&phase) => {
                    ended(&web, phase, &name);
                }
                _ => {
                    hands_off(&web, &name);
                    let back = "abort web --force-conflicts --timeout 100s";
                    let back = web.canary(back).run();
                    assert_eq!(back.code, Some(0), "{name}\n{back}");
                }
            }
        }
        web.is_clean();
        if edit == Edit::Recreate {
            continue;
        }
        let mut after = web.snapshot();
        if edit == Edit::Scale {
            assert_eq!(after["spec"]["replicas"], 12, "{name}");
            after["spec"]["replicas"] = before["spec"]["replicas"].clone();
        }
        if edit == Edit::Record {
            // Nothing says any more what it was.
            after["spec"]["strategy"] = before["spec"]["strategy"].clone();
        }
        // Without a record nobody knows that it was not to be.
        let kept = [Edit::Scale, Edit::Record, Edit::Marker];
        let promoted = phase == "Promoting" && kept.contains(&edit);
        if !promoted {
            assert_eq!(after, before, "{name}");
            eventually("everything is stable", || {
                web.sizes().keys().eq(["1"].iter())
            });
        }
        let seen = watcher.seen();
        let fewest = fewest(edit, phase);
        assert!(seen.fewest_ready >= fewest, "{name}: {seen:?}");
    }
}

/// How many pods are Ready at every moment.
fn fewest(edit: Edit, phase: &str) -> usize {
    match (phase, edit) {
        // Stable pods are down to what the canary had stood in for.
        ("Settling", _) => 6,
        // Without a surge the native way back is one by one.
        ("Holding", Edit::Pause) => 9,
        // A quarter may be unavailable now.
        (_, Edit::Manifest | Edit::Strategy) => 8,
        _ => 10,
    }
}

/// Checks that what is on its last way is driven to its end, and called that no sooner.
fn ended(web: &Web<'_>, phase: &str, name: &str) {
    let resumed = web.canary("resume web").run();
    assert_eq!(resumed.code, Some(0), "{name}\n{resumed}");
    let tag = if phase == "Promoting" { "2" } else { "1" };
    assert_eq!(web.sizes(), [(tag.to_owned(), 10)].into(), "{name}");
}

/// Checks that a hold without a record is found, and goes back by what its ReplicaSets say.
fn forgotten(web: &Web<'_>, name: &str) {
    let status = web.canary("status web -o json").run();
    assert_eq!(status.json()["phase"], "Orphan", "{name}\n{status}");
    for words in ["web 30% --restart", "promote web", "abort web"] {
        let run = web.canary(words).run();
        assert!([Some(1), Some(5)].contains(&run.code), "{name}\n{run}");
    }
    let fixed = web.canary("doctor web --fix").run();
    assert_eq!(fixed.code, Some(0), "{name}\n{fixed}");
    web.kubectl("rollout status deployment/web --timeout=100s")
        .run()
        .success();
}

/// Checks that what was made anew has no canary, and that its own can be started.
fn anew(web: &Web<'_>, name: &str) {
    // Once its record is gone there is nothing to resume.
    for (words, nothing) in [("promote web", 1), ("resume web", 0)] {
        let run = web.canary(words).run();
        assert!(
            [Some(nothing), Some(5)].contains(&run.code),
            "{name}\n{run}"
        );
    }
    eventually("the record goes", || {
        web.canary("doctor web --fix").run().code == Some(0)
            && web.get("configmap rollout-canary.web").is_none()
    });
    web.start("30%").success();
    web.aborts();
    assert_eq!(web.sizes(), [("1".to_owned(), 3)].into(), "{name}");
}

/// Checks that a driver goes on with another number of replicas to where it wanted.
fn followed(web: &Web<'_>, phase: &str, name: &str) {
    let resumed = web.canary("resume web").run();
    assert_eq!(resumed.code, Some(0), "{name}\n{resumed}");
    match phase {
        "Promoting" => assert_eq!(web.sizes(), [("2".to_owned(), 12)].into(), "{name}"),
        "Aborting" => assert_eq!(web.sizes(), [("1".to_owned(), 12)].into(), "{name}"),
        _ => {
            let (stable, canary) = web.split();
            assert!(
                canary > 0 && canary < stable && stable + canary >= 12,
                "{name}: {stable}+{canary}"
            );
            web.aborts();
        }
    }
}

/// Checks that nobody writes and everybody says so.
#[track_caller]
fn hands_off(web: &Web<'_>, name: &str) {
    let before = generation(web);
    for words in ["resume web", "promote web", "web 30%"] {
        let run = web.canary(words).run();
        assert_eq!(run.code, Some(5), "{name}\n{run}");
    }
    assert_eq!(generation(web), before, "{name}: nothing is written");
    let status = web.canary("status web -o json").run();
    assert_eq!(status.json()["phase"], "Conflict", "{name}\n{status}");
}

fn exact(suite: &Suite) {
    let through = suite.proxied();
    let web = suite.web(5, json!({"maxSurge": 2, "maxUnavailable": 1}));
    let before = web.snapshot();
    let watcher = web.watch();
    for phase in ["Ramping", "Settling", "Holding", "Promoting", "Aborting"] {
        bring(&web, &through, phase);
        web.aborts();
        assert_eq!(web.snapshot(), before, "from {phase}");
        assert_eq!(web.sizes(), [("1".to_owned(), 5)].into(), "from {phase}");
        web.is_clean();
    }
    let seen = watcher.seen();
    assert!(seen.fewest_ready >= 5, "{seen:?}");
    drop(watcher);
    let revisions = || {
        let sets = web.get("replicasets").expect("a list")["items"].clone();
        let sets = sets.as_array().cloned().unwrap_or_default();
        sets.into_iter().map(|set| {
            let annotations = &set["metadata"]["annotations"];
            let revision = &annotations["deployment.kubernetes.io/revision"];
            revision.as_str().unwrap_or_default().to_owned()
        })
    };
    let all: Vec<String> = revisions().collect();
    assert_eq!(all.len(), 2, "stable and canary: {all:?}");
    // An undo gives its revision a new number: both are gone to, there and back.
    for _ in 0..2 {
        let oldest = revisions().min_by_key(|number| number.parse::<u32>().unwrap_or(0));
        let oldest = oldest.expect("a revision");
        let undo = format!("rollout undo deployment/web --to-revision={oldest}");
        web.kubectl(&undo).run().success();
        web.kubectl("rollout status deployment/web --timeout=100s")
            .run()
            .success();
        web.is_clean();
        let mut spec = web.deployment()["spec"].clone();
        spec["template"] = before["spec"]["template"].clone();
        assert_eq!(spec, before["spec"], "after {undo}");
    }
    assert_eq!(web.snapshot()["spec"], before["spec"]);
}

/// The driver is alive, and its write is on its way while somebody else makes theirs.
fn in_between(suite: &Suite) {
    let through = suite.proxied();
    let web = suite.web(10, Value::Null);
    let before = web.snapshot();
    let watcher = web.watch();
    for (words, on) in [
        (START, Match::write(3)),
        ("promote web", patch()),
        ("abort web", patch()),
    ] {
        if words != START {
            web.start("40%").success();
        }
        through.proxy.forget();
        let late = Fault::Delay(Duration::from_secs(4));
        through.proxy.add(Rule::once(on, late));
        let mut child = spawn(suite, &web, words, &through);
        let is_late = || {
            through
                .proxy
                .log()
                .iter()
                .any(|entry| entry.fault.is_some())
        };
        eventually("the write is on its way", is_late);
        web.kubectl(Edit::Image.words(false)).run().success();
        let edited = generation(&web);
        let ended = child.wait().expect("it ends");
        through.proxy.heal();
        assert_eq!(ended.code(), Some(5), "{words} hands off");
        assert_eq!(generation(&web), edited, "{words}: nothing is written");
        let back = web.canary("abort web --force-conflicts").run();
        back.success().answers("0 differences");
        assert_eq!(web.snapshot(), before, "{words}");
        web.is_clean();
    }
    let seen = watcher.seen();
    assert!(seen.fewest_ready >= 10, "{seen:?}");
}
