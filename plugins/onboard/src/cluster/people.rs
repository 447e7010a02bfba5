//! Everybody who is on record.

use clap_complete::engine::ArgValueCompleter;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::client::{Session, pages};
use groundcrew::complete;
use groundcrew::error::Result;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, ListParams, PartialObjectMeta};

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
    let api = Api::<ConfigMap>::namespaced(session.client.clone(), SYSTEM_NAMESPACE);
    let doing = Doing::new("list", "configmaps").within(SYSTEM_NAMESPACE);
    let found = pages::all(&api, &ListParams::default().labels(&selector()))
        .await
        .map_err(|error| explain(error, &doing))?;
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
        let api = Api::<ConfigMap>::namespaced(session.client, SYSTEM_NAMESPACE);
        let records = ListParams::default().labels(&selector());
        let found = api.list_metadata(&records).await.ok()?;
        let owner = |record: &PartialObjectMeta<ConfigMap>| {
            record
                .metadata
                .annotations
                .as_ref()?
                .get(labels::OWNER)
                .cloned()
        };
        Some(found.items.iter().filter_map(owner).collect())
    })
}

fn selector() -> String {
    format!("{}=onboard", labels::RECORD_LABEL)
}
