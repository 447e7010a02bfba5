//! Random admission at every patch: it refuses, changes, or drops fields. Whatever it does, the run
//! ends after few writes, and the stable pods are back or the user is told.

use serde_json::{Value, json};

use super::*;
use crate::model::controller::rounding::Steps;
use crate::model::controller::world::{Which, World};
use crate::model::machine::next;
use crate::model::machine::next::{End, Next};
use crate::model::machine::seen::Seen;
use crate::model::machine::tests::{abort, hold, promote};
use crate::model::names::is_hold;
use crate::model::record::Layout;
use crate::model::record::form::Shape;
use crate::model::walk::sight;

/// What admission does with a patch.
#[derive(Clone, Copy, Debug)]
enum Admission {
    Takes,
    Refuses,
    /// Adds to the template.
    Template,
    /// Sets another strategy.
    Strategy,
    /// Takes `paused` away.
    Paused,
    /// Makes minReadySeconds short.
    Seconds,
    /// Takes the marker away.
    Marker,
    /// Adds an annotation that nobody asks for.
    Else,
}

fn any(random: &mut fastrand::Rng, often: u8) -> Admission {
    use Admission::{Else, Marker, Paused, Refuses, Seconds, Strategy, Takes, Template};
    if random.u8(..100) >= often {
        return Takes;
    }
    let all = [Refuses, Template, Strategy, Paused, Seconds, Marker, Else];
    all[random.usize(..all.len())]
}

