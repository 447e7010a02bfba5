//! What somebody means by a name, from what is there: subjects, and words that are near.

use crate::model::gap::Read;
use crate::model::policy::Policy;
use crate::model::subject::{Subject, SubjectRef};

/// Names that are suggested.
const MOST: usize = 3;

/// A name that stands for no subject, or for several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclear {
    /// The subjects that it may stand for; the text is the name of each when there are several.
    pub near: Vec<Subject>,
    /// Each of them has exactly that name.
    pub several: bool,
}

/// Finds the subject that a text stands for: one in its full form, `NAMESPACE/NAME` for a service
/// account, or the name of exactly one subject that is bound or exists.
///
/// # Errors
///
/// What it may stand for, when that is not clear.
pub fn subject(text: &str, policy: &Policy) -> Result<Subject, Unclear> {
    if let Ok(subject) = text.parse() {
        return Ok(subject);
    }
    let known = known(policy);
    let account = text.split_once('/');
    let is = |subject: &&SubjectRef<'_>| match **subject {
        SubjectRef::Account(namespace, name) => name == text || account == Some((namespace, name)),
        other => name_of(other) == text,
    };
    let exact: Vec<Subject> = known
        .iter()
        .filter(is)
        .map(|one| one.to_subject())
        .collect();
    match &exact[..] {
        [only] => return Ok(only.clone()),
        [] => {}
        _ => {
            return Err(Unclear {
                near: exact,
                several: true,
            });
        }
    }
    if let Some((namespace, name)) = account
        && is_label(namespace)
        && !name.is_empty()
        && !name.contains(['/', ':'])
    {
        return Ok(Subject::Account(namespace.to_owned(), name.to_owned()));
    }
    Err(Unclear {
        near: near(text, &known),
        several: false,
    })
}

/// Says what is strange about a subject in its full form: no binding names it, or a service account
/// does not exist. A group may also be held through another, so that this is no answer.
#[must_use]
pub fn doubt(subject: &Subject, policy: &Policy) -> Option<(String, Vec<Subject>)> {
    let unread = !policy.has_read(&Read::RoleBindings)
        || !policy.has_read(&Read::ClusterRoleBindings)
        || !policy.has_read(&Read::ServiceAccounts);
    if unread {
        return None;
    }
    let known = known(policy);
    let named = known.iter().any(|one| one.to_subject() == *subject);
    let others = |name: &str| -> Vec<Subject> {
        let near = near(name, &known).into_iter();
        near.filter(|one| one != subject).collect()
    };
    match subject {
        Subject::Account(namespace, name) => {
            let mut all = policy.service_accounts.iter();
            let exists =
                all.any(|one| one.metadata.namespace == *namespace && one.metadata.name == *name);
            if exists || (named && !policy.from_cluster) {
                return None;
            }
            let words = if policy.from_cluster {
                format!("there is no service account {namespace}/{name}")
            } else {
                format!("no binding names {subject}")
            };
            Some((words, others(name)))
        }
        Subject::User(name) | Subject::Group(name) if !named && !name.starts_with("system:") => {
            Some((format!("no binding names {subject}"), others(name)))
        }
        _ => None,
    }
}

/// Returns the words that are nearest to one, if they are near: one slip, or two in a long word.
#[must_use]
pub fn nearest<'w>(typed: &str, words: impl Iterator<Item = &'w str>) -> Vec<&'w str> {
    let typed = typed.to_lowercase();
    let most = if typed.chars().count() > 5 { 2 } else { 1 };
    let mut found: Vec<(usize, &str)> = words
        .map(|word| {
            (
                strsim::damerau_levenshtein(&typed, &word.to_lowercase()),
                word,
            )
        })
        .filter(|(distance, _)| *distance <= most)
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(MOST).map(|(_, word)| word).collect()
}

/// Every subject of a binding, and every service account.
fn known(policy: &Policy) -> Vec<SubjectRef<'_>> {
    let bindings = policy
        .cluster_role_bindings
        .iter()
        .chain(&policy.role_bindings);
    let bound = bindings.flat_map(|binding| {
        let inside = binding.metadata.namespace.as_str();
        let of = move |subject| SubjectRef::of_binding(subject, inside);
        binding.subjects.iter().filter_map(of)
    });
    let accounts = policy
        .service_accounts
        .iter()
        .map(|one| SubjectRef::Account(&one.metadata.namespace, &one.metadata.name));
    let mut known: Vec<SubjectRef<'_>> = bound.chain(accounts).collect();
    known.sort_unstable();
    known.dedup();
    known
}

