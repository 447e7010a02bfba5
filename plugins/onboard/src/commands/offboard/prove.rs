//! Proves that no access is left: asks the server about every verb of every namespaced resource.

use std::collections::BTreeMap;
use std::time::Duration;

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::client::access::Access;
use groundcrew::cluster::{Patience, poll};
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::finding::Unseen;
use serde::Serialize;
use tokio::time::Instant;

use crate::cluster::access_reviews;
use crate::cluster::access_reviews::Subject;
use crate::commands::offboard::decide::{Plan, Shared};
use crate::commands::offboard::discovery;
use crate::commands::offboard::discovery::Served;
use crate::commands::offboard::steps::name;
use crate::model::credential_kind::CredentialKind;
use crate::model::user::UserName;

/// How long an authorizer may still allow what has been taken away; seen: about 0.01 s.
const PROPAGATION: Duration = Duration::from_secs(10);

/// What the server answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// How many questions were asked.
    pub checks: usize,
    /// What is still allowed, by the server's reason.
    pub allowed: Vec<Allowed>,
    /// What could not be asked about or evaluated.
    pub unseen: Vec<Unseen>,
}

impl Proof {
    /// Returns how the run ends, given the shared groups that still give something: nothing may be
    /// left, and everything has to be answered.
    #[must_use]
    pub fn exit(&self, shared: &[Shared]) -> Exit {
        if !self.allowed.is_empty() || !shared.is_empty() {
            Exit::No
        } else if !self.unseen.is_empty() {
            Exit::Incomplete
        } else {
            Exit::Done
        }
    }
}

/// What one binding still allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Allowed {
    /// The server's reason: which binding, and through which subject.
    pub through: String,
    /// How many permissions.
    pub permissions: usize,
    /// Some of them: `get secrets in namespace alice`.
    pub examples: Vec<String>,
}

/// How many examples tell enough.
const EXAMPLES: usize = 3;

/// Asks about every verb of every namespaced resource, in each of the user's namespaces, under the
/// user's name with every group that was ever in one of their certificates.
///
/// RBAC only adds: a user who is denied with all groups is denied with each of them. A cluster-wide
/// grant shows in every namespace.
///
/// # Errors
///
/// When the server could not be asked.
pub async fn prove(session: &Session, user: &UserName, plan: &Plan) -> Result<Proof> {
    let served = discovery::namespaced(session).await?;
    let mut groups = plan.groups.clone();
    groups.push("system:authenticated".to_owned());
    let own = user.as_str().to_owned();
    let names = std::iter::once(own).chain(plan.names.iter().cloned());
    let mut identities: Vec<Subject> = names
        .map(|user| Subject {
            user,
            groups: groups.clone(),
        })
        .collect();
    if plan.token {
        // Without its groups: the account is gone, and the rights of all accounts are not its own.
        identities.push(Subject {
            groups: Vec::new(),
            ..Subject::of(user, CredentialKind::Token, &[])
        });
    }
    let questions = questions(&served, &plan.places);
    let deadline = Instant::now() + PROPAGATION;
    let mut allowed = Vec::new();
    let stale = "the API server has no current information about it";
    let mut unseen: Vec<Unseen> = served
        .unknown
        .iter()
        .map(|group| Unseen::new(format!("resources of {group}"), stale))
        .collect();
    for subject in &identities {
        let left = still_allowed(session, subject, &questions, plan, deadline).await?;
        allowed.extend(left.allowed);
        let trouble = left.trouble.into_iter();
        unseen.extend(trouble.map(|why| Unseen::new("rights that an authorizer gives", why)));
    }
    unseen.dedup();
    Ok(Proof {
        checks: questions.len() * identities.len(),
        allowed: by_reason(allowed),
        unseen,
    })
}

/// Returns every verb of every resource and subresource, in each of the places.
fn questions(served: &Served, places: &[String]) -> Vec<Access> {
    let mut all = Vec::new();
    for kind in &served.types {
        let name = kind.name();
        let own = kind.verbs.iter().map(|verb| Access::new(verb, &name));
        let below = kind.subresources.iter().flat_map(|(subresource, verbs)| {
            let name = format!("{name}/{subresource}");
            verbs.iter().map(move |verb| Access::new(verb, &name))
        });
        all.extend(own.chain(below));
    }
    places
        .iter()
        .flat_map(|place| all.iter().map(move |access| access.clone().within(place)))
        .collect()
}

/// What the authorizer allows, and what it could not evaluate.
#[derive(Default)]
struct Left {
    allowed: Vec<(Access, String)>,
    trouble: Vec<String>,
}

