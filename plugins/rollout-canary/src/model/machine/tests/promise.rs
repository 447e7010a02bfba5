//! The promises hold on every way of the model.

use crate::model::controller::world::World;
use crate::model::machine::place::place;
use crate::model::machine::promise::{Broken, Pods, broken, most_pods};
use crate::model::machine::seen::Seen;
use crate::model::machine::tests::{abort, promote, record};
use crate::model::record::{Goal, Layout, Record};
use crate::model::walk::{Walk, put, sight, walk};

fn start(percent: f64, layout: Layout) -> Walk {
    let record = record(10, percent, layout, 3);
    let world = World::at_rest(10, record.own_steps(10));
    walk(record, world, None)
}

fn pods(world: &World) -> Pods {
    Pods {
        ready: world.stable.ready + world.canary.ready,
        stable: world.stable.size,
        stable_ready: world.stable.ready,
        canary: world.canary.size,
    }
}

/// The looks at everything that the model does on the way to a goal and out again.
fn looks(goal: &Goal, mut look: impl FnMut(&Record, &Seen, &World, i32)) {
    for layout in [Layout::Surge, Layout::Replace] {
        let there = start(20.0, layout);
        let mut record = there.record.clone();
        record.aim(goal.clone());
        let out = walk(record, there.world, there.form);
        for way in [there, out] {
            let mut world = World::at_rest(10, way.record.own_steps(10));
            for form in &way.record.forms {
                put(&mut world, &way.record, form);
                let extremes = world.run();
                let seen = sight(&way.record, &world, Some(*form));
                look(&way.record, &seen, &world, extremes.most);
            }
        }
    }
}

#[test]
fn nothing_is_broken_on_any_way_of_the_model() {
    for goal in [promote(), abort()] {
        looks(&goal, |record, seen, world, most| {
            assert_eq!(broken(record, seen, &pods(world)), [], "{world:?}");
            let at = place(record, seen).unwrap().unwrap();
            assert!(most <= most_pods(record, &at), "{at:?}: {most}");
        });
    }
}

#[test]
fn each_promise_is_missed_when_it_is_not_kept() {
    let there = start(10.0, Layout::Surge);
    let seen = sight(&there.record, &there.world, there.form);
    let whole = pods(&there.world);
    let broken = |change: &dyn Fn(&mut Pods)| {
        let mut pods = whole;
        change(&mut pods);
        broken(&there.record, &seen, &pods)
    };
    assert_eq!((whole.stable, whole.canary), (11, 1));
    assert_eq!(broken(&|_| {}), []);
    let (ready, replicas) = (9, 10);
    let dead = broken(&|pods| pods.stable_ready = 9);
    assert_eq!(dead, [Broken::StableReady { ready, replicas }]);
    let both = broken(&|pods| (pods.ready, pods.stable_ready) = (9, 9));
    assert_eq!(both[0], Broken::Ready { ready, replicas });
    let more = broken(&|pods| pods.stable = 13);
    assert_eq!(more, [Broken::Pods { pods: 14, most: 13 }]);
    let more = broken(&|pods| pods.canary = 2);
    let (canaries, most) = (2, 1);
    assert_eq!(more, [Broken::Canaries { canaries, most }]);
    let none = broken(&|pods| (pods.stable, pods.stable_ready) = (0, 0));
    assert!(none.contains(&Broken::Stable), "{none:?}");
}

#[test]
fn what_others_do_to_the_replicas_is_not_this_runs_promise() {
    let there = start(10.0, Layout::Surge);
    let mut seen = sight(&there.record, &there.world, there.form);
    seen.replicas = 6;
    assert_eq!(broken(&there.record, &seen, &pods(&there.world)), []);
    let mut seen = sight(&there.record, &there.world, there.form);
    seen.shape.paused = false;
    let more = Pods {
        canary: 5,
        ..pods(&there.world)
    };
    assert_eq!(broken(&there.record, &seen, &more), []);
}
