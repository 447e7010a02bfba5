//! Verbs of the API, and words that people take for one.

use crate::model::catalog::Entry;
use crate::model::naming;
use crate::model::policy::{Policy, Rule};

/// The verbs of requests (`endpoints/request/requestinfo.go` of `k8s.io/apiserver`).
const API: [&str; 8] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
];
/// What only some checks ask for
/// (<https://kubernetes.io/docs/reference/access-authn-authz/authorization/#request-verb-resource>).
const SPECIAL: [&str; 7] = [
    "use",
    "bind",
    "escalate",
    "impersonate",
    "approve",
    "sign",
    "attest",
];
/// Verbs of paths are the methods of HTTP.
const METHODS: [&str; 7] = ["get", "head", "post", "put", "delete", "patch", "options"];
/// Constrained impersonation (KEP-5284) and the devices of nodes.
const PREFIXES: [&str; 4] = [
    "impersonate:",
    "impersonate-on:",
    "associated-node:",
    "arbitrary-node:",
];

/// What a word that is no verb is taken for, whatever it is said of.
const OF_PODS: [(&str, &str); 13] = [
    ("exec", "create pods/exec"),
    ("attach", "create pods/attach"),
    ("cp", "create pods/exec"),
    ("portforward", "create pods/portforward"),
    ("port-forward", "create pods/portforward"),
    ("log", "get pods/log"),
    ("logs", "get pods/log"),
    ("debug", "patch pods/ephemeralcontainers"),
    ("evict", "create pods/eviction"),
    ("drain", "create pods/eviction"),
    ("cordon", "patch nodes"),
    ("uncordon", "patch nodes"),
    ("taint", "patch nodes"),
];
/// Verbs in other words.
const OTHER_WORDS: [(&str, &str); 24] = [
    ("read", "get"),
    ("view", "get"),
    ("see", "get"),
    ("show", "get"),
    ("describe", "get"),
    ("ls", "list"),
    ("write", "update"),
    ("modify", "update"),
    ("change", "update"),
    ("replace", "update"),
    ("put", "update"),
    ("edit", "patch"),
    ("apply", "patch"),
    ("label", "patch"),
    ("annotate", "patch"),
    ("restart", "patch"),
    ("rollout", "patch"),
    ("remove", "delete"),
    ("rm", "delete"),
    ("del", "delete"),
    ("add", "create"),
    ("make", "create"),
    ("new", "create"),
    ("run", "create"),
];

/// Says that a word is no verb of a resource, and returns the questions that it may stand for;
/// `what` is the resource as it was typed.
///
/// A verb that a rule of the policy names for something that is not Kubernetes' own is one: its
/// API server may ask for it.
#[must_use]
pub fn doubt(
    verb: &str,
    what: &str,
    entry: Option<&Entry>,
    policy: &Policy,
) -> Option<Vec<String>> {
    let word = verb.to_lowercase();
    if what.starts_with('/') {
        let known = METHODS.contains(&verb) || verb == "*" || is_named(verb, policy, |_| true);
        return (!known).then(|| suggestions(&word, &METHODS, what));
    }
    let special = PREFIXES.iter().any(|prefix| verb.starts_with(prefix));
    if API.contains(&verb) || SPECIAL.contains(&verb) || verb == "*" || special {
        return None;
    }
    let own = entry.is_some_and(|entry| {
        let group = entry.group.as_str();
        group.is_empty() || !group.contains('.') || group.ends_with(".k8s.io")
    });
    let of_it = |rule: &Rule| {
        let resource = entry.map_or(what, |entry| entry.resource.as_str());
        rule.resources
            .iter()
            .any(|one| one == "*" || one == resource)
    };
    if !own && is_named(verb, policy, of_it) {
        return None;
    }
    if let Some((_, question)) = OF_PODS.iter().find(|(slip, _)| *slip == word) {
        return Some(vec![(*question).to_owned()]);
    }
    // `scale deployments`.
    if let Some(entry) = entry
        && let Some(verbs) = entry.subresources.get(&word)
    {
        let served = ["create", "patch", "update", "get"].into_iter();
        let served = served.filter(|verb| verbs.iter().any(|one| one == verb));
        let best = served.map(|verb| format!("{verb} {}/{word}", entry.resource));
        return Some(best.take(1).collect());
    }
    if let Some((_, meant)) = OTHER_WORDS.iter().find(|(slip, _)| *slip == word) {
        return Some(vec![format!("{meant} {what}")]);
    }
    let all: Vec<&str> = API.into_iter().chain(SPECIAL).collect();
    Some(suggestions(&word, &all, what))
}

