//! What people type: verbs, resources, paths, subjects.

use can_i_audit::catalog::Catalog;
use can_i_audit::question::{Action, Resource, Target};
use can_i_audit::subject::{Principal, Subject};
use groundcrew::client::access;
use groundcrew::error::{Error, Result};
use groundcrew::ui::Ui;

use crate::observe::Observed;

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

/// A subject with what the authorizer sees of it.
#[derive(Debug)]
pub struct Asker {
    /// As it is shown.
    pub shown: String,
    /// The authorizer's view.
    pub principal: Principal,
}

/// Resolves a subject; `me` is asked of the server.
///
/// # Errors
///
/// That it is none, or that the server does not say who one is.
pub async fn asker(text: &str, groups: &[String], observed: &Observed) -> Result<Asker> {
    if text == "me" {
        let principal = me(observed).await?;
        let shown = format!("me ({})", principal.user);
        return Ok(Asker { shown, principal });
    }
    let subject: Subject = text.parse().map_err(Error::usage)?;
    Ok(Asker {
        shown: subject.to_string(),
        principal: subject.principal(groups, true),
    })
}

/// Asks the server who one is.
///
/// # Errors
///
/// That there is no server, or that it does not say.
pub async fn me(observed: &Observed) -> Result<Principal> {
    let identity = access::who_am_i(observed.live("\"me\"")?).await?;
    Ok(Principal {
        user: identity.username,
        groups: identity.groups,
    })
}

/// Reads `VERB RESOURCE[.GROUP][/SUB]` or `VERB /path`, without a namespace.
///
/// # Errors
///
/// That a path or verb cannot be one.
pub fn action(verb: &str, what: &str, name: &str, catalog: &Catalog, ui: &Ui) -> Result<Action> {
    if verb.contains(',') {
        return Err(
            Error::usage(format!("{verb:?} is one verb to the API server"))
                .with_hint("ask once for each verb"),
        );
    }
    if what.starts_with('/') {
        if !name.is_empty() {
            return Err(Error::usage("a path has no --name"));
        }
        return Ok(Action {
            verb: verb.to_owned(),
            target: Target::Path(what.to_owned()),
        });
    }
    let (word, subresource) = what.split_once('/').unwrap_or((what, ""));
    let resource = resource(verb, word, subresource, catalog, ui);
    Ok(Action {
        verb: verb.to_owned(),
        target: Target::Resource(Resource {
            name: name.to_owned(),
            ..resource
        }),
    })
}

fn resource(verb: &str, word: &str, subresource: &str, catalog: &Catalog, ui: &Ui) -> Resource {
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
        return literal(name, group);
    }
    if word == "*" {
        return literal("*", "*");
    }
    if let Some(entry) = catalog.find(word) {
        let known = subresource.is_empty() || entry.subresources.contains_key(subresource);
        if !known {
            ui.warning(format_args!(
                "{} has no subresource {subresource:?}; for one object of that name: \
                 {} --name {subresource}",
                entry.resource, entry.resource
            ));
        }
        return literal(&entry.resource, &entry.group);
    }
    let (name, group) = word.split_once('.').unwrap_or((word, ""));
    ui.warning(format_args!(
        "no resource {word:?} is known; the question is put to the letter"
    ));
    literal(name, group)
}
