//! Everybody who is on record.

use clap_complete::engine::ArgValueCompleter;
use groundcrew::client::Session;
use groundcrew::complete;
use groundcrew::error::Result;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;

use crate::model::labels;
use crate::model::record::Record;

/// What the cluster remembers of everybody.
#[derive(Debug, Default)]
pub struct People {
    /// Records with the metadata of their ConfigMaps.
    pub known: Vec<(Record, ObjectMeta)>,
    /// Why a ConfigMap that is marked as a record could not be read as one.
    pub unreadable: Vec<String>,
}

/// Reads every record, page by page.
///
/// # Errors
///
/// What the server says. A record that cannot be read is no error but an entry of its own:
/// nothing is claimed about that person.
pub async fn all(session: &Session) -> Result<People> {
    let records = session.in_(SYSTEM_NAMESPACE).of::<ConfigMap>();
    let found = records.labelled(&selector()).await?;
    let mut people = People::default();
    for map in found {
        match Record::from_config_map(&map) {
            Ok(record) => people.known.push((record, map.metadata)),
            Err(error) => people.unreadable.push(error.to_string()),
        }
    }
    Ok(people)
}

/// Completes the names of people who are onboarded already.
pub fn names() -> ArgValueCompleter {
    complete::from_cluster(|session| async move {
        let records = session.in_(SYSTEM_NAMESPACE).of::<ConfigMap>();
        let marked = ListParams::default().labels(&selector());
        let found = records.list_metadata(&marked).await.ok()?;
        let owner = |record: &ObjectMeta| record.annotations.as_ref()?.get(labels::OWNER).cloned();
        Some(found.iter().filter_map(owner).collect())
    })
}

fn selector() -> String {
    format!("{}=onboard", labels::RECORD_LABEL)
}
