//! What is there of a claim already; only dry runs look, a run is told by the server.

use groundcrew::client::Session;
use groundcrew::client::access::{self, Access};
use groundcrew::error::Result;
use groundcrew::write::{Object, is_forbidden};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;

use super::decide::{Step, What};
use crate::model::meta;
use crate::model::steps::Outcome;

/// Reads the namespace of that name.
///
/// # Errors
///
/// What the server says.
pub async fn namespace(session: &Session, name: &str) -> Result<Option<Namespace>> {
    session.of::<Namespace>().find(name).await
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
    match &step.what {
        What::Entry | What::Namespace(_) => Ok(step.outcome),
        What::Limits(object) => is_there(session, object.as_ref()).await,
        What::Quota(object) => is_there(session, object.as_ref()).await,
        What::Network(object) => is_there(session, object.as_ref()).await,
        What::Binding(object) => {
            let outcome = is_there(session, object.as_ref()).await?;
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

async fn is_there<K>(session: &Session, object: &K) -> Result<Outcome>
where
    K: Object + kube::Resource<Scope = NamespaceResourceScope>,
{
    let namespace = object.meta().namespace.clone().unwrap_or_default();
    let name = object.meta().name.clone().unwrap_or_default();
    let objects = session.in_(namespace).of::<K>();
    match objects.api().get_metadata_opt(&name).await {
        Ok(Some(_)) => Ok(Outcome::Unchanged),
        Ok(None) => Ok(Outcome::Created),
        Err(error) if is_forbidden(&error) => Ok(Outcome::Unseen),
        Err(error) => Err(objects.explain("get", &name, error)),
    }
}
