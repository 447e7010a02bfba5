//! Grants that come near to what was asked, and what separates them from it.

use crate::model::engine::{Chain, World, url_matches};
use crate::model::policy::{Rule, Subject as Stored};
use crate::model::question::{Question, Resource, Target};
use crate::model::subject::Subject;

/// A grant that does not grant what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// The grant.
    pub chain: Chain,
    /// The differences, each in words.
    pub missing: Vec<String>,
}

/// From this many differences on, a grant is not near.
const FAR: usize = 3;

/// Returns the nearest misses: fewest differences first, then grants to the subject before grants
/// to others, then in the policy's order.
#[must_use]
pub fn misses(world: &World<'_>, question: &Question, most: usize) -> Vec<Miss> {
    let mut found: Vec<((usize, bool, usize, usize), Miss)> = Vec::new();
    for binding in 0..world.binding_count() {
        let Some(role) = world.role(binding) else {
            continue;
        };
        let object = world.binding(binding);
        if object.subjects.is_empty() {
            continue;
        }
        let inside = world.scope_of(binding);
        let position = object
            .subjects
            .iter()
            .position(|subject| is_one(subject, inside, question));
        let (subject, stranger) = match position {
            Some(at) => (at, None),
            None => (0, Subject::of_binding(&object.subjects[0], inside)),
        };
        if position.is_none() && stranger.is_none() {
            continue;
        }
        for (index, rule) in role.rules.iter().enumerate() {
            let Some(mut missing) = differences(rule, question) else {
                continue;
            };
            let namespace = question.action.namespace();
            if !inside.is_empty() && inside != namespace {
                missing.push(match namespace {
                    "" => format!("it applies in namespace {inside}, not cluster-wide"),
                    asked => format!("it applies in namespace {inside}, not in {asked}"),
                });
            }
            if let Some(stranger) = &stranger {
                // A grant of something else to someone else does not help.
                if !missing.is_empty() {
                    continue;
                }
                missing.push(format!("it is granted to {stranger}, not to this subject"));
            }
            if missing.is_empty() || missing.len() >= FAR {
                continue;
            }
            let chain = Chain {
                binding,
                subject,
                rule: index,
            };
            let rank = (missing.len(), stranger.is_some(), binding, index);
            found.push((rank, Miss { chain, missing }));
        }
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.truncate(most);
    found.into_iter().map(|(_, miss)| miss).collect()
}

fn is_one(subject: &Stored, inside: &str, question: &Question) -> bool {
    match Subject::of_binding(subject, inside) {
        Some(Subject::Group(name)) => question.principal.groups.contains(&name),
        Some(other) => other.user_name() == question.principal.user,
        None => false,
    }
}

/// The differences between a rule and the question; `None` when they are unrelated.
fn differences(rule: &Rule, question: &Question) -> Option<Vec<String>> {
    let action = &question.action;
    let verb_fits = has(&rule.verbs, &action.verb);
    let mut missing = Vec::new();
    if !verb_fits {
        missing.push(format!(
            "it grants {}, not {}",
            rule.verbs.join(","),
            action.verb
        ));
    }
    match &action.target {
        Target::Path(path) => {
            if !rule
                .non_resource_urls
                .iter()
                .any(|url| url_matches(url, path))
            {
                return None;
            }
        }
        Target::Resource(asked) => {
            let combined = asked.combined();
            let starred = format!("*/{}", asked.subresource);
            let fits = has(&rule.resources, &combined)
                || (!asked.subresource.is_empty() && rule.resources.contains(&starred));
            if !fits {
                missing.push(other_resource(rule, asked)?);
            }
            if !has(&rule.api_groups, &asked.group) {
                missing.push(format!(
                    "it covers API group {}, not {:?}",
                    quoted(&rule.api_groups),
                    asked.group
                ));
            }
            if !rule.resource_names.is_empty() && !rule.resource_names.contains(&asked.name) {
                missing.push(if asked.name.is_empty() {
                    format!(
                        "it is limited to the names {}, and the question does not name an object",
                        quoted(&rule.resource_names)
                    )
                } else {
                    format!(
                        "it is limited to the names {}",
                        quoted(&rule.resource_names)
                    )
                });
            }
        }
    }
    Some(missing)
}

/// A resource or subresource of the same family; anything else is unrelated.
fn other_resource(rule: &Rule, asked: &Resource) -> Option<String> {
    let near = rule.resources.iter().find(|entry| {
        let family = entry.split('/').next().unwrap_or_default();
        family == asked.resource || **entry == "*/*"
    })?;
    let combined = asked.combined();
    Some(if near.ends_with("/*") {
        format!("{near:?} is not a wildcard: it names a subresource \"*\", not {combined:?}")
    } else {
        format!("it covers {near:?}; {combined:?} is a different resource")
    })
}

fn has(list: &[String], word: &str) -> bool {
    list.iter().any(|one| one == "*" || one == word)
}

fn quoted(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    words.join(", ")
}
