mod ahead;
mod others;
mod promise;

use jiff::Timestamp;
use serde_json::json;

use crate::model::controller::world::World;
use crate::model::machine::is_driven;
use crate::model::machine::next;
use crate::model::machine::next::{End, Next, Waiting};
use crate::model::machine::seen::Seen;
use crate::model::machine::split::choose;
use crate::model::record::form::{Original, Purpose};
use crate::model::record::{Goal, Layout, Record, VERSION};
use crate::model::traffic::Router;
use crate::model::walk::{Walk, put, sight, walk};
use crate::model::weight::Weight;

pub fn hold(percent: f64) -> Goal {
    Goal::Hold {
        weight: Weight::try_from(percent).unwrap(),
    }
}

pub fn record(replicas: i32, percent: f64, layout: Layout, budget: i32) -> Record {
    Record {
        by: String::new(),
        managers: Vec::new(),
        version: VERSION,
        run: "r1".to_owned(),
        fence: 1,
        uid: "u1".to_owned(),
        since: Timestamp::UNIX_EPOCH,
        original: Original {
            template: json!({"image": "one"}),
            pending: false,
            replicas,
            min_ready: 0,
            deadline: Some(600),
            strategy: json!({"type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}),
            keeper: None,
            managers: Vec::new(),
        },
        canary: json!({"image": "two"}),
        stable_hash: "abc".to_owned(),
        budget,
        layout,
        accept_weight: false,
        goal: hold(percent),
        seq: 1,
        forms: Vec::new(),
        rollout: None,
        asked: None,
        judge: None,
        router: Router::default(),
        shared: None,
        driver: None,
        request: None,
    }
}

pub fn start(replicas: i32, percent: f64, layout: Layout) -> Walk {
    let budget = (replicas + 3) / 4;
    let record = record(replicas, percent, layout, budget);
    let own = record.own_steps(replicas);
    walk(record, World::at_rest(replicas, own), None)
}

pub fn go_on(from: Walk, goal: Goal) -> Walk {
    let Walk {
        mut record,
        world,
        form,
        ..
    } = from;
    record.aim(goal);
    walk(record, world, form)
}

pub fn sizes(walk: &Walk) -> (i32, i32) {
    sizes_of(&walk.world)
}

pub fn sizes_of(world: &World) -> (i32, i32) {
    (world.stable.size, world.canary.size)
}

pub fn abort() -> Goal {
    Goal::Abort {
        keep_spec: false,
        force: false,
        reason: String::new(),
        failed: None,
        by: String::new(),
    }
}

pub fn promote() -> Goal {
    Goal::Promote { by: String::new() }
}

fn purposes(walk: &Walk) -> Vec<Purpose> {
    walk.stages.iter().map(|stage| stage.form.purpose).collect()
}

#[test]
fn ten_percent_of_ten_takes_three_patches_and_parks_as_eleven_and_one() {
    let walk = start(10, 10.0, Layout::Auto);
    assert_eq!(walk.end, Ok(End::Parked));
    assert_eq!(sizes(&walk), (11, 1));
    assert_eq!(
        purposes(&walk),
        [Purpose::Ramp, Purpose::Widen, Purpose::Park]
    );
    assert_eq!(walk.extremes.most, 12);
    assert_eq!(walk.extremes.fewest_ready, 10);
}

/// I1 with surge: stable pods alone are as many as the replicas, so that a canary may die at any
/// moment.
#[test]
fn with_surge_a_canary_that_dies_costs_no_ready_pod_at_any_moment() {
    let mut tried = 0;
    for replicas in [3, 4, 5, 7, 10, 23, 60, 200] {
        for budget in [2, 3, (replicas + 3) / 4, replicas] {
            for (from, to) in [(1.0, 10.0), (10.0, 20.0), (20.0, 5.0), (40.0, 10.0)] {
                let name = format!("{replicas} + {budget}: {from} → {to}");
                let record = record(replicas, from, Layout::Surge, budget);
                let own = record.own_steps(replicas);
                if choose(
                    replicas,
                    own,
                    budget,
                    Layout::Surge,
                    Weight::try_from(from).unwrap(),
                )
                .is_none()
                {
                    continue;
                }
                tried += 1;
                let first = walk(record, World::at_rest(replicas, own), None);
                assert_eq!(first.end, Ok(End::Parked), "{name}");
                assert!(sizes(&first).0 > replicas, "{name}");
                let second = go_on(first.clone(), hold(to));
                assert_eq!(second.end, Ok(End::Parked), "{name}");
                let back = go_on(second.clone(), abort());
                for extremes in [first.extremes, second.extremes, back.extremes] {
                    assert!(extremes.fewest_stable >= replicas, "{name}: {extremes:?}");
                    let (sized, most) = (extremes.most_sized, extremes.most);
                    assert!(sized <= replicas + budget, "{name}: {extremes:?}");
                    assert!(most <= replicas + 2 * budget, "{name}: {extremes:?}");
                }
                // Upwards nothing is done natively.
                if from < to {
                    let most = second.extremes.most;
                    assert!(most <= replicas + budget, "{name}: {most}");
                }
            }
        }
    }
    assert!(tried > 60, "{tried}");
}

/// A canary that dies once the stable pods above the replicas were asked for keeps nothing waiting.
#[test]
fn a_widened_rollout_is_parked_whoever_is_ready() {
    let whole = start(10, 10.0, Layout::Surge);
    let form = whole.record.forms[1];
    assert_eq!(form.purpose, Purpose::Widen);
    let mut world = World::at_rest(10, whole.record.own_steps(10));
    for form in &whole.record.forms[..2] {
        put(&mut world, &whole.record, form);
        world.run();
    }
    let mut seen = sight(&whole.record, &world, Some(form));
    seen.canary.ready = 0;
    seen.stable.ready = 10;
    let parks = |seen: &Seen| matches!(next(&whole.record, seen), Next::Write(form) if form.purpose == Purpose::Park);
    assert!(parks(&seen));
    // Sizes that the controller has not made yet are waited for.
    seen.stable.size = 10;
    assert_eq!(next(&whole.record, &seen), Next::Wait(Waiting::Sizes));
    seen.stable.size = 11;
    seen.current = false;
    assert_eq!(next(&whole.record, &seen), Next::Wait(Waiting::Controller));
}

/// I1, I2, I3 and I5 of every way, in the model.
#[test]
fn from_every_weight_to_every_other_out_and_back_nothing_is_lost() {
    let weights = [1.0, 10.0, 25.0, 33.0, 50.0, 75.0];
    for replicas in [3, 4, 5, 7, 10, 23, 60] {
        for layout in [Layout::Auto, Layout::Replace] {
            for from in weights {
                for to in weights {
                    let name = format!("{replicas} {layout:?} {from} → {to}");
                    let first = start(replicas, from, layout);
                    assert_eq!(first.end, Ok(End::Parked), "{name}");
                    let budget = first.record.budget;
                    let second = go_on(first, hold(to));
                    assert_eq!(second.end, Ok(End::Parked), "{name}");
                    let (stable, canary) = sizes(&second);
                    assert!(canary >= 1 && canary < stable, "{name}");
                    for (goal, last) in [(promote(), (0, replicas)), (abort(), (replicas, 0))] {
                        let end = go_on(second.clone(), goal);
                        assert!(end.end.is_ok(), "{name}: {:?}", end.end);
                        assert_eq!(sizes(&end), last, "{name}");
                        let extremes = end.extremes.and(second.extremes);
                        assert!(extremes.fewest_ready >= replicas, "{name}: {extremes:?}");
                        let (sized, most) = (extremes.most_sized, extremes.most);
                        assert!(sized <= replicas + budget, "{name}: {extremes:?}");
                        assert!(most <= replicas + 2 * budget, "{name}: {extremes:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_abort_from_anywhere_on_the_way_comes_back_to_what_was() {
    let whole = start(10, 30.0, Layout::Auto);
    for stages in 0..=whole.record.forms.len() {
        // The run was killed after that many patches.
        let mut record = record(10, 30.0, Layout::Auto, whole.record.budget);
        let mut world = World::at_rest(10, record.own_steps(10));
        for form in &whole.record.forms[..stages] {
            record.forms.push(*form);
            put(&mut world, &record, form);
            world.run();
        }
        // The whole way was announced, as far as it could be foreseen.
        record.forms.clone_from(&whole.record.forms);
        let form = record.forms[..stages].last().copied();
        record.aim(abort());
        let back = walk(record, world, form);
        assert_eq!(back.end, Ok(End::Aborted), "after {stages}");
        assert_eq!(sizes(&back), (10, 0));
        assert_eq!(back.extremes.fewest_ready, 10);
    }
}

#[test]
fn one_and_two_replicas_hold_with_one_canary_beside() {
    for replicas in [1, 2] {
        let walk = start(replicas, 10.0, Layout::Auto);
        assert_eq!(walk.end, Ok(End::Held));
        assert_eq!(sizes(&walk), (replicas, 1));
        let up = go_on(walk.clone(), promote());
        assert_eq!(
            (up.end.clone(), sizes(&up)),
            (Ok(End::Promoted), (0, replicas))
        );
        let back = go_on(walk, abort());
        assert_eq!(
            (back.end.clone(), sizes(&back)),
            (Ok(End::Aborted), (replicas, 0))
        );
    }
}

#[test]
fn one_and_two_replicas_hold_only_while_driven_unless_that_was_accepted() {
    let driven = |replicas, change: &dyn Fn(&mut Record, &mut Seen)| {
        let walk = start(replicas, 40.0, Layout::Auto);
        let mut seen = sight(&walk.record, &walk.world, walk.form);
        let mut record = walk.record;
        change(&mut record, &mut seen);
        is_driven(&record, &seen)
    };
    for replicas in [1, 2] {
        assert!(driven(replicas, &|_, _| {}));
        assert!(!driven(replicas, &|record, _| record.accept_weight = true));
        assert!(!driven(replicas, &|record, _| record.aim(abort())));
    }
    assert!(!driven(10, &|_, _| {}));
    // Parked before it was scaled down, it is safe without a driver.
    assert!(!driven(10, &|_, seen| seen.replicas = 2));
}

pub fn parked() -> (Record, Seen) {
    let walk = start(10, 10.0, Layout::Auto);
    let seen = sight(&walk.record, &walk.world, walk.form);
    (walk.record, seen)
}

#[test]
fn nothing_grows_before_the_gate_is_open() {
    let (mut record, seen) = parked();
    record.aim(hold(30.0));
    let after = |change: &dyn Fn(&mut Seen)| {
        let mut seen = seen.clone();
        change(&mut seen);
        next(&record, &seen)
    };
    assert!(matches!(after(&|_| {}), Next::Write(form) if form.purpose == Purpose::Ramp));
    for waiting in [
        after(&|seen| seen.current = false),
        after(&|seen| seen.stable.observed = false),
        after(&|seen| seen.canary.observed = false),
        after(&|seen| seen.stable.ready = 10),
        after(&|seen| seen.stable.pods = 12),
        after(&|seen| seen.canary.ready = 0),
    ] {
        assert!(matches!(waiting, Next::Wait(_)), "{waiting:?}");
    }
}

/// Two ways can lead through forms with the same fields; the marker tells which one it is.
#[test]
fn a_form_ahead_that_looks_the_same_is_not_taken_for_the_one_that_is() {
    let first = start(23, 10.0, Layout::Replace);
    assert_eq!(sizes(&first), (21, 2));
    let second = go_on(first.clone(), hold(40.0));
    assert_eq!(second.end, Ok(End::Parked));
    let mut record = second.record.clone();
    record.goal = hold(40.0);
    let seen = sight(&record, &first.world, first.form);
    assert!(matches!(next(&record, &seen), Next::Write(form) if form.purpose == Purpose::Ramp));
}

#[test]
fn a_settle_waits_for_every_canary_and_its_age() {
    let walk = start(10, 10.0, Layout::Replace);
    let mut record = walk.record;
    record.forms.truncate(1);
    let form = record.forms[0];
    let mut world = World::at_rest(10, record.own_steps(10));
    put(&mut world, &record, &form);
    world.run();
    let mut seen = sight(&record, &world, Some(form));
    assert!(matches!(next(&record, &seen), Next::Write(form) if form.purpose == Purpose::Settle));
    seen.canary.aged = false;
    assert_eq!(next(&record, &seen), Next::Wait(Waiting::Age));
    seen.canary.ready = 0;
    assert_eq!(next(&record, &seen), Next::Wait(Waiting::Canary));
}

#[test]
fn a_dead_canary_does_not_keep_an_abort_from_going() {
    let (mut record, mut seen) = parked();
    record.aim(abort());
    seen.canary.ready = 0;
    assert!(matches!(next(&record, &seen), Next::Write(form) if form.purpose == Purpose::Revert));
    // What the bug of the stale count needs: a status from before the set was shrunk.
    seen.stable.pods = 12;
    assert_eq!(next(&record, &seen), Next::Wait(Waiting::Controller));
}
