//! The same, kept up to date by watches.

use std::collections::BTreeSet;
use std::pin::Pin;

use futures::stream::{SelectAll, Stream, StreamExt};
use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Result};
use groundcrew::write::is_forbidden;
use k8s_openapi::api::core::v1::Pod as FullPod;
use kube::api::DynamicObject;
use kube::runtime::watcher::{self, Config, Event};
use serde_json::Value;

use crate::cluster::deployment::{self, deployments, json, replica_sets, selector};
use crate::cluster::stream::{Plain, watched};
use crate::model::snapshot::Snapshot;
use crate::model::target::Target;

type Items = Pin<Box<dyn Stream<Item = Result<News, watcher::Error>> + Send>>;

enum News {
    Deployment(Event<DynamicObject>),
    Set(Event<DynamicObject>),
    Pod(Box<Event<FullPod>>),
}

impl News {
    fn is_beginning(&self) -> bool {
        match self {
            Self::Deployment(event) | Self::Set(event) => matches!(event, Event::Init),
            Self::Pod(event) => matches!(**event, Event::Init),
        }
    }
}

/// What came of waiting for news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Something changed.
    Something,
    /// The Deployment is gone.
    Gone,
    /// The cluster cannot be seen; it is tried again.
    Blind,
}

/// A Deployment with everything that belongs to it, kept up to date.
pub struct Watching {
    /// What is known.
    pub cluster: Snapshot,
    /// Whether the last that was heard was an error.
    pub blind: bool,
    stream: SelectAll<Items>,
    relisted_sets: Option<BTreeSet<String>>,
    relisted_pods: Option<BTreeSet<String>>,
    name: String,
    namespace: String,
}

impl Watching {
    /// Starts to watch a Deployment, and returns when everything has been read once.
    ///
    /// # Errors
    ///
    /// That there is none; what the server says, for what does not get better by waiting.
    pub async fn open(session: &Session, target: &Target) -> Result<Self> {
        let name = Config::default().fields(&format!("metadata.name={}", target.name));
        let plain = Plain::default();
        let deployments = deployments(session, &target.namespace).api().clone();
        let deployment: Items = Box::pin(
            watched(deployments, name, plain.clone()).map(|event| event.map(News::Deployment)),
        );
        let mut watching = Self {
            cluster: Snapshot {
                deployment: Value::Null,
                sets: [].into(),
                pods: [].into(),
            },
            blind: false,
            stream: futures::stream::select_all([deployment]),
            relisted_sets: None,
            relisted_pods: None,
            name: target.name.clone(),
            namespace: target.namespace.clone(),
        };
        watching.first(1).await?;
        if watching.cluster.deployment.is_null() {
            // The server's own words for what is not there.
            watching.cluster.deployment = deployment::deployment(session, target).await?;
        }
        let labels = selector(&watching.cluster.deployment)?;
        let owned = Config::default().labels_from(&labels);
        let pods = session.in_(&target.namespace).of::<FullPod>();
        let pods = pods.api().clone();
        let sets = replica_sets(session, &target.namespace).api().clone();
        let sets: Items =
            Box::pin(watched(sets, owned.clone(), plain.clone()).map(|event| event.map(News::Set)));
        let pods: Items = Box::pin(
            watched(pods, owned, plain).map(|event| event.map(|event| News::Pod(Box::new(event)))),
        );
        watching.stream.push(sets);
        watching.stream.push(pods);
        watching.first(2).await?;
        Ok(watching)
    }

    /// Waits until so many kinds have been read once.
    async fn first(&mut self, kinds: usize) -> Result<()> {
        let mut complete = 0;
        while complete < kinds {
            let Some(item) = self.stream.next().await else {
                break;
            };
            let done = matches!(
                &item,
                Ok(News::Deployment(Event::InitDone) | News::Set(Event::InitDone))
            ) || matches!(&item, Ok(News::Pod(event)) if matches!(**event, Event::InitDone));
            self.take(item)?;
            complete += usize::from(done);
        }
        Ok(())
    }

