//! What is there of a claim already; only dry runs look, a run is told by the server.

use groundcrew::client::Session;
use groundcrew::client::access::{self, Access};
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::Result;
use groundcrew::write::{Object, is_forbidden};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;

use super::decide::{Step, What};
use crate::model::meta;
use crate::model::steps::Outcome;

/// Reads the namespace of that name.
///
/// # Errors
///
/// What the server says.
pub async fn namespace(session: &Session, name: &str) -> Result<Option<Namespace>> {
    Api::<Namespace>::all(session.client.clone())
        .get_opt(name)
        .await
        .map_err(|error| explain(error, &Doing::new("get", "namespaces").named(name)))
}

/// Corrects the outcome of each step inside a namespace that is there.
///
/// # Errors
///
/// What the server says.
pub async fn look(session: &Session, steps: &mut [Step]) -> Result<()> {
    let outcomes = futures::future::join_all(steps.iter().map(|step| outcome(session, step))).await;
    for (step, outcome) in steps.iter_mut().zip(outcomes) {
        step.outcome = outcome?;
    }
    Ok(())
}

async fn outcome(session: &Session, step: &Step) -> Result<Outcome> {
    let resource = step.what.resource();
    match &step.what {
        What::Entry | What::Namespace(_) => Ok(step.outcome),
        What::Limits(object) => is_there(session, object.as_ref(), resource).await,
        What::Quota(object) => is_there(session, object.as_ref(), resource).await,
        What::Network(object) => is_there(session, object.as_ref(), resource).await,
        What::Binding(object) => {
            let outcome = is_there(session, object.as_ref(), resource).await?;
            let owners = object.metadata.name.as_deref() == Some(meta::OWNER_BINDING);
            if outcome != Outcome::Unseen || !owners {
                return Ok(outcome);
            }
            // Owners may not read their binding, but only it gives them this right.
            let namespace = object.metadata.namespace.clone().unwrap_or_default();
            let own = Access::new("own", "claims.groundcrew.dev").within(namespace);
            Ok(match access::is_allowed(session, &own).await? {
                true => Outcome::Unchanged,
                false => Outcome::Created,
            })
        }
    }
}

async fn is_there<K>(session: &Session, object: &K, resource: &'static str) -> Result<Outcome>
where
    K: Object + kube::Resource<Scope = NamespaceResourceScope>,
{
    let namespace = object.meta().namespace.clone().unwrap_or_default();
    let name = object.meta().name.clone().unwrap_or_default();
    let api = Api::<K>::namespaced(session.client.clone(), &namespace);
    match api.get_metadata_opt(&name).await {
        Ok(Some(_)) => Ok(Outcome::Unchanged),
        Ok(None) => Ok(Outcome::Created),
        Err(error) if is_forbidden(&error) => Ok(Outcome::Unseen),
        Err(error) => {
            let doing = Doing::new("get", resource).named(&name);
            Err(explain(error, &doing.within(namespace)))
        }
    }
}
