//! Words of a question: verbs, resources and paths as they are typed.

use std::fmt;

use crate::model::catalog::Catalog;
use crate::model::naming;
use crate::model::policy::Policy;
use crate::model::question::{Action, Resource, Target};
use crate::model::verbs;

/// Things that are asked about and never stored, with their group
/// (`staging/src/k8s.io/apiserver/pkg/endpoints/filters/impersonation` and
/// `plugin/pkg/admission/certificates`).
const VIRTUAL: [(&str, &str); 5] = [
    ("users", ""),
    ("groups", ""),
    ("uids", "authentication.k8s.io"),
    ("userextras", "authentication.k8s.io"),
    ("signers", "certificates.k8s.io"),
];

/// A word that may not mean what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The server has no such resource.
    Resource(String),
    /// The resource has no such subresource.
    Subresource {
        /// The resource.
        resource: String,
        /// What was taken for its subresource.
        subresource: String,
    },
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resource(word) => write!(
                f,
                "the server has no resource {word:?}; asking about the literal name"
            ),
            Self::Subresource {
                resource,
                subresource,
            } => write!(
                f,
                "{resource} has no subresource {subresource:?}; to ask about one object of that name: \
                 {resource} --name {subresource}"
            ),
        }
    }
}

/// Why words are not a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misread {
    /// A word that is no verb, and the questions that it may stand for.
    Verb(Vec<String>),
    /// A resource that nothing knows, and those that are near.
    Resource(Vec<String>),
    /// A subresource that its resource does not have, and the one that is near.
    Subresource(String),
    /// Several verbs in one.
    Verbs,
    /// A path with the name of an object.
    NamedPath,
}

/// Reads `VERB RESOURCE[.GROUP][/SUB]` or `VERB /path`, without a namespace. Words that nothing
/// knows are taken only where `literal` says so.
///
/// # Errors
///
/// That they are none.
pub fn action(
    verb: &str,
    what: &str,
    name: &str,
    policy: &Policy,
    literal: bool,
) -> Result<(Action, Option<Doubt>), Misread> {
    let catalog = &policy.catalog;
    if verb.contains(',') {
        return Err(Misread::Verbs);
    }
    let (word, subresource) = match what.strip_prefix('/') {
        Some(_) => (what, ""),
        None => what.split_once('/').unwrap_or((what, "")),
    };
    if !literal && let Some(near) = verbs::doubt(verb, what, catalog.find(word), policy) {
        return Err(Misread::Verb(near));
    }
    if what.starts_with('/') {
        if !name.is_empty() {
            return Err(Misread::NamedPath);
        }
        let target = Target::Path(what.to_owned());
        let verb = verb.to_owned();
        return Ok((Action { verb, target }, None));
    }
    let (resource, doubt) = resource(verb, word, subresource, catalog);
    if !literal && let Some(doubt) = &doubt {
        refuse(doubt, policy)?;
    }
    let target = Target::Resource(Resource {
        name: name.to_owned(),
        ..resource
    });
    let verb = verb.to_owned();
    Ok((Action { verb, target }, doubt))
}

/// Refuses a word that nothing knows, where that is sure: everything that is served was read, and
/// no rule names it. Manifests seldom hold the definitions of the types that they name.
fn refuse(doubt: &Doubt, policy: &Policy) -> Result<(), Misread> {
    match doubt {
        Doubt::Resource(word) => {
            let (name, group) = word.split_once('.').unwrap_or((word, ""));
            let roles = policy.cluster_roles.iter().chain(&policy.roles);
            let mut rules = roles.flat_map(|role| &role.rules);
            let named = rules.any(|rule| {
                rule.resources.iter().any(|one| one == name)
                    && (group.is_empty() || rule.api_groups.iter().any(|one| one == group))
            });
            let unsure = !group.is_empty() && !policy.from_cluster;
            if named || unsure || !policy.is_complete() {
                return Ok(());
            }
            let entries = policy.catalog.entries().iter();
            let words = entries.flat_map(|entry| {
                let short = entry.short.iter().map(String::as_str);
                [entry.resource.as_str(), &entry.singular]
                    .into_iter()
                    .chain(short)
            });
            let near = naming::nearest(name, words).into_iter();
            let plural = |word: &str| {
                let entry = policy.catalog.find(word);
                entry.map_or_else(|| word.to_owned(), |entry| entry.resource.clone())
            };
            let mut near: Vec<String> = near.map(plural).collect();
            near.dedup();
            Err(Misread::Resource(near))
        }
        Doubt::Subresource {
            resource,
            subresource,
        } => {
            let entries = policy.catalog.entries().iter();
            let entry = entries.filter(|entry| entry.resource == *resource);
            let known = entry.flat_map(|entry| entry.subresources.keys());
            let near = naming::nearest(subresource, known.map(String::as_str));
            match near.first() {
                Some(near) => Err(Misread::Subresource(format!("{resource}/{near}"))),
                None => Ok(()),
            }
        }
    }
}

fn resource(
    verb: &str,
    word: &str,
    subresource: &str,
    catalog: &Catalog,
) -> (Resource, Option<Doubt>) {
    let literal = |resource: &str, group: &str| Resource {
        group: group.to_owned(),
        resource: resource.to_owned(),
        subresource: subresource.to_owned(),
        ..Resource::default()
    };
    let special = VIRTUAL.iter().find(|(name, group)| {
        word == *name || (!group.is_empty() && word == format!("{name}.{group}"))
    });
    // A custom resource may be called like one of these; these verbs never mean it.
    if let Some((name, group)) = special
        && (verb.starts_with("impersonate")
            || matches!(verb, "approve" | "sign" | "attest")
            || catalog.find(word).is_none())
    {
        return (literal(name, group), None);
    }
    if word == "*" {
        return (literal("*", "*"), None);
    }
    if let Some(entry) = catalog.find(word) {
        let known = subresource.is_empty() || entry.has(subresource);
        let doubt = (!known).then(|| Doubt::Subresource {
            resource: entry.resource.clone(),
            subresource: subresource.to_owned(),
        });
        return (literal(&entry.resource, &entry.group), doubt);
    }
    let (name, group) = word.split_once('.').unwrap_or((word, ""));
    (literal(name, group), Some(Doubt::Resource(word.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_nothing_knows_are_taken_only_literally() {
        let policy = Policy {
            catalog: Catalog::built_in(),
            from_cluster: true,
            ..Policy::default()
        };
        let read = |verb: &str, what: &str| action(verb, what, "", &policy, false);
        let near = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(
            read("get", "secretz"),
            Err(Misread::Resource(near(&["secrets"])))
        );
        assert_eq!(read("get", "zzzzzz"), Err(Misread::Resource(Vec::new())));
        assert_eq!(
            read("get", "pods/logs"),
            Err(Misread::Subresource("pods/log".to_owned()))
        );
        assert_eq!(
            read("exec", "pods"),
            Err(Misread::Verb(near(&["create pods/exec"])))
        );
        for (verb, what) in [("exec", "pods"), ("get", "secretz"), ("get", "pods/logs")] {
            assert!(
                action(verb, what, "", &policy, true).is_ok(),
                "{verb} {what}"
            );
        }
        // Only the kubelet knows these.
        assert!(read("get", "nodes/stats").is_ok_and(|(_, doubt)| doubt.is_none()));
        assert!(read("get", "secret").is_ok_and(|(_, doubt)| doubt.is_none()));
    }
}
