//! What can be proved of a user's rights without their key: the server is asked what it would
//! answer them.

use std::time::Duration;

use futures::future::try_join_all;
use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::client::access::{Access, granted};
use groundcrew::cluster::{Patience, poll};
use groundcrew::error::Result;
use k8s_openapi::api::rbac::v1::PolicyRule;
use tokio::time::Instant;

use crate::cluster::access_reviews;
use crate::cluster::access_reviews::Subject;
use crate::cluster::proof::expected::{Expected, PROPAGATION, TELLING, can, cannot};
use crate::model::check::Check;

/// Nobody but an administrator of a namespace may do this.
const BIND: (&str, &str) = ("create", "rolebindings.rbac.authorization.k8s.io");

/// Asks as the admin what the user may do, by their name and the groups in their certificate.
///
/// This says nothing about the certificate itself, nor about how admission treats the user's pods:
/// only the holder of the key can try those.
///
/// # Errors
///
/// When the server could not be asked; an answer that is not as expected is a failed [`Check`].
pub async fn review(
    admin: &Session,
    expected: &Expected<'_>,
    timeout: Duration,
) -> Result<Vec<Check>> {
    let deadline = Instant::now() + timeout.min(PROPAGATION);
    let forbidden = cannot(expected);
    let ask = |access: &Access| {
        let access = access.clone();
        async move { would_be_allowed(admin, expected, &access).await }
    };
    let answers = try_join_all(forbidden.iter().map(ask)).await?;
    let mut checks = Vec::new();
    for (access, allowed) in forbidden.iter().zip(answers) {
        let failure = allowed.then(|| "the user can, through another binding".to_owned());
        checks.push(Check::new(format!("cannot {access}"), failure));
    }
    for access in can(expected) {
        // New rights reach the authorizer's cache a moment after they are written.
        let left = deadline.saturating_duration_since(Instant::now());
        let seen = poll(Patience::of(left), &Interrupt::never(), async || {
            let allowed = would_be_allowed(admin, expected, &access).await?;
            Ok(allowed.then_some(()))
        })
        .await?;
        let allowed = seen.is_some();
        let failure = (!allowed).then(|| "the user cannot".to_owned());
        checks.push(Check::new(format!("can {access}"), failure));
    }
    Ok(checks)
}

async fn would_be_allowed(
    admin: &Session,
    expected: &Expected<'_>,
    access: &Access,
) -> Result<bool> {
    let subject = match expected.asserted {
        Some(asserted) => Subject::from((expected.user, asserted)),
        None => Subject::of(expected.user, expected.kind, expected.groups),
    };
    Ok(access_reviews::may(admin, &subject, access).await?.allowed)
}

/// Returns what a role gives, as far as it is tried out, in words for the file that the user gets:
/// they may not read the role themselves.
#[must_use]
pub fn grants(role: &[PolicyRule]) -> Vec<String> {
    TELLING
        .into_iter()
        .chain([BIND])
        .filter(|(verb, resource)| granted(role, &Access::new(verb, resource)))
        .map(|(verb, resource)| format!("{verb} {resource}"))
        .collect()
}

/// Returns rules that give what [`grants`] named; words that are not tried out give nothing.
#[must_use]
pub fn rules(grants: &[String]) -> Vec<PolicyRule> {
    let known = TELLING.into_iter().chain([BIND]);
    known
        .filter(|(verb, resource)| grants.contains(&format!("{verb} {resource}")))
        .map(|(verb, resource)| {
            let access = Access::new(verb, resource);
            let resource = match access.subresource {
                Some(sub) => format!("{}/{sub}", access.resource),
                None => access.resource,
            };
            PolicyRule {
                api_groups: Some(vec![access.group]),
                resources: Some(vec![resource]),
                verbs: vec![access.verb],
                ..PolicyRule::default()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_role_gives_survives_the_hand_over() {
        let every = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        let role = [PolicyRule {
            api_groups: every(&["", "apps"]),
            resources: every(&["pods", "pods/log", "deployments"]),
            verbs: vec!["get".to_owned(), "create".to_owned()],
            ..PolicyRule::default()
        }];
        let words = grants(&role);
        assert_eq!(
            words,
            ["create pods", "create deployments.apps", "get pods/log"]
        );
        assert_eq!(grants(&rules(&words)), words);
        assert!(rules(&["delete nodes".to_owned()]).is_empty());
    }
}
