use super::*;
use crate::model::found::FoundNamespace;
use crate::model::objects::binding;
use crate::model::onboarding::decide::tests::{decide, held, issue, nothing, now, recorded};
use crate::model::onboarding::{decide, rights};

/// Everything as a run with these options leaves it.
fn finished(options: &Options) -> Observed {
    let mut observed = Observed {
        record: recorded(vec![issue(1, 30)]),
        file: held(1, 30),
        ..nothing()
    };
    let plan = decide(options, &observed).unwrap();
    let user = &options.user;
    let steps = steps(options, &plan, &observed, now());
    for step in steps.grant {
        match step.what {
            Grant::Namespace(found) => {
                let metadata = found.metadata;
                observed.namespace = Some(FoundNamespace {
                    labels: metadata.labels.clone().unwrap_or_default(),
                    annotations: metadata.annotations.clone().unwrap_or_default(),
                    ..FoundNamespace::default()
                });
            }
            Grant::Limits(found) => observed.existing.limits = Some(found),
            Grant::Quota(found) => observed.existing.quota = Some(found),
            Grant::Policy(found) => observed.existing.policy = Some(found),
            Grant::Bind(Bound::Place(place)) => {
                let holders = &plan.holders.after;
                let (name, role) = (&place.namespace, &place.role);
                let found = binding::role_binding(name, user, role, holders);
                observed.bindings.push(found);
            }
            Grant::Bind(_) | Grant::Unbind(_) | Grant::Replace(..) => {}
        }
    }
    let mut record = observed.record.take().unwrap();
    record.record.settings = plan.settings;
    observed.record = Some(record);
    observed
}

fn changed(options: &Options, observed: &Observed) -> Vec<String> {
    let plan = decide(options, observed).unwrap();
    let steps = steps(options, &plan, observed, now());
    let all = steps.lines();
    let changed = all.filter(|line| line.change != Change::Unchanged);
    changed
        .map(|line| format!("{} {}", line.object, line.change))
        .collect()
}

#[test]
fn what_is_finished_is_unchanged_step_by_step() {
    let options = decide::tests::options();
    let observed = finished(&options);
    assert_eq!(changed(&options, &observed), Vec::<String>::new());
    let plan = decide(&options, &observed).unwrap();
    let steps = steps(&options, &plan, &observed, now());
    assert_eq!(steps.lines().count(), 7);
    assert!(steps.areas().is_empty());
}

#[test]
fn what_was_drifted_is_configured_and_nothing_else() {
    let options = decide::tests::options();
    let mut observed = finished(&options);
    if let Some(quota) = &mut observed.existing.quota {
        quota.spec = None;
    }
    observed.existing.policy = None;
    let wanted = [
        "resourcequota/alice/onboard configured",
        "networkpolicy/alice/default-deny created",
    ];
    assert_eq!(changed(&options, &observed), wanted);
}

#[test]
fn a_renewal_without_grace_gives_before_it_takes() {
    let options = decide::tests::renewing();
    let observed = finished(&decide::tests::options());
    let wanted = [
        "rolebinding/alice/onboard-alice configured",
        "generation 2 issued",
        "configmap/groundcrew-system/onboard-alice configured",
        "rolebinding/alice/onboard-alice configured",
        "generation 1 revoked",
    ];
    assert_eq!(changed(&options, &observed), wanted);
}

#[test]
fn another_role_replaces_the_binding_and_its_reverse_puts_it_back() {
    let options = decide::tests::options();
    let mut observed = finished(&options);
    "admin".clone_into(&mut observed.bindings[0].role_ref.name);
    let left = binding::next(&observed.bindings[0], &options.user);
    observed.unfinished = vec![left];
    let wanted = [
        "rolebinding/alice/onboard-alice replaced",
        "rolebinding/alice/onboard-alice:next deleted",
    ];
    assert_eq!(changed(&options, &observed), wanted);
    let plan = decide(&options, &observed).unwrap();
    let steps = steps(&options, &plan, &observed, now());
    let replaced = &steps.grant[steps.grant.len() - 2];
    let Reverse::PutBack(old) = replaced.reverse(Change::Replaced) else {
        panic!("{replaced:?}");
    };
    assert_eq!(old.role_ref.name, "admin");
    assert!(matches!(replaced.reverse(Change::Unchanged), Reverse::Keep));
    let taken = rights::of_steps(&steps, &observed);
    let taken: Vec<String> = taken.iter().map(ToString::to_string).collect();
    let delete = "delete rolebindings.rbac.authorization.k8s.io in namespace alice";
    assert!(taken.iter().any(|right| right == delete), "{taken:?}");
}

#[test]
fn what_a_step_takes_was_asked_for_before_or_is_asked_for_by_the_step() {
    let options = decide::tests::options();
    let plan = decide(&options, &nothing()).unwrap();
    let steps = steps(&options, &plan, &nothing(), now());
    let asked = rights::required(&options, "alice");
    let taken = rights::of_steps(&steps, &nothing());
    assert!(taken.len() > 5, "{taken:?}");
    for right in taken {
        assert!(asked.contains(&right), "{right}");
    }
}
