//! Reads what a user's record is compared with.

use futures::future::join_all;
use groundcrew::client::Session;
use groundcrew::error::Result;
use groundcrew::finding::{Sight, sight};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;

use crate::cluster::access_reviews::Answer;
use crate::cluster::claims::{claim_index, claimed};
use crate::cluster::{access_reviews, bindings, namespaces, records, roles};
use crate::commands::verify::judge::{Person, Questions};
use crate::model::credential_kind::CredentialKind;
use crate::model::labels;
use crate::model::user::UserName;

/// Reads everything about a user; `None` when the user is not on record.
///
/// # Errors
///
/// That the record cannot be read. Anything else that cannot be read is kept as such.
pub async fn person(session: &Session, user: &UserName) -> Result<Option<Person>> {
    let Some(found) = records::record_of(session, user).await? else {
        return Ok(None);
    };
    let record = found.record;
    let tokens = record
        .generations
        .iter()
        .any(|issue| issue.kind == CredentialKind::Token);
    let (rules, binding, bindings, namespace, secrets) = futures::join!(
        roles::rules_of(session, record.home_role()),
        roles::binding_of(session, &record.namespace, user),
        futures::future::try_join(bindings::bindings(session), claim_index(session)),
        namespaces::namespace_named(session, &record.namespace),
        async {
            if tokens {
                sight(secrets_of(session, user).await)
            } else {
                Ok(Vec::new())
            }
        },
    );
    let bindings = sight(bindings);
    Ok(Some(Person {
        record,
        rules: sight(rules),
        binding: sight(binding),
        bindings: bindings.map(|(all, index)| (all, claimed(&index, user))),
        namespace: sight(namespace),
        secrets,
    }))
}

/// Asks the authorizer.
pub async fn ask(session: &Session, questions: &[Questions]) -> Vec<Sight<Vec<Answer>>> {
    let asked = questions.iter().map(async |asked| {
        sight(access_reviews::may_each(session, &asked.subject, &asked.accesses).await)
    });
    join_all(asked).await
}

/// Returns the generations whose token has its Secret; reads names, never what is inside.
async fn secrets_of(session: &Session, user: &UserName) -> Result<Vec<u32>> {
    let selector = format!("{}={}", labels::USER_LABEL, user.slug());
    let secrets = session.in_(SYSTEM_NAMESPACE).of::<Secret>();
    let found = secrets
        .list_metadata(&ListParams::default().labels(&selector))
        .await?;
    Ok(found
        .iter()
        .filter_map(|secret| {
            let annotations = secret.annotations.as_ref()?;
            annotations.get(labels::GENERATION)?.parse().ok()
        })
        .collect())
}