/// Returns what a word in a rule for a resource of Kubernetes itself may mean, if it is no verb.
#[must_use]
pub fn slip(verb: &str, entry: &Entry) -> Option<String> {
    let group = entry.group.as_str();
    if group.contains('.') && !group.ends_with(".k8s.io") {
        return None;
    }
    let known = |words: &[(&str, &'static str)]| {
        words
            .iter()
            .find(|(slip, _)| *slip == verb)
            .map(|(_, meant)| *meant)
    };
    if entry.resource == "pods"
        && let Some(question) = known(&OF_PODS)
    {
        return Some(question.to_owned());
    }
    known(&OTHER_WORDS).map(str::to_owned)
}

fn suggestions(word: &str, verbs: &[&str], what: &str) -> Vec<String> {
    let near = naming::nearest(word, verbs.iter().copied());
    near.into_iter()
        .map(|verb| format!("{verb} {what}"))
        .collect()
}

fn is_named(verb: &str, policy: &Policy, of: impl Fn(&Rule) -> bool) -> bool {
    let roles = policy.cluster_roles.iter().chain(&policy.roles);
    let mut rules = roles.flat_map(|role| &role.rules);
    rules.any(|rule| rule.verbs.iter().any(|one| one == verb) && of(rule))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::catalog::Catalog;

    #[test]
    fn a_word_that_is_no_verb_is_answered_with_the_question_that_is_meant() {
        let policy = Policy {
            catalog: Catalog::built_in(),
            ..Policy::default()
        };
        for (verb, what, meant) in [
            ("exec", "pods", "create pods/exec"),
            ("logs", "pods", "get pods/log"),
            ("scale", "deployments", "patch deployments/scale"),
            ("gte", "secrets", "get secrets"),
            ("GET", "secrets", "get secrets"),
            ("remove", "secrets", "delete secrets"),
            ("restart", "deployments", "patch deployments"),
            ("delte", "/metrics", "delete /metrics"),
            ("frobnicate", "pods", ""),
        ] {
            let found = doubt(verb, what, policy.catalog.find(what), &policy);
            let found = found.unwrap_or_else(|| panic!("{verb} {what}"));
            assert_eq!(found.join(", "), meant, "{verb} {what}");
        }
        for (verb, what) in [
            ("deletecollection", "pods"),
            ("*", "pods"),
            ("use", "podsecuritypolicies"),
            ("impersonate-on:user-info:list", "pods"),
            ("head", "/metrics"),
        ] {
            let found = doubt(verb, what, policy.catalog.find(what), &policy);
            assert_eq!(found, None, "{verb} {what}");
        }
    }

    #[test]
    fn a_verb_of_another_api_is_one_where_a_role_names_it() {
        let rule = json!({"verbs": ["exec", "proxy-to"], "apiGroups": ["x.io"], "resources": ["things", "pods"]});
        let policy: Policy = serde_json::from_value(json!({
            "clusterRoles": [{"metadata": {"name": "r"}, "rules": [rule]}],
        }))
        .unwrap();
        let catalog = Catalog::built_in();
        assert_eq!(doubt("proxy-to", "things", None, &policy), None);
        assert!(doubt("proxy-to", "others", None, &policy).is_some());
        assert!(doubt("exec", "pods", catalog.find("pods"), &policy).is_some());
    }
}
