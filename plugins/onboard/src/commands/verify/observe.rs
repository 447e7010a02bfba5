//! Reads what the record of a person is compared with.

use futures::future::join_all;
use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::Result;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams};

use super::plan::{Person, Questions};
use crate::identity::UserName;
use crate::meta;
use crate::observe;
use crate::record::{CredentialKind, SYSTEM_NAMESPACE};
use crate::sar::{self, Answer};
use crate::sight::{Sight, sight};

/// Reads everything about a person; `None` when she is not on record.
///
/// # Errors
///
/// That her record cannot be read; anything else that cannot is kept as such.
pub async fn person(session: &Session, user: &UserName) -> Result<Option<Person>> {
    let Some(found) = observe::record_of(session, user).await? else {
        return Ok(None);
    };
    let record = found.record;
    let tokens = record
        .generations
        .iter()
        .any(|issue| issue.kind == CredentialKind::Token);
    let (rules, binding, namespace, secrets) = futures::join!(
        observe::rules_of(session, record.home_role()),
        observe::binding_of(session, &record.namespace, user),
        observe::namespace_named(session, &record.namespace),
        async {
            if tokens {
                sight(secrets_of(session, user).await)
            } else {
                Ok(Vec::new())
            }
        },
    );
    Ok(Some(Person {
        record,
        rules: sight(rules),
        binding: sight(binding),
        namespace: sight(namespace),
        secrets,
    }))
}

/// Asks the authorizer.
pub async fn ask(session: &Session, questions: &[Questions]) -> Vec<Sight<Vec<Answer>>> {
    let asked = questions
        .iter()
        .map(async |asked| sight(sar::may_each(session, &asked.subject, &asked.accesses).await));
    join_all(asked).await
}

/// Returns the generations whose token has its Secret; reads names, never what is inside.
async fn secrets_of(session: &Session, user: &UserName) -> Result<Vec<u32>> {
    let selector = format!("{}={}", meta::USER_LABEL, user.slug());
    let found = Api::<Secret>::namespaced(session.client.clone(), SYSTEM_NAMESPACE)
        .list_metadata(&ListParams::default().labels(&selector))
        .await
        .map_err(|error| {
            explain(
                error,
                &Doing::new("list", "secrets").within(SYSTEM_NAMESPACE),
            )
        })?;
    Ok(found
        .items
        .iter()
        .filter_map(|secret| {
            let annotations = secret.metadata.annotations.as_ref()?;
            annotations.get(meta::GENERATION)?.parse().ok()
        })
        .collect())
}
