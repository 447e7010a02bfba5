use crate::model::controller::rounding::Steps;
use crate::model::controller::world::{Set, Which, World};

/// A Deployment paused with these sizes, every annotation being that of a total of `replicas`.
fn paused(replicas: i32, stable: i32, canary: i32) -> World {
    let set = |size, held| Set {
        size,
        ready: size,
        desired: Some(replicas),
        max: Some(replicas),
        held,
    };
    World {
        paused: true,
        stable: set(stable, false),
        canary: set(canary, true),
        ..World::at_rest(
            replicas,
            Steps {
                surge: 0,
                unavailable: 1,
            },
        )
    }
}

fn sizes(world: &World) -> (i32, i32) {
    (world.stable.size, world.canary.size)
}

fn parked_with(world: World, surge: i32) -> (i32, i32) {
    let mut world = World {
        steps: Steps {
            surge,
            unavailable: 1,
        },
        ..world
    };
    world.run();
    sizes(&world)
}

/// The table that was measured on a controller-manager 1.36.
#[test]
fn a_parked_split_becomes_what_the_controller_made_of_it() {
    for (replicas, (stable, canary), surge, becomes) in [
        (10, (9, 1), 0, (9, 1)),
        (10, (9, 1), 2, (11, 1)),
        (10, (8, 2), 4, (11, 3)),
        (10, (7, 3), 4, (10, 0)),
        (5, (4, 1), 2, (6, 1)),
        (23, (21, 2), 4, (25, 2)),
        (23, (18, 5), 3, (20, 6)),
        (3, (2, 1), 2, (3, 0)),
        (4, (3, 1), 1, (4, 0)),
        (2, (1, 1), 2, (2, 0)),
    ] {
        let world = paused(replicas, stable, canary);
        assert_eq!(
            parked_with(world, surge),
            becomes,
            "{replicas}: {stable}+{canary} with {surge}"
        );
    }
}

/// The rows of an autoscaler and of a downscaler that were measured, 10 replicas, 9+1.
#[test]
fn the_share_of_a_parked_canary_never_ratchets_up() {
    let swing = |mut world: World, replicas: &[i32]| {
        let mut seen = Vec::new();
        for replicas in replicas {
            world.replicas = *replicas;
            world.run();
            seen.push(sizes(&world));
        }
        seen
    };
    let nine = paused(10, 9, 1);
    assert_eq!(swing(nine, &[0, 10]), [(0, 0), (10, 0)]);
    assert_eq!(swing(nine, &[1, 10]), [(1, 0), (10, 0)]);
    assert_eq!(
        swing(nine, &[8, 12, 6, 14, 9, 10]),
        [(7, 1), (11, 1), (5, 1), (12, 2), (8, 1), (9, 1)]
    );
    let mut eleven = World {
        steps: Steps {
            surge: 2,
            unavailable: 1,
        },
        ..nine
    };
    eleven.run();
    assert_eq!(
        swing(eleven, &[12, 10, 8, 10]),
        [(13, 1), (11, 1), (9, 1), (11, 1)]
    );
    assert_eq!(swing(eleven, &[0, 10]), [(0, 0), (10, 0)]);
}

#[test]
fn a_held_ramp_makes_the_canary_and_takes_no_stable_pod() {
    for replicas in [1, 3, 10, 200] {
        let mut world = World::at_rest(
            replicas,
            Steps {
                surge: 1,
                unavailable: 0,
            },
        );
        world.held = true;
        world.newest = Which::Canary;
        world.steps = Steps {
            surge: 1,
            unavailable: 0,
        };
        let extremes = world.run();
        assert_eq!(sizes(&world), (replicas, 1));
        assert_eq!(extremes.fewest_ready, replicas);
        assert_eq!(extremes.most, replicas + 1);
    }
}

#[test]
fn a_held_settle_takes_exactly_what_the_canary_replaces() {
    let mut world = World::at_rest(
        10,
        Steps {
            surge: 3,
            unavailable: 0,
        },
    );
    world.held = true;
    world.newest = Which::Canary;
    world.run();
    world.steps = Steps {
        surge: 0,
        unavailable: 3,
    };
    let extremes = world.run();
    assert_eq!(sizes(&world), (7, 3));
    assert_eq!(extremes.fewest_ready, 10);
}

#[test]
fn a_promotion_keeps_the_canary_and_never_has_fewer_ready() {
    let mut world = paused(10, 11, 1);
    world.paused = false;
    world.newest = Which::Canary;
    world.steps = Steps {
        surge: 1,
        unavailable: 0,
    };
    let extremes = world.run();
    assert_eq!(sizes(&world), (0, 10));
    assert_eq!(extremes.fewest_ready, 10);
    assert_eq!(extremes.most_sized, 12);
    // The one that comes is there before the two that go were told to.
    assert_eq!(extremes.most, 13);
}

#[test]
fn a_resumed_parked_canary_goes_by_itself() {
    let mut world = paused(10, 11, 1);
    world.paused = false;
    world.steps = Steps {
        surge: 2,
        unavailable: 1,
    };
    world.run();
    assert_eq!(sizes(&world), (10, 0));
}
