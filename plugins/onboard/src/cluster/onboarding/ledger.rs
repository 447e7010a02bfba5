//! The record while a run changes it.

use groundcrew::cluster::Objects;
use groundcrew::error::Result;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::cluster::onboarding::run::Run;
use crate::cluster::records;
use crate::model::record;
use crate::model::record::{Begun, Record};

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
        record.ended = None;
        record.namespace.clone_from(&run.plan.namespace);
        Self {
            record,
            kept: found.map(|found| (found.record.clone(), found.metadata.clone())),
        }
    }

    /// Puts on record that an issue begins, before anything else is written.
    ///
    /// This decides between two admins: of several runs that begin, the one that writes last goes
    /// on, and the others meet a conflict at their next write to the record. A run that died is
    /// taken over the same way, at once.
    ///
    /// # Errors
    ///
    /// As [`Self::save`].
    pub async fn begin(&mut self, run: &Run<'_>, generation: u32) -> Result<()> {
        let mut record = run
            .observed
            .record
            .as_ref()
            .map_or_else(|| self.record.clone(), |found| found.record.clone());
        if let Some(other) = &record.begun {
            run.ui.status(format_args!(
                "taking over from an unfinished run by {} that started {}.",
                other.by, other.since
            ));
        }
        record.begun = Some(Begun {
            generation,
            by: run.me.to_owned(),
            since: run.clock.now(),
            key: run
                .options
                .request()
                .map(|request| request.fingerprint().to_owned()),
            run: Some(format!("{:016x}", fastrand::u64(..))),
            taking_back: false,
        });
        record.replacing = self.replacing(run);
        self.write(run, record).await
    }

    /// Puts on record where a run is going to give the user another role, before it does.
    ///
    /// # Errors
    ///
    /// As [`Self::save`].
    pub async fn begin_replacing(&mut self, run: &Run<'_>) -> Result<()> {
        let Some((mut record, _)) = self.kept.clone() else {
            return Ok(());
        };
        record.replacing = self.replacing(run);
        self.write(run, record).await
    }

    /// Returns the namespaces that may hold a second binding of the user until this run has ended:
    /// those that a dead run has left, too.
    fn replacing(&self, run: &Run<'_>) -> Vec<String> {
        let mut all = self.record.replacing.clone();
        all.extend(run.plan.replaced.iter().cloned());
        all.sort();
        all.dedup();
        all
    }

    /// Writes the record if it differs from what the cluster has; whatever began has ended.
    ///
    /// # Errors
    ///
    /// Conflict, when another run wrote it in between; what the server says.
    pub async fn save(&mut self, run: &Run<'_>) -> Result<()> {
        self.record.begun = None;
        self.record.replacing = Vec::new();
        self.write(run, self.record.clone()).await
    }

    /// Says whether this run has put on record that it began, and has not ended.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.kept
            .as_ref()
            .is_some_and(|(kept, _)| kept.begun.is_some() || !kept.replacing.is_empty())
    }

    /// Says whether the record is still as this run last saw it.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn is_ours(&self, run: &Run<'_>) -> Result<bool> {
        let name = record::name(&run.options.user);
        let found = records_of(run).find(&name).await?;
        let version = |metadata: &ObjectMeta| metadata.resource_version.clone();
        let ours = self.kept.as_ref().map(|(_, metadata)| version(metadata));
        Ok(found.map(|map| version(&map.metadata)) == ours)
    }

    /// Claims the right to remove what this run made; another run that begins meanwhile waits.
    ///
    /// # Errors
    ///
    /// Conflict, when another run has taken over, so that nothing it may use is to be removed.
    pub async fn begin_taking_back(&mut self, run: &Run<'_>) -> Result<()> {
        let Some((mut record, _)) = self.kept.clone() else {
            return Ok(());
        };
        let Some(begun) = &mut record.begun else {
            return Ok(());
        };
        begun.taking_back = true;
        begun.since = run.clock.now();
        self.write(run, record).await
    }

    /// Puts the record back to what it was before this run, or removes the one that it made.
    ///
    /// # Errors
    ///
    /// Conflict, when another run has taken over; what the server says.
    pub async fn end_taking_back(&mut self, run: &Run<'_>) -> Result<()> {
        let Some((kept, metadata)) = &self.kept else {
            return Ok(());
        };
        if kept.begun.is_none() && kept.replacing.is_empty() {
            return Ok(());
        }
        if let Some(found) = &run.observed.record {
            // What a dead run began stays noted: its number is not used again.
            return self.write(run, found.record.clone()).await;
        }
        let deleted = records_of(run).delete(&run.writer, metadata).await;
        deleted.map_err(|error| run.raced(error))?;
        self.kept = None;
        Ok(())
    }

    async fn write(&mut self, run: &Run<'_>, record: Record) -> Result<()> {
        let read = match &self.kept {
            Some((kept, _)) if *kept == record => return Ok(()),
            Some((_, metadata)) => Some(metadata),
            None => None,
        };
        let user = &run.options.user;
        let written = records::write(run.session, &run.writer, user, &record, read).await?;
        self.kept = Some((record, written));
        Ok(())
    }
}

fn records_of(run: &Run<'_>) -> Objects<ConfigMap> {
    run.session.in_(SYSTEM_NAMESPACE).of()
}
