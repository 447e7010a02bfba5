//! The record while a run changes it.

use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::Result;
use groundcrew::write::{is_conflict, is_not_found};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::Run;
use crate::objects;
use crate::record::{self, Record, SYSTEM_NAMESPACE};

/// A record with the object that it was read from; a change in between is a conflict, not a merge.
#[derive(Debug)]
pub struct Ledger {
    /// What the record says now.
    pub record: Record,
    kept: Option<(Record, ObjectMeta)>,
}

impl Ledger {
    /// Opens the record of this person, or a new one.
    #[must_use]
    pub fn open(run: &Run<'_>) -> Self {
        let found = run.observed.record.as_ref();
        let mut record = found.map_or_else(
            || {
                let settings = run.plan.settings.clone();
                Record::new(&run.options.user, &run.plan.namespace, settings)
            },
            |found| found.record.clone(),
        );
        record.settings = run.plan.settings.clone();
        Self {
            record,
            kept: found.map(|found| (found.record.clone(), found.metadata.clone())),
        }
    }

    /// Writes the record if it differs from what the cluster has.
    ///
    /// # Errors
    ///
    /// Conflict, when another run wrote it in between; what the server says.
    pub async fn save(&mut self, run: &Run<'_>) -> Result<()> {
        let user = &run.options.user;
        let mut map = self.record.to_config_map(user)?;
        let data = map.data.clone();
        let is_ours = |kept: &ConfigMap| kept.data == data;
        let api = run.namespaced_api::<ConfigMap>(SYSTEM_NAMESPACE);
        let name = record::name(user);
        let doing = |verb| {
            Doing::new(verb, "configmaps")
                .named(&name)
                .within(SYSTEM_NAMESPACE)
        };
        let saved = match &self.kept {
            Some((kept, _)) if *kept == self.record => return Ok(()),
            Some((_, metadata)) => {
                map.metadata.resource_version = metadata.resource_version.clone();
                map.metadata.uid = metadata.uid.clone();
                let replaced = run.writer.replace(&api, &map, is_ours).await;
                replaced.map_err(|error| run.raced(error, &doing("update")))?
            }
            None => {
                let mut made = run.writer.create(&api, &map, is_ours).await;
                if made.as_ref().is_err_and(is_not_found) {
                    run.system_namespace().await?;
                    made = run.writer.create(&api, &map, is_ours).await;
                }
                made.map_err(|error| run.raced(error, &doing("create")))?
            }
        };
        self.kept = Some((self.record.clone(), saved.metadata));
        Ok(())
    }
}

impl Run<'_> {
    /// Makes the namespace of records if it is not there yet.
    pub(super) async fn system_namespace(&self) -> Result<()> {
        let object = objects::system_namespace();
        let doing = Doing::new("create", "namespaces").named(SYSTEM_NAMESPACE);
        match self
            .writer
            .create(&self.cluster_api::<Namespace>(), &object, |_| true)
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if is_conflict(&error) => Ok(()),
            Err(error) => Err(explain(error, &doing)),
        }
    }
}
