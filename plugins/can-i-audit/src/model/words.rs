//! Words of a question: verbs, resources and paths as they are typed.

use std::fmt;

use crate::model::catalog::Catalog;
use crate::model::question::{Action, Resource, Target};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misread {
    /// Several verbs in one.
    Verbs,
    /// A path with the name of an object.
    NamedPath,
}

/// Reads `VERB RESOURCE[.GROUP][/SUB]` or `VERB /path`, without a namespace.
///
/// # Errors
///
/// That they are none.
pub fn action(
    verb: &str,
    what: &str,
    name: &str,
    catalog: &Catalog,
) -> Result<(Action, Option<Doubt>), Misread> {
    if verb.contains(',') {
        return Err(Misread::Verbs);
    }
    if what.starts_with('/') {
        if !name.is_empty() {
            return Err(Misread::NamedPath);
        }
        let target = Target::Path(what.to_owned());
        let verb = verb.to_owned();
        return Ok((Action { verb, target }, None));
    }
    let (word, subresource) = what.split_once('/').unwrap_or((what, ""));
    let (resource, doubt) = resource(verb, word, subresource, catalog);
    let target = Target::Resource(Resource {
        name: name.to_owned(),
        ..resource
    });
    let verb = verb.to_owned();
    Ok((Action { verb, target }, doubt))
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
        let known = subresource.is_empty() || entry.subresources.contains_key(subresource);
        let doubt = (!known).then(|| Doubt::Subresource {
            resource: entry.resource.clone(),
            subresource: subresource.to_owned(),
        });
        return (literal(&entry.resource, &entry.group), doubt);
    }
    let (name, group) = word.split_once('.').unwrap_or((word, ""));
    (literal(name, group), Some(Doubt::Resource(word.to_owned())))
}