fn name_of(subject: SubjectRef<'_>) -> &str {
    match subject {
        SubjectRef::Group(name)
        | SubjectRef::Account(_, name)
        | SubjectRef::User(name)
        | SubjectRef::Node(name) => name,
        SubjectRef::Anonymous => "anonymous",
    }
}

/// Subjects whose names are near, or hold the text.
fn near(text: &str, known: &[SubjectRef<'_>]) -> Vec<Subject> {
    let name = text.rsplit_once(['/', ':']).map_or(text, |(_, name)| name);
    let words = nearest(name, known.iter().map(|one| name_of(*one)));
    let is_near = |one: &SubjectRef<'_>| words.contains(&name_of(*one));
    let holds = |one: &SubjectRef<'_>| name.len() > 2 && name_of(*one).contains(name);
    let first = known.iter().filter(|one| is_near(one));
    let then = known.iter().filter(|one| !is_near(one) && holds(one));
    first
        .chain(then)
        .take(MOST)
        .map(|one| one.to_subject())
        .collect()
}

/// Says whether a text can be the name of a namespace (RFC 1123).
fn is_label(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.len() < 64 && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy() -> Policy {
        let subject = |kind: &str, name: &str| json!({"kind": kind, "name": name});
        serde_json::from_value(json!({
            "fromCluster": true,
            "serviceAccounts": [
                {"metadata": {"namespace": "shop", "name": "robot"}},
                {"metadata": {"namespace": "shop", "name": "default"}},
                {"metadata": {"namespace": "pay", "name": "default"}},
            ],
            "clusterRoleBindings": [{
                "metadata": {"name": "b"},
                "roleRef": {"kind": "ClusterRole", "name": "r"},
                "subjects": [
                    subject("User", "oidc:alice@example.com"),
                    subject("User", "bob"),
                    subject("Group", "org/team"),
                    subject("Group", "bobs"),
                ],
            }],
        }))
        .unwrap()
    }

    #[test]
    fn a_name_that_is_unique_stands_for_its_subject() {
        let policy = policy();
        for (text, meant) in [
            ("bob", "user:bob"),
            ("bobs", "group:bobs"),
            ("robot", "sa:shop/robot"),
            ("shop/robot", "sa:shop/robot"),
            ("shop/nobody", "sa:shop/nobody"),
            ("org/team", "group:org/team"),
            ("oidc:alice@example.com", "user:oidc:alice@example.com"),
        ] {
            assert_eq!(subject(text, &policy).unwrap().to_string(), meant);
        }
    }

    #[test]
    fn a_name_that_is_not_clear_is_answered_with_what_is_there() {
        let policy = policy();
        let near = |text: &str| {
            let unclear = subject(text, &policy).unwrap_err();
            let near: Vec<String> = unclear.near.iter().map(ToString::to_string).collect();
            (unclear.several, near.join(" "))
        };
        assert_eq!(
            near("default"),
            (true, "sa:pay/default sa:shop/default".to_owned())
        );
        assert_eq!(
            near("alice"),
            (false, "user:oidc:alice@example.com".to_owned())
        );
        assert_eq!(near("robto"), (false, "sa:shop/robot".to_owned()));
        assert_eq!(near("zzz"), (false, String::new()));
    }

    #[test]
    fn a_subject_that_nothing_names_is_strange() {
        let known = policy();
        let words = |text: &str| {
            let found = doubt(&text.parse().unwrap(), &known);
            found.map(|(words, _)| words)
        };
        assert_eq!(
            words("user:bbo").as_deref(),
            Some("no binding names user:bbo")
        );
        let missing = "there is no service account shop/rob";
        assert_eq!(words("sa:shop/rob").as_deref(), Some(missing));
        // An account that is bound and does not exist is not meant to be itself.
        let mut bound = policy();
        bound.service_accounts.clear();
        bound.cluster_role_bindings[0].subjects[0] = crate::model::policy::Subject {
            kind: "ServiceAccount".to_owned(),
            namespace: "shop".to_owned(),
            name: "robot".to_owned(),
        };
        let found = doubt(&"sa:shop/robot".parse().unwrap(), &bound);
        assert_eq!(found.map(|(_, near)| near), Some(Vec::new()));
        for text in [
            "user:bob",
            "sa:pay/default",
            "group:system:masters",
            "anonymous",
        ] {
            assert_eq!(words(text), None, "{text}");
        }
    }
}
