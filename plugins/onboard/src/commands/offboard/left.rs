//! What the user could have left behind in namespaces that stay: tokens of service accounts, which
//! work without the user's rights and which no server lists, Secrets with such tokens, and bindings
//! of service accounts.

use groundcrew::client::Session;
use groundcrew::client::access::Access;
use groundcrew::error::Result;
use groundcrew::finding::reason;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::ListParams;

use crate::cluster::access_reviews::{Subject, may};
use crate::commands::offboard::decide::Plan;
use crate::commands::offboard::observe::Found;
use crate::model::credential_kind::CredentialKind;
use crate::model::identity;
use crate::model::left::Left;
use crate::model::user::UserName;

/// Asks what the user may make, before the rights go.
///
/// # Errors
///
/// That the server could not be asked.
pub async fn could_be_left(
    session: &Session,
    user: &UserName,
    found: &Found,
    plan: &Plan,
) -> Result<Vec<Left>> {
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
        let allowed = async |verb, resource| -> Result<bool> {
            let access = Access::new(verb, resource).within(namespace);
            for identity in &identities {
                if may(session, identity, &access).await?.allowed {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        let mut left = Left {
            namespace: namespace.to_owned(),
            tokens: allowed("create", "serviceaccounts/token").await?,
            ..Left::default()
        };
        if left.tokens {
            // Who may not list them still learns that there may be some.
            let accounts = session.in_(namespace).of::<ServiceAccount>();
            let accounts = accounts.list().await.unwrap_or_default();
            let names = accounts.into_iter().filter_map(|one| one.metadata.name);
            left.service_accounts = names.collect();
        }
        if allowed("get", "secrets").await? || allowed("create", "secrets").await? {
            match token_secrets(session, namespace).await {
                Ok(names) => left.token_secrets = names,
                Err(error) => left.unseen = Some(reason(&error)),
            }
        }
        if let Some(since) = bound_since(plan, namespace)
            && allowed("create", "rolebindings.rbac.authorization.k8s.io").await?
        {
            left.bindings = identity::made_since(&found.bindings, namespace, since);
        }
        if !left.is_empty() {
            all.push(left);
        }
    }
    Ok(all)
}

/// Returns the Secrets that hold tokens without an end; reads names, never what is inside.
async fn token_secrets(session: &Session, namespace: &str) -> Result<Vec<String>> {
    let secrets = session.in_(namespace).of::<Secret>();
    let tokens = ListParams::default().fields("type=kubernetes.io/service-account-token");
    let found = secrets.list_metadata(&tokens).await?;
    Ok(found.into_iter().filter_map(|one| one.name).collect())
}

/// Returns since when the user has had a binding in a namespace.
fn bound_since(plan: &Plan, namespace: &str) -> Option<Timestamp> {
    let own = plan.bindings().map(|unbind| &unbind.binding.metadata);
    let own = own.filter(|metadata| metadata.namespace.as_deref() == Some(namespace));
    own.filter_map(|metadata| Some(metadata.creation_timestamp.as_ref()?.0))
        .min()
}
