//! What the user could have left behind: tokens of service accounts in namespaces that stay. Such a
//! token works without the user's rights, and no server lists the tokens that were issued.

use groundcrew::client::Session;
use groundcrew::client::access::Access;
use groundcrew::error::Result;
use k8s_openapi::api::core::v1::ServiceAccount;
use serde::Serialize;

use crate::cluster::access_reviews::{Subject, may};
use crate::commands::offboard::decide::Plan;
use crate::model::credential_kind::CredentialKind;
use crate::model::user::UserName;

/// A namespace in which the user could create tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// The namespace.
    pub namespace: String,
    /// Its service accounts; empty when they cannot be listed.
    pub service_accounts: Vec<String>,
}

/// Asks where the user may create tokens, before the rights go.
///
/// # Errors
///
/// That the server could not be asked.
pub async fn could_be_left(session: &Session, user: &UserName, plan: &Plan) -> Result<Vec<Left>> {
    let gone = plan.deleted_namespace();
    let bound = plan.bindings();
    let mut namespaces: Vec<&str> = bound
        .filter_map(|unbind| unbind.binding.metadata.namespace.as_deref())
        .filter(|namespace| Some(*namespace) != gone)
        .collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    let own = user.as_str().to_owned();
    let names = std::iter::once(own).chain(plan.names.iter().cloned());
    let certificate = CredentialKind::Certificate;
    let mut identities: Vec<Subject> = names
        .map(|name| Subject {
            user: name,
            ..Subject::of(user, certificate, &plan.groups)
        })
        .collect();
    if plan.token {
        identities.push(Subject::of(user, CredentialKind::Token, &[]));
    }
    let mut all = Vec::new();
    for namespace in namespaces {
        let mint = Access::new("create", "serviceaccounts/token").within(namespace);
        let mut allowed = false;
        for identity in &identities {
            allowed |= may(session, identity, &mint).await?.allowed;
        }
        if !allowed {
            continue;
        }
        // Who may not list them still learns that there may be some.
        let accounts = session.in_(namespace).of::<ServiceAccount>();
        let accounts = accounts.list().await.unwrap_or_default();
        let names = accounts.into_iter().filter_map(|one| one.metadata.name);
        all.push(Left {
            namespace: namespace.to_owned(),
            service_accounts: names.collect(),
        });
    }
    Ok(all)
}
