//! The record in its ConfigMap, changed only by compare-and-set.

use groundcrew::client::Session;
use groundcrew::client::clock::{self, Clock};
use groundcrew::cluster::Objects;
use groundcrew::error::{Error, Result};
use groundcrew::write::{Writer, is_conflict};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use kube::core::ApiResource;

use crate::cluster::refusal::is_blind;
use crate::model::break_glass;
use crate::model::names::{self, BREAK_GLASS, MANAGED_BY, MARKER, RECORD, STATE};
use crate::model::record::{LARGEST_BUDGET, Record, VERSION};
use crate::model::target::Target;

/// The place of one Deployment's record.
#[derive(Clone, Debug)]
pub struct Store {
    maps: Objects<ConfigMap>,
    path: String,
    namespace: String,
    deployment: String,
    manager: String,
}

/// A record as it was read or written.
#[derive(Clone, Debug)]
pub struct Stored {
    /// What it says.
    pub record: Record,
    /// The ConfigMap it is in.
    pub map: ConfigMap,
}

/// How a write went.
#[derive(Debug)]
pub enum Put {
    /// As wanted.
    Done(Box<Stored>),
    /// Somebody else changed it in between: read it again.
    Raced,
    /// The server cannot be reached or is busy: wait, read it again.
    Blind(String),
}

impl Store {
    /// Returns the place for a Deployment.
    #[must_use]
    pub fn new(session: &Session, target: &Target) -> Self {
        let Target {
            namespace,
            name: deployment,
            manager,
        } = target;
        let name = names::record_name(deployment);
        Self {
            maps: session.in_(namespace).of(),
            path: format!("/api/v1/namespaces/{namespace}/configmaps/{name}"),
            namespace: namespace.clone(),
            deployment: deployment.clone(),
            manager: manager.clone(),
        }
    }

    /// Returns the record's name.
    #[must_use]
    pub fn name(&self) -> String {
        names::record_name(&self.deployment)
    }

    fn explain(&self, verb: &'static str, error: kube::Error) -> Error {
        self.maps.explain(verb, &self.name(), error)
    }

    /// Reads the record and the server's clock.
    ///
    /// # Errors
    ///
    /// What the server says; that the record is not one of this plugin's, or of a newer version.
    pub async fn read(&self, session: &Session) -> Result<(Option<Stored>, Clock)> {
        let (map, clock) = clock::get::<ConfigMap>(session, &self.path)
            .await
            .map_err(|error| self.explain("get", error))?;
        Ok((map.map(|map| self.parse(map)).transpose()?, clock))
    }

    fn parse(&self, map: ConfigMap) -> Result<Stored> {
        let broken = |why: String| {
            Error::failed(format!(
                "configmap {} is not a record of a canary: {why}",
                self.name()
            ))
            .with_hint(format!(
                "inspect it:  kubectl get configmap {} -n {} -o yaml",
                self.name(),
                self.namespace
            ))
        };
        let state = map
            .data
            .as_ref()
            .and_then(|data| data.get(STATE))
            .ok_or_else(|| broken(format!("it has no {STATE}")))?;
        let version = serde_json::from_str::<serde_json::Value>(state)
            .map_err(|error| broken(error.to_string()))?["version"]
            .as_u64();
        if version != Some(u64::from(VERSION)) {
            return Err(broken(format!(
                "its version is {}, but this plugin supports {VERSION}",
                version.map_or_else(|| "missing".to_owned(), |version| version.to_string())
            )));
        }
        let mut record: Record =
            serde_json::from_str(state).map_err(|error| broken(error.to_string()))?;
        record.budget = record.budget.min(LARGEST_BUDGET);
        Ok(Stored { record, map })
    }