/// Returns the Deployment as it is stored once admission has had it.
fn stored(record: &Record, form: &Form, admission: Admission) -> Value {
    let shape = form.shape(&record.original);
    let mut template = record.template(form.template).cloned().unwrap_or_default();
    let mut deployment = json!({"metadata": {"labels": {}, "annotations": {}}, "spec": {
        "minReadySeconds": shape.min_ready, "progressDeadlineSeconds": shape.deadline,
        "paused": shape.paused, "strategy": shape.strategy}});
    if form.purpose != Purpose::Final {
        deployment["metadata"]["labels"][MARKER] = record.marker(form.id).into();
    }
    match admission {
        Admission::Template => template["team"] = "x".into(),
        Admission::Strategy => {
            deployment["spec"]["strategy"] = json!({"type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 7, "maxUnavailable": 7}});
        }
        Admission::Paused => deployment["spec"]["paused"] = false.into(),
        Admission::Seconds => deployment["spec"]["minReadySeconds"] = 600.into(),
        Admission::Marker => deployment["metadata"]["labels"] = json!({}),
        Admission::Else => deployment["metadata"]["annotations"] = json!({"policy": "seen"}),
        Admission::Takes | Admission::Refuses => {}
    }
    deployment["spec"]["template"] = template;
    deployment
}

/// Lets the model act on what is stored, and returns what is seen then.
fn happen(record: &Record, world: &mut World, form: Form, deployment: &Value) -> Seen {
    let spec = &deployment["spec"];
    let shape = Shape::of(spec, record);
    world.held = is_hold(&spec["minReadySeconds"]);
    world.paused = shape.paused;
    world.newest = match shape.template {
        Some(crate::model::record::form::Template::Canary) => Which::Canary,
        _ => Which::Stable,
    };
    let numbers = &spec["strategy"]["rollingUpdate"];
    let number = |key: &str| {
        numbers[key]
            .as_i64()
            .and_then(|number| number.try_into().ok())
    };
    world.steps = match (number("maxSurge"), number("maxUnavailable")) {
        (Some(0), Some(0)) => Steps {
            surge: 0,
            unavailable: 1,
        },
        (Some(surge), Some(unavailable)) => Steps { surge, unavailable },
        _ => record.own_steps(world.replicas),
    };
    world.run();
    let marker = deployment["metadata"]["labels"][MARKER].as_str();
    Seen {
        shape,
        marker: marker.map(str::to_owned),
        ..sight(record, world, Some(form))
    }
}

/// A record whose templates have labels, as every template has.
fn record(replicas: i32, percent: i32, layout: Layout, budget: i32) -> Record {
    let template = |image: &str| json!({"metadata": {"labels": {"app": "web"}}, "image": image});
    let mut record =
        crate::model::machine::tests::record(replicas, f64::from(percent), layout, budget);
    record.original.template = template("one");
    record.canary = template("two");
    record
}

#[derive(Debug, PartialEq)]
enum Ended {
    Reached(End),
    Told(Conflict),
    Refused,
    Endless,
}

/// Drives as `drive::run` does, over the model and this admission.
fn drive(
    mut record: Record,
    mut admits: impl FnMut(u32) -> Admission,
) -> (Ended, u32, World, bool) {
    let mut world = World::at_rest(record.original.replicas, record.own_steps(10));
    let mut seen = sight(&record, &world, None);
    let mut writes = Writes::default();
    let (mut sent, mut turned) = (0, false);
    for _ in 0..1000 {
        let mut form = match next(&record, &seen) {
            Next::Write(form) => form,
            Next::Done(end) => return (Ended::Reached(end), sent, world, turned),
            Next::Stop(conflict) => return (Ended::Told(conflict), sent, world, turned),
            Next::Wait(_) => return (Ended::Endless, sent, world, turned),
        };
        if record.announced(&form).is_none() {
            form = record.announce(&form);
        }
        let form = record.announced(&form).unwrap();
        loop {
            sent += 1;
            let admission = admits(sent);
            if let Admission::Refuses = admission {
                if let Goal::Hold { .. } = record.goal {
                    record.aim(forced());
                    turned = true;
                    break;
                }
                return (Ended::Refused, sent, world, turned);
            }
            let deployment = stored(&record, &form, admission);
            seen = happen(&record, &mut world, form, &deployment);
            match writes.after(&record, &form, changed(&record, &form, &deployment)) {
                After::GoOn => break,
                After::Again => {}
                After::TurnBack(_) => {
                    record.aim(forced());
                    turned = true;
                    break;
                }
                After::Stop(conflict) => return (Ended::Told(conflict), sent, world, turned),
            }
        }
    }
    (Ended::Endless, sent, world, turned)
}

fn forced() -> Goal {
    let Goal::Abort {
        keep_spec,
        reason,
        failed,
        by,
        ..
    } = abort()
    else {
        unreachable!("it is one");
    };
    Goal::Abort {
        keep_spec,
        force: true,
        reason,
        failed,
        by,
    }
}

#[test]
fn whatever_admission_does_a_run_ends_after_few_writes_and_stable_or_told() {
    for seed in 0..3000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let replicas = random.i32(3..20);
        let often = [0, 10, 40, 100][random.usize(..4)];
        let layout = [Layout::Surge, Layout::Replace, Layout::Auto][random.usize(..3)];
        let mut record = record(replicas, random.i32(5..45), layout, 3);
        if random.bool() {
            record.aim(hold(25.0));
        }
        // Half of them are a policy that comes at some write and stays.
        let stays = random
            .bool()
            .then(|| (random.u32(1..12), any(&mut random, 101)));
        let admits = |sent: u32| match stays {
            Some((from, admission)) if sent >= from => admission,
            Some(_) => Admission::Takes,
            None => any(&mut random, often),
        };
        let (ended, sent, world, turned) = drive(record, admits);
        assert_ne!(ended, Ended::Endless, "seed {seed}");
        // The longest way to a weight, and twice each form of the way back.
        assert!(sent <= 20, "seed {seed}: {sent} writes, {ended:?}");
        match ended {
            Ended::Reached(End::Aborted) => {
                assert!(turned, "seed {seed}");
                assert_eq!(
                    (world.stable.size, world.canary.size),
                    (replicas, 0),
                    "seed {seed}"
                );
            }
            Ended::Reached(end) => assert!(!turned, "seed {seed}: {end:?}"),
            Ended::Told(_) | Ended::Refused | Ended::Endless => {}
        }
    }
}

#[test]
fn a_policy_that_changes_every_template_is_named_after_two_writes() {
    let mut record = record(4, 25, Layout::Replace, 1);
    record.aim(forced());
    let form = Form {
        purpose: Purpose::Revert,
        ..form()
    };
    let form = record.announce(&form);
    let answered = stored(&record, &form, Admission::Template);
    let mut writes = Writes::default();
    let named = changed(&record, &form, &answered);
    assert_eq!(named, ["spec.template.team"]);
    assert_eq!(writes.after(&record, &form, named.clone()), After::Again);
    let stop = After::Stop(Conflict::Admission(named.clone()));
    assert_eq!(writes.after(&record, &form, named), stop);
}

#[test]
fn what_is_stored_as_it_was_sent_is_no_change() {
    let mut record = record(4, 25, Layout::Replace, 1);
    let form = record.announce(&form());
    for admission in [Admission::Takes, Admission::Else] {
        let answered = stored(&record, &form, admission);
        assert_eq!(
            changed(&record, &form, &answered),
            [] as [String; 0],
            "{admission:?}"
        );
    }
}

#[test]
fn a_promotion_that_admission_changes_goes_back() {
    let mut record = record(4, 25, Layout::Replace, 1);
    record.aim(promote());
    let form = record.announce(&form());
    let answered = stored(&record, &form, Admission::Strategy);
    let named = changed(&record, &form, &answered);
    let after = Writes::default().after(&record, &form, named);
    assert!(matches!(after, After::TurnBack(_)), "{after:?}");
}

#[test]
fn a_fight_with_others_ends() {
    let mut record = record(4, 25, Layout::Replace, 1);
    let form = record.announce(&form());
    let mut writes = Writes::default();
    let mut again = 0;
    while writes.after(&record, &form, Vec::new()) == After::GoOn {
        again += 1;
    }
    assert_eq!(again, SAME - 1);
}

fn form() -> Form {
    Form {
        id: 0,
        purpose: Purpose::Ramp,
        seq: 1,
        replicas: 4,
        stable: 4,
        canary: 1,
        template: crate::model::record::form::Template::Stable,
        held: false,
        paused: false,
        strategy: crate::model::record::form::Strategy::Steps(Steps {
            surge: 1,
            unavailable: 0,
        }),
    }
}