    /// Waits for news.
    ///
    /// # Errors
    ///
    /// What the server says, for what does not get better by waiting.
    pub async fn next(&mut self) -> Result<Change> {
        loop {
            let Some(item) = self.stream.next().await else {
                return Err(Error::failed("the watch has ended"));
            };
            if let Some(change) = self.take(item)? {
                return Ok(change);
            }
        }
    }

    /// Takes in what a write answered, which is newer than what was watched.
    ///
    /// # Errors
    ///
    /// Never for what the server sent.
    pub fn put_deployment(&mut self, object: &DynamicObject) -> Result<()> {
        self.cluster.deployment = json(object)?;
        Ok(())
    }

    fn take(&mut self, item: Result<News, watcher::Error>) -> Result<Option<Change>> {
        let news = match item {
            Ok(news) => news,
            Err(error) => return self.failed(error).map(Some),
        };
        // That a list begins is no news yet.
        self.blind &= news.is_beginning();
        Ok(match news {
            News::Deployment(event) => self.take_deployment(event)?,
            News::Set(event) => self.take_set(event)?,
            News::Pod(event) => self.take_pod(*event),
        })
    }

    fn take_deployment(&mut self, event: Event<DynamicObject>) -> Result<Option<Change>> {
        match event {
            Event::Apply(object) | Event::InitApply(object) => {
                let known = self.cluster.deployment["metadata"]["generation"].as_i64();
                let same = self.cluster.uid() == object.metadata.uid.as_deref().unwrap_or_default();
                // The answer to our own write comes before the watch has told of it.
                if same && object.metadata.generation < known {
                    return Ok(None);
                }
                self.cluster.deployment = json(&object)?;
                Ok(Some(Change::Something))
            }
            Event::Delete(_) => Ok(Some(Change::Gone)),
            Event::Init | Event::InitDone => Ok(None),
        }
    }

    fn take_set(&mut self, event: Event<DynamicObject>) -> Result<Option<Change>> {
        match event {
            Event::Init => {
                self.relisted_sets = Some(BTreeSet::new());
                return Ok(None);
            }
            Event::InitApply(set) => {
                if let Some(seen) = &mut self.relisted_sets {
                    seen.insert(set.metadata.uid.clone().unwrap_or_default());
                }
                self.cluster.put_set(json(&set)?);
                return Ok(None);
            }
            Event::InitDone => {
                if let Some(seen) = self.relisted_sets.take() {
                    self.cluster.sets.retain(|uid, _| seen.contains(uid));
                }
            }
            Event::Apply(set) => self.cluster.put_set(json(&set)?),
            Event::Delete(set) => {
                self.cluster
                    .sets
                    .remove(&set.metadata.uid.unwrap_or_default());
            }
        }
        Ok(Some(Change::Something))
    }

    fn take_pod(&mut self, event: Event<FullPod>) -> Option<Change> {
        match event {
            Event::Init => {
                self.relisted_pods = Some(BTreeSet::new());
                return None;
            }
            Event::InitApply(pod) => {
                if let Some(seen) = &mut self.relisted_pods {
                    seen.insert(pod.metadata.uid.clone().unwrap_or_default());
                }
                self.cluster.put_pod(pod.into());
                return None;
            }
            Event::InitDone => {
                if let Some(seen) = self.relisted_pods.take() {
                    self.cluster.pods.retain(|uid, _| seen.contains(uid));
                }
            }
            Event::Apply(pod) => self.cluster.put_pod(pod.into()),
            Event::Delete(pod) => {
                self.cluster
                    .pods
                    .remove(&pod.metadata.uid.unwrap_or_default());
            }
        }
        Some(Change::Something)
    }

    /// Missing rights do not come by waiting; anything else is blindness.
    fn failed(&mut self, error: watcher::Error) -> Result<Change> {
        use watcher::Error as Watch;
        self.blind = true;
        match error {
            Watch::InitialListFailed(error) | Watch::WatchStartFailed(error)
                if is_forbidden(&error) =>
            {
                let doing = Doing::new("watch", "deployments.apps, replicasets.apps and pods")
                    .within(&self.namespace);
                Err(explain(error, &doing))
            }
            error => {
                tracing::info!(deployment = self.name, %error, "the watch broke");
                Ok(Change::Blind)
            }
        }
    }
}
