//! The engine against a second evaluator that is as plain as the specification.

mod naive;
mod random;

use std::collections::BTreeSet;

use can_i_audit::model::engine::World;
use can_i_audit::model::question::{Action, Question, Resource, Target};
use can_i_audit::model::subject::{Principal, Subject};

use random::Random;

const WORLDS: u64 = 60;
const QUESTIONS: usize = 2_000;

#[test]
fn the_engine_and_the_naive_evaluator_agree_in_every_chain() {
    let mut allowed = 0;
    for seed in 0..WORLDS {
        let mut random = Random::new(seed);
        let mut policy = random.policy();
        policy.sort();
        let world = World::new(&policy);
        for number in 0..QUESTIONS {
            let question = random.question();
            let grants = world.grants(&question);
            let found: BTreeSet<_> = grants
                .chains
                .iter()
                .map(|chain| (chain.binding, chain.subject, chain.rule))
                .collect();
            let expected = naive::chains(&policy, &question);
            assert_eq!(
                found, expected,
                "seed {seed}, question {number}: {question:?}"
            );
            assert_eq!(grants.allowed(), naive::allows(&policy, &question));
            assert_eq!(grants.allowed(), world.allows(&question));
            allowed += usize::from(grants.allowed());
        }
    }
    // A generator whose questions are all denied would prove nothing.
    let all = usize::try_from(WORLDS).unwrap() * QUESTIONS;
    assert!(
        allowed > all / 10 && allowed < all * 9 / 10,
        "{allowed} of {all}"
    );
}

#[test]
fn who_names_exactly_those_whom_a_question_about_each_would_allow() {
    for seed in 0..20 {
        let mut random = Random::new(1_000 + seed);
        let mut policy = random.policy();
        policy.sort();
        let world = World::new(&policy);
        let subjects: BTreeSet<(Subject, String)> = policy
            .cluster_role_bindings
            .iter()
            .chain(&policy.role_bindings)
            .flat_map(|binding| {
                let inside = &binding.metadata.namespace;
                binding.subjects.iter().filter_map(move |subject| {
                    Some((Subject::of_binding(subject, inside)?, inside.clone()))
                })
            })
            .collect();
        for _ in 0..100 {
            let action = random.question().action;
            let rows: BTreeSet<(Subject, String)> = world
                .who(&action, None)
                .into_iter()
                .map(|row| (row.subject, row.namespace.unwrap_or_default().to_owned()))
                .collect();
            for (subject, scope) in &subjects {
                // Only what this one is bound to itself, in this scope alone.
                let principal = Principal {
                    user: match subject {
                        // The empty name is bound too, and somebody else's.
                        Subject::Group(_) => "no one".to_owned(),
                        _ => subject.user_name(),
                    },
                    groups: match subject {
                        Subject::Group(name) => vec![name.clone()],
                        _ => Vec::new(),
                    },
                };
                let target = match &action.target {
                    Target::Path(path) => Target::Path(path.clone()),
                    Target::Resource(resource) => Target::Resource(Resource {
                        namespace: scope.clone(),
                        ..resource.clone()
                    }),
                };
                let question = Question {
                    principal,
                    action: Action {
                        verb: action.verb.clone(),
                        target,
                    },
                };
                let expected = naive::chains(&policy, &question)
                    .iter()
                    .any(|chain| world.scope_of(chain.0) == scope);
                let found = rows.contains(&(subject.clone(), scope.clone()));
                assert_eq!(
                    found, expected,
                    "seed {seed}: {subject} in {scope:?}: {action}"
                );
            }
        }
    }
}
