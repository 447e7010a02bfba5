//! What others do to the Deployment.

use serde_json::json;

use crate::model::conflict::Conflict;
use crate::model::controller::world::World;
use crate::model::machine::next;
use crate::model::machine::next::{End, Next, Waiting};
use crate::model::machine::seen::Seen;
use crate::model::machine::tests::{abort, go_on, parked, promote, sizes, sizes_of, start};
use crate::model::record::form::Purpose;
use crate::model::record::{Goal, Layout};
use crate::model::walk::{put, sight, walk};

#[test]
fn what_others_do_is_recognized_as_what_it_is() {
    let (record, seen) = parked();
    let stops = |change: &dyn Fn(&mut Seen)| {
        let mut seen = seen.clone();
        change(&mut seen);
        match next(&record, &seen) {
            Next::Stop(conflict) => conflict,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        stops(&|seen| seen.uid = "u2".to_owned()),
        Conflict::Recreated
    );
    assert_eq!(stops(&|seen| seen.deleting = true), Conflict::Deleted);
    assert_eq!(
        stops(&|seen| seen.shape.template = None),
        Conflict::Template
    );
    assert_eq!(stops(&|seen| seen.shape.paused = false), Conflict::Resumed);
    assert_eq!(stops(&|seen| seen.marker = None), Conflict::Marker);
    assert_eq!(
        stops(&|seen| seen.marker = Some("other.1.3".to_owned())),
        Conflict::Marker
    );
    assert_eq!(stops(&|seen| seen.canary.size = 0), Conflict::Vanished);
    assert_eq!(stops(&|seen| seen.replicas = 0), Conflict::ScaledToZero);
    assert_eq!(
        stops(&|seen| seen.third = Some("web-3".to_owned())),
        Conflict::ThirdSet("web-3".to_owned())
    );
    assert_eq!(
        stops(&|seen| {
            seen.shape.strategy = json!({});
            seen.shape.min_ready = 7;
        }),
        Conflict::Fields(vec!["spec.minReadySeconds", "spec.strategy"])
    );
}

#[test]
fn a_canary_without_pods_is_never_promoted() {
    for layout in [Layout::Surge, Layout::Replace] {
        let there = start(10, 20.0, layout);
        let mut record = there.record.clone();
        record.aim(promote());
        let mut seen = sight(&record, &there.world, there.form);
        assert!(matches!(next(&record, &seen), Next::Write(_)), "{layout:?}");
        (seen.canary.size, seen.canary.pods, seen.canary.ready) = (0, 0, 0);
        assert_eq!(next(&record, &seen), Next::Stop(Conflict::Vanished));
        seen.replicas = 0;
        assert_eq!(next(&record, &seen), Next::Stop(Conflict::ScaledToZero));
    }
}

#[test]
fn an_autoscaler_is_not_a_conflict() {
    let (record, mut seen) = parked();
    seen.replicas = 12;
    (seen.stable.size, seen.stable.pods, seen.stable.ready) = (13, 13, 13);
    assert_eq!(next(&record, &seen), Next::Done(End::Parked));
}

/// Somebody takes the label away while the controller is still at work, and the Deployment's own
/// strategy is that of the native way.
#[test]
fn what_looks_like_the_end_is_waited_for() {
    for (goal, end) in [(promote(), End::Promoted), (abort(), End::Aborted)] {
        let there = start(10, 40.0, Layout::Replace);
        let out = go_on(there.clone(), goal);
        assert_eq!(out.end, Ok(end));
        let last = out.form.unwrap();
        assert_eq!(last.purpose, Purpose::Final);
        let on_the_way = sight(&out.record, &there.world, Some(last));
        assert_eq!(next(&out.record, &on_the_way), Next::Wait(Waiting::Sizes));
        let at_the_end = sight(&out.record, &out.world, Some(last));
        assert_eq!(next(&out.record, &at_the_end), Next::Done(end));
    }
}

/// Otherwise what is scaled up again would all be the canary: no set has pods, and the newest gets
/// them.
#[test]
fn what_is_held_and_scaled_to_zero_is_taken_back_before_it_comes_back() {
    let whole = start(10, 10.0, Layout::Auto);
    for form in whole.record.forms.iter().filter(|form| form.held) {
        let mut record = whole.record.clone();
        let mut world = World::at_rest(10, record.own_steps(10));
        put(&mut world, &record, form);
        world.run();
        world.replicas = 0;
        world.run();
        let mut alone = world;
        alone.replicas = 10;
        alone.run();
        assert_eq!(sizes_of(&alone), (0, 10), "{form:?}: left alone");
        let resumed = walk(record.clone(), alone, Some(*form));
        assert_eq!(resumed.end, Ok(End::Parked), "{form:?}: resumed");
        assert_eq!(sizes(&resumed), (11, 1), "{form:?}: resumed");
        assert_eq!(resumed.extremes.fewest_ready, 10, "{form:?}: resumed");
        let seen = sight(&record, &world, Some(*form));
        let Next::Write(back) = next(&record, &seen) else {
            panic!("{form:?}: nothing is written")
        };
        let back = record.announce(&back);
        put(&mut world, &record, &back);
        world.run();
        let seen = sight(&record, &world, Some(back));
        let stop = Next::Stop(Conflict::ScaledToZero);
        assert_eq!(next(&record, &seen), stop, "{form:?}");
        let mut again = world;
        again.replicas = 10;
        again.run();
        assert_eq!(sizes_of(&again), (10, 0), "{form:?}");
        record.aim(abort());
        let end = walk(record, world, Some(back));
        assert_eq!(end.end, Ok(End::Aborted), "{form:?}");
    }
}

#[test]
fn a_way_back_with_a_third_set_is_written_once_and_waited_for() {
    let (mut record, mut seen) = parked();
    seen.shape.template = None;
    seen.third = Some("web-3".to_owned());
    record.aim(Goal::Abort {
        keep_spec: false,
        force: true,
        reason: String::new(),
        failed: None,
        by: String::new(),
    });
    let Next::Write(form) = next(&record, &seen) else {
        panic!("nothing is written")
    };
    let form = record.announce(&form);
    seen.shape = form.shape(&record.original);
    seen.marker = Some(record.marker(form.id));
    assert_eq!(next(&record, &seen), Next::Wait(Waiting::Sizes));
    // Somebody edits once more.
    seen.shape.template = None;
    assert!(matches!(next(&record, &seen), Next::Write(form) if form.purpose == Purpose::Revert));
}
