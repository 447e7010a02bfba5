//! Aggregated ClusterRoles, as the controller computes them
//! (`pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go`).

use std::collections::BTreeMap;

use crate::model::policy::{Role, Rule};

/// The controller runs again after each change; so many rounds are more than any chain has links.
const ROUNDS: usize = 64;

/// Returns what the controller would write into a ClusterRole now, or `None` when it would not
/// touch it. Parts come in the order of selectors and names, and each rule once.
#[must_use]
pub fn computed(role: &Role, all: &[Role]) -> Option<Vec<Rule>> {
    let selectors = &role.aggregation_rule.as_ref()?.cluster_role_selectors;
    let mut rules: Vec<Rule> = Vec::new();
    for selector in selectors {
        let mut parts: Vec<&Role> = all
            .iter()
            .filter(|part| part.metadata.name != role.metadata.name)
            .filter(|part| selector.selects(&part.metadata.labels))
            .collect();
        parts.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
        for rule in parts.iter().flat_map(|part| &part.rules) {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
        }
    }
    Some(rules)
}

/// Fills in the rules of every aggregated ClusterRole until nothing changes any more: what the
/// controller would have made of manifests that were never in a cluster. Returns the rules that
/// are lost by it, by the name of their role.
pub fn fill(roles: &mut [Role]) -> BTreeMap<String, Vec<Rule>> {
    let given: Vec<(usize, Vec<Rule>)> = roles
        .iter()
        .enumerate()
        .filter(|(_, role)| role.aggregation_rule.is_some())
        .map(|(index, role)| (index, role.rules.clone()))
        .collect();
    settle(roles);
    let mut lost = BTreeMap::new();
    for (index, mut rules) in given {
        let role = &roles[index];
        rules.retain(|rule| !role.rules.contains(rule));
        if !rules.is_empty() {
            lost.insert(role.metadata.name.clone(), rules);
        }
    }
    lost
}

fn settle(roles: &mut [Role]) {
    for _ in 0..ROUNDS {
        let mut changed = false;
        for index in 0..roles.len() {
            if let Some(rules) = computed(&roles[index], roles)
                && rules != roles[index].rules
            {
                roles[index].rules = rules;
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

/// Returns the ClusterRole that a rule of an aggregated ClusterRole comes from.
#[must_use]
pub fn origin<'a>(role: &Role, rule: &Rule, all: &'a [Role]) -> Option<&'a str> {
    let mut seen = vec![role.metadata.name.as_str()];
    let mut selectors = &role.aggregation_rule.as_ref()?.cluster_role_selectors;
    let mut found = None;
    loop {
        let mut parts: Vec<&Role> = all
            .iter()
            .filter(|part| !seen.contains(&part.metadata.name.as_str()))
            .filter(|part| {
                selectors
                    .iter()
                    .any(|selector| selector.selects(&part.metadata.labels))
            })
            .filter(|part| part.rules.contains(rule))
            .collect();
        // A part that holds the rule itself says more than one that collected it too.
        parts.sort_by_key(|part| (part.aggregation_rule.is_some(), &part.metadata.name));
        let Some(&part) = parts.first() else {
            return found;
        };
        found = Some(part.metadata.name.as_str());
        let Some(further) = &part.aggregation_rule else {
            return found;
        };
        seen.push(&part.metadata.name);
        selectors = &further.cluster_role_selectors;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy::{AggregationRule, LabelSelector, Meta};

    fn rule(resource: &str) -> Rule {
        Rule {
            verbs: vec!["get".to_owned()],
            api_groups: vec![String::new()],
            resources: vec![resource.to_owned()],
            ..Rule::default()
        }
    }

    fn role(name: &str, label: &str, from: Option<&str>, rules: &[Rule]) -> Role {
        let pair = |key: &str| [(key.to_owned(), "true".to_owned())].into();
        Role {
            metadata: Meta {
                name: name.to_owned(),
                labels: pair(label),
                ..Meta::default()
            },
            rules: rules.to_vec(),
            aggregation_rule: from.map(|key| AggregationRule {
                cluster_role_selectors: vec![LabelSelector {
                    match_labels: pair(key),
                    ..LabelSelector::default()
                }],
            }),
        }
    }

    #[test]
    fn chains_of_aggregation_are_followed_to_their_end_and_named() {
        let mut roles = vec![
            role("admin", "none", Some("to-admin"), &[rule("stale")]),
            role("edit", "to-admin", Some("to-edit"), &[]),
            role("part", "to-edit", None, &[rule("pods"), rule("pods")]),
        ];
        fill(&mut roles);
        assert_eq!(roles[0].rules, [rule("pods")]);
        assert_eq!(origin(&roles[0], &rule("pods"), &roles), Some("part"));
    }

    #[test]
    fn roles_that_collect_from_each_other_come_to_an_end() {
        let mut roles = vec![
            role("a", "x", Some("y"), &[rule("pods")]),
            role("b", "y", Some("x"), &[rule("secrets")]),
        ];
        fill(&mut roles);
        assert_eq!(roles[0].rules, roles[1].rules);
    }
}
