//! What is foreseen is what is done.

use crate::model::controller::world::World;
use crate::model::machine::tests::{abort, promote, start};
use crate::model::record::Layout;
use crate::model::record::form::Purpose;
use crate::model::walk::{Stage, Walk, from_here, put, sight, walk};

fn forms(stages: &[Stage]) -> Vec<(Purpose, i32, i32)> {
    let form = |stage: &Stage| (stage.form.purpose, stage.form.stable, stage.form.canary);
    stages.iter().map(form).collect()
}

/// Looks ahead from every form on a way that begins in a world.
fn looks_ahead(way: &Walk, mut world: World) {
    for (done, stage) in way.stages.iter().enumerate() {
        put(&mut world, &way.record, &stage.form);
        world.run();
        let seen = sight(&way.record, &world, Some(stage.form));
        let rest = from_here(&way.record, &seen);
        assert_eq!(
            forms(&rest.stages),
            forms(&way.stages[done + 1..]),
            "{stage:?}"
        );
        assert_eq!(rest.end, way.end);
    }
}

#[test]
fn the_rest_of_a_way_is_foreseen_from_every_form_on_it() {
    for layout in [Layout::Surge, Layout::Replace] {
        for percent in [10.0, 20.0, 40.0] {
            let there = start(10, percent, layout);
            let own = there.record.own_steps(10);
            looks_ahead(&there, World::at_rest(10, own));
            for goal in [promote(), abort()] {
                let mut record = there.record.clone();
                record.aim(goal);
                let out = walk(record, there.world, there.form);
                looks_ahead(&out, there.world);
            }
        }
    }
}