async fn still_allowed(
    session: &Session,
    subject: &Subject,
    questions: &[Access],
    plan: &Plan,
    deadline: Instant,
) -> Result<Left> {
    let mut open: Vec<Access> = questions.to_vec();
    let mut left = Left::default();
    let patience = Patience::of(deadline.saturating_duration_since(Instant::now()));
    poll(patience, &Interrupt::never(), async || {
        left.allowed.clear();
        let answers = access_reviews::may_each(session, subject, &open).await?;
        for (access, answer) in open.iter().zip(answers) {
            // A binding to a role that does not exist gives nothing.
            let why = answer.trouble.filter(|why| !why.ends_with("not found"));
            let trouble = &mut left.trouble;
            trouble.extend(why.filter(|why| !trouble.contains(why)));
            if answer.allowed {
                left.allowed.push((access.clone(), answer.reason));
            }
        }
        // A cache may still know what has just been removed.
        let fresh = left
            .allowed
            .iter()
            .any(|(_, reason)| is_removed(plan, reason));
        if fresh {
            open = left
                .allowed
                .iter()
                .map(|(access, _)| access.clone())
                .collect();
        }
        Ok((!fresh).then_some(()))
    })
    .await?;
    Ok(left)
}

/// Says whether a reason is empty, or names a binding that was just taken away.
fn is_removed(plan: &Plan, reason: &str) -> bool {
    reason.is_empty()
        || plan.bindings().any(|unbind| {
            let name = name(&unbind.binding.metadata);
            reason.contains(&format!("\"{name}\"")) || reason.contains(&format!("\"{name}/"))
        })
}

fn by_reason(allowed: Vec<(Access, String)>) -> Vec<Allowed> {
    let mut found: BTreeMap<String, Allowed> = BTreeMap::new();
    for (access, reason) in allowed {
        let through = if reason.is_empty() {
            "an authorizer that gives no reason".to_owned()
        } else {
            reason
        };
        let entry = found.entry(through.clone()).or_insert_with(|| Allowed {
            through,
            ..Allowed::default()
        });
        entry.permissions += 1;
        if entry.examples.len() < EXAMPLES {
            let place = access.namespace.clone().unwrap_or_default();
            let what = access.full_resource();
            entry
                .examples
                .push(format!("{} {what} in {place}", access.verb));
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::offboard::discovery::Type;
    use kube::api::ApiResource;

    #[test]
    fn every_verb_of_every_resource_and_subresource_is_asked_for_in_every_place() {
        let pods = Type {
            resource: ApiResource {
                plural: "pods".into(),
                ..ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&())
            },
            verbs: vec!["get".into(), "list".into()],
            subresources: vec![("exec".into(), vec!["create".into()])],
        };
        let served = Served {
            types: vec![pods],
            unknown: Vec::new(),
        };
        let places = ["alice".to_owned(), "web".to_owned()];
        let shown: Vec<String> = questions(&served, &places)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(shown.len(), 6);
        assert!(
            shown.contains(&"create pods/exec in namespace web".to_owned()),
            "{shown:?}"
        );
    }

    #[test]
    fn what_is_left_is_told_by_the_binding_that_gives_it() {
        let access = |verb: &str| Access::new(verb, "secrets").within("web");
        let left = by_reason(vec![
            (access("get"), "by b".to_owned()),
            (access("list"), "by a".to_owned()),
            (access("watch"), "by b".to_owned()),
            (access("create"), String::new()),
        ]);
        let told: Vec<(&str, usize)> = left
            .iter()
            .map(|one| (one.through.as_str(), one.permissions))
            .collect();
        assert_eq!(
            told,
            [
                ("an authorizer that gives no reason", 1),
                ("by a", 1),
                ("by b", 2)
            ]
        );
        assert_eq!(
            left[2].examples,
            ["get secrets in web", "watch secrets in web"]
        );
    }

    #[test]
    fn a_shared_group_or_a_right_outweighs_what_is_unknown() {
        let shared = [Shared {
            group: "devs".to_owned(),
            binding: "rolebinding web/devs".to_owned(),
            role: "ClusterRole view".to_owned(),
        }];
        let mut proof = Proof::default();
        assert_eq!(proof.exit(&[]), Exit::Done);
        assert_eq!(proof.exit(&shared), Exit::No);
        proof.unseen.push(Unseen::new("resources of a/v1", "stale"));
        assert_eq!(proof.exit(&[]), Exit::Incomplete);
        proof.allowed.push(Allowed::default());
        assert_eq!(proof.exit(&[]), Exit::No);
    }
}