    /// Creates the record, owned by the Deployment.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn create(&self, record: &Record) -> Result<Put> {
        let map = self.map(record)?;
        let mine = map.data.clone();
        let created = self
            .writer(false)
            .create(self.maps.api(), &map, |found| found.data == mine)
            .await;
        self.outcome(created, record, "create")
    }

    /// Replaces the record if it is still what was read.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn replace(&self, read: &Stored, record: &Record) -> Result<Put> {
        let mut map = read.map.clone();
        map.data = Some(self.data(record)?);
        let mine = map.data.clone();
        let replaced = self
            .writer(false)
            .replace(self.maps.api(), &map, |found| found.data == mine)
            .await;
        self.outcome(replaced, record, "update")
    }

    /// Deletes exactly what was read; says whether that was so. A dry run
    /// is only checked by the server.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn delete(&self, read: &Stored, dry_run: bool) -> Result<bool> {
        match self
            .writer(dry_run)
            .delete(self.maps.api(), &read.map.metadata)
            .await
        {
            Ok(_) => Ok(true),
            Err(error) if is_conflict(&error) => Ok(false),
            Err(error) => Err(self.explain("delete", error)),
        }
    }

    fn outcome(
        &self,
        result: kube::Result<ConfigMap>,
        record: &Record,
        verb: &'static str,
    ) -> Result<Put> {
        match result {
            Ok(map) if map.data != Some(self.data(record)?) => Err(Error::failed(format!(
                "admission changed configmap {}: a record of a canary has to be stored as it is \
                 written",
                self.name()
            ))),
            Ok(map) => Ok(Put::Done(Box::new(Stored {
                record: record.clone(),
                map,
            }))),
            Err(error) if is_conflict(&error) => Ok(Put::Raced),
            // Somebody removed the record: what there is has to be looked at again.
            Err(error) if verb == "update" && groundcrew::write::is_not_found(&error) => {
                Ok(Put::Raced)
            }
            Err(error) if is_blind(&error) => Ok(Put::Blind(error.to_string())),
            Err(error) => Err(self.explain(verb, error)),
        }
    }

    /// Lets the server check that the record could be written, and keeps nothing.
    ///
    /// # Errors
    ///
    /// The server's refusal; that somebody else changed the record.
    pub async fn check(&self, read: Option<&Stored>, record: &Record) -> Result<()> {
        let (map, verb) = match read {
            None => (self.map(record)?, "create"),
            Some(read) => {
                let data = Some(self.data(record)?);
                (
                    ConfigMap {
                        data,
                        ..read.map.clone()
                    },
                    "update",
                )
            }
        };
        let writer = self.writer(true);
        let checked = match read {
            None => writer.create(self.maps.api(), &map, |_| false).await,
            Some(_) => writer.replace(self.maps.api(), &map, |_| false).await,
        };
        match checked {
            Ok(_) => Ok(()),
            Err(error) if is_conflict(&error) => Err(Error::conflict(
                "the record changed in the meantime; run this again",
            )),
            Err(error) => Err(self.explain(verb, error)),
        }
    }

    fn writer(&self, dry_run: bool) -> Writer {
        Writer {
            field_manager: self.manager.clone(),
            dry_run,
            force_conflicts: false,
        }
    }

    fn map(&self, record: &Record) -> Result<ConfigMap> {
        Ok(ConfigMap {
            metadata: ObjectMeta {
                name: Some(self.name()),
                namespace: Some(self.namespace.clone()),
                labels: Some(
                    [MANAGED_BY, RECORD]
                        .map(|(key, value)| (key.to_owned(), value.to_owned()))
                        .into(),
                ),
                owner_references: Some(vec![OwnerReference {
                    api_version: "apps/v1".to_owned(),
                    kind: "Deployment".to_owned(),
                    name: self.deployment.clone(),
                    uid: record.uid.clone(),
                    ..OwnerReference::default()
                }]),
                ..ObjectMeta::default()
            },
            data: Some(self.data(record)?),
            ..ConfigMap::default()
        })
    }

    fn data(&self, record: &Record) -> Result<std::collections::BTreeMap<String, String>> {
        let state = serde_json::to_string(&record.stored())
            .map_err(|error| Error::failed("cannot write the record").with_source(error))?;
        let break_glass = break_glass::commands(record, &self.namespace, &self.deployment);
        Ok([
            (STATE.to_owned(), state),
            (BREAK_GLASS.to_owned(), break_glass),
        ]
        .into())
    }
}

/// Returns the Deployments of a namespace, or of all, that have a record or are marked, each once, and
/// the server's time.
///
/// # Errors
///
/// What the server says.
pub async fn all(
    session: &Session,
    namespace: Option<&str>,
) -> Result<(Vec<Target>, jiff::Timestamp)> {
    let (maps, deployments) = (
        ApiResource::erase::<ConfigMap>(&()),
        ApiResource::erase::<Deployment>(&()),
    );
    let maps = session.cluster().dynamic(&maps, namespace);
    let deployments = session.cluster().dynamic(&deployments, namespace);
    let label = format!("{}={}", RECORD.0, RECORD.1);
    let (records, marked, clock) = futures::try_join!(
        maps.labelled(&label),
        deployments.labelled(MARKER),
        clock::read(session)
    )?;
    let prefix = names::record_name("");
    let mut found: Vec<Target> = records
        .into_iter()
        .filter_map(|map| {
            let name = map.metadata.name?.strip_prefix(&prefix)?.to_owned();
            let namespace = map.metadata.namespace?;
            Some(Target::new(namespace, name))
        })
        .collect();
    found.extend(marked.into_iter().filter_map(|deployment| {
        let namespace = deployment.metadata.namespace?;
        let name = deployment.metadata.name?;
        Some(Target::new(namespace, name))
    }));
    found.sort_by(|one, other| (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name)));
    found.dedup();
    Ok((found, clock.now()))
}
