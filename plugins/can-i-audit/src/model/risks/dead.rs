//! Rules, or entries of rules, that never match a request.
//!
//! A type that is not served today may be served tomorrow, so that only what can never be is called
//! dead: a slip in a group of which every type is known.

use super::finding::{Finding, Severity};
use super::rules::rule;
use crate::model::catalog::Catalog;
use crate::model::naming;
use crate::model::policy::{Policy, Role, Rule};
use crate::model::verbs;

/// A group that no server has had since 1.22.
const GONE: &str = "extensions";

/// A finding about an object alone.
pub(super) fn object(id: &'static str, object: String, detail: String, fix: String) -> Finding {
    Finding {
        rule: id,
        severity: rule(id).map_or(Severity::Info, |rule| rule.severity),
        subject: None,
        namespace: None,
        object: Some(object),
        limited: false,
        chains: Vec::new(),
        detail,
        fix,
    }
}

/// Finds what is wrong in one rule of a role.
pub(super) fn in_rule(
    name: &str,
    number: usize,
    role: &Role,
    policy: &Policy,
    found: &mut Vec<Finding>,
) {
    let rule = &role.rules[number];
    let place = format!("rule {}", number + 1);
    let fix = || format!("correct {name}, {place}");
    // Constrained impersonation asks for the name "*" itself (KEP-5284).
    let constrained = !rule.verbs.is_empty() && rule.verbs.iter().all(|verb| is_constrained(verb));
    if !constrained && rule.resource_names.iter().any(|name| name == "*") {
        let detail = format!("{place}: resourceNames contains \"*\"");
        found.push(object("HYG-06", name.to_owned(), detail, fix()));
    }
    if rule.resource_names.iter().any(String::is_empty) {
        let detail = format!("{place}: resourceNames contains \"\"");
        found.push(object("HYG-07", name.to_owned(), detail, fix()));
    }
    let mut reasons = Vec::new();
    words(rule, &mut reasons);
    paths(rule, &mut reasons);
    if !rule.resources.is_empty() && !constrained {
        resources(rule, &policy.catalog, &mut reasons);
        nameless(rule, role, &mut reasons);
    }
    if !reasons.is_empty() {
        let detail = format!("{place}: {}", reasons.join("; "));
        found.push(object("HYG-05", name.to_owned(), detail, fix()));
    }
}

fn is_constrained(verb: &str) -> bool {
    verb.starts_with("impersonate:") || verb.starts_with("impersonate-on:")
}

/// Words that no request has, whatever it is about.
fn words(rule: &Rule, reasons: &mut Vec<String>) {
    if rule.verbs.is_empty() {
        reasons.push("it has no verbs".to_owned());
    }
    for verb in &rule.verbs {
        if verb.chars().any(char::is_uppercase) {
            reasons.push(format!("verb {verb:?} contains capitals"));
        }
    }
    let lists = [&rule.verbs, &rule.api_groups, &rule.resources];
    for word in lists.into_iter().flatten() {
        if word.chars().any(char::is_whitespace) {
            reasons.push(format!("{word:?} contains a space"));
        }
    }
    if rule.resources.is_empty() {
        return;
    }
    if rule.api_groups.is_empty() {
        reasons.push("it has no apiGroups, not even \"\"".to_owned());
    }
    for group in &rule.api_groups {
        if group.contains('/') || group == "v1" || group == "core" {
            reasons.push(format!("{group:?} is not an API group"));
        }
    }
}

fn paths(rule: &Rule, reasons: &mut Vec<String>) {
    for path in &rule.non_resource_urls {
        let fixed = path.trim_end_matches('*');
        if fixed.contains('*') {
            reasons.push(format!("{path:?}: a star is a wildcard only at the end"));
        } else if path != "*" && !path.starts_with('/') {
            reasons.push(format!("{path:?}: a path begins with /"));
        }
    }
}

fn resources(rule: &Rule, catalog: &Catalog, reasons: &mut Vec<String>) {
    let is_known = |group: &String| group == GONE || catalog.has_group(group);
    let known = !rule.api_groups.is_empty() && rule.api_groups.iter().all(is_known);
    let any = rule.api_groups.iter().any(|group| group == "*");
    for entry in &rule.resources {
        if entry.len() > 1 && entry.ends_with("/*") {
            // Only metrics adapters serve such a name.
            if known || any {
                reasons.push(format!("{entry:?} is not a wildcard"));
            }
            continue;
        }
        if !known || entry.chars().any(char::is_whitespace) {
            continue;
        }
        let (resource, subresource) = entry.split_once('/').unwrap_or((entry, ""));
        let mut groups = rule.api_groups.iter();
        match groups.find_map(|group| catalog.get(group, resource)) {
            Some(served) => {
                let all = served.subresources.keys().map(String::as_str);
                let near = naming::nearest(subresource, all);
                if let Some(near) = near.first()
                    && !subresource.is_empty()
                    && !served.has(subresource)
                {
                    reasons.push(format!("{entry:?} should be {resource}/{near}"));
                }
                for verb in &rule.verbs {
                    if let Some(meant) = verbs::slip(verb, served) {
                        reasons.push(format!("{verb:?} is not a verb; it may mean {meant}"));
                    }
                }
            }
            None if resource != "*" => reasons.extend(unserved(entry, resource, rule, catalog)),
            None => {}
        }
    }
}

/// A kind or a singular is a typing error, and so is a type of another group; a type that nothing
/// serves may come later.
fn unserved(entry: &str, resource: &str, rule: &Rule, catalog: &Catalog) -> Option<String> {
    let word = resource.to_lowercase();
    let mut entries = catalog.entries().iter();
    let meant = entries.find(|one| {
        let named = one.singular == word || one.resource == word || one.short.contains(&word);
        named && rule.api_groups.contains(&one.group)
    });
    if let Some(meant) = meant {
        return Some(format!("{entry:?} should be {}", meant.resource));
    }
    let mut entries = catalog.entries().iter();
    let elsewhere = entries.find(|one| one.resource == resource)?;
    let groups: Vec<String> = rule
        .api_groups
        .iter()
        .map(|group| format!("{group:?}"))
        .collect();
    Some(format!(
        "{entry:?} is in API group {:?}, not in {}",
        elsewhere.group,
        groups.join(", ")
    ))
}

/// Names in a rule for requests that carry none. Server-side apply and PUT ask `create` with a name,
/// and `patch` or `update` before it.
fn nameless(rule: &Rule, role: &Role, reasons: &mut Vec<String>) {
    if rule.resource_names.is_empty() || rule.resource_names.iter().any(String::is_empty) {
        return;
    }
    let only = |verbs: &[&str]| {
        !rule.verbs.is_empty() && rule.verbs.iter().all(|verb| verbs.contains(&verb.as_str()))
    };
    if only(&["deletecollection"]) {
        reasons.push(
            "a request for deletecollection carries no name, so resourceNames never match"
                .to_owned(),
        );
    } else if only(&["create", "deletecollection"]) {
        let whole = |entry: &String| entry != "*" && !entry.contains('/');
        let changed = role.rules.iter().any(|other| {
            let mut verbs = other.verbs.iter();
            verbs.any(|verb| matches!(verb.as_str(), "update" | "patch" | "*"))
                && other
                    .resources
                    .iter()
                    .any(|one| one == "*" || rule.resources.contains(one))
        });
        if rule.resources.iter().all(whole) && !changed {
            reasons.push(
                "a request to create carries a name only together with patch or update, so \
                 resourceNames never match"
                    .to_owned(),
            );
        }
    }
}
