//! One kind of object, as a list and everything after it.
//!
//! Where the server can (KEP-3157, on by default since Kubernetes 1.34), both come by one request:
//! the watch begins with what there is now, read consistently, and a bookmark says where that ends.
//! `kube::runtime` would ask for any version, which an API server that lags may be behind with.
//! Elsewhere, and whenever such a watch breaks, a list and a watch are two requests.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::{BoxStream, Stream, StreamExt as _, unfold};
use groundcrew::write::status;
use kube::Resource;
use kube::api::{Api, WatchEvent, WatchParams};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{Config, Error, Event, watcher};
use serde::de::DeserializeOwned;

/// Marks the bookmark that ends what there was (`k8s.io/api/meta/v1`, `InitialEventsAnnotationKey`).
const END: &str = "k8s.io/initial-events-end";

/// How long the server keeps a watch open, in seconds, and when one that is silent is given up.
const OPEN: u32 = 290;

const SILENT: Duration = Duration::from_secs(OPEN as u64 + 15);

/// What came of a watch.
pub type Item<K> = Result<Event<K>, Error>;

/// Whether the server was found not to begin a watch with what there is.
#[derive(Clone, Debug, Default)]
pub struct Plain(Arc<AtomicBool>);

struct Watch<K> {
    api: Api<K>,
    config: Config,
    plain: Plain,
    stage: Stage<K>,
}

enum Stage<K> {
    /// Nothing was asked for yet, or the server ended a watch in good order.
    Begin,
    /// What there is comes in.
    Initial(BoxStream<'static, kube::Result<WatchEvent<K>>>),
    /// What there is has come in.
    Going(BoxStream<'static, kube::Result<WatchEvent<K>>>),
    /// By a list and a watch.
    Listed(BoxStream<'static, Item<K>>),
}

/// Watches; never ends.
pub fn watched<K>(api: Api<K>, config: Config, plain: Plain) -> impl Stream<Item = Item<K>> + Send
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let watch = Watch {
        api,
        config,
        plain,
        stage: Stage::Begin,
    };
    unfold(watch, async |mut watch| {
        watch.next().await.map(|item| (item, watch))
    })
}

impl<K> Watch<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    async fn next(&mut self) -> Option<Item<K>> {
        loop {
            match &mut self.stage {
                Stage::Begin if self.plain.0.load(Ordering::Relaxed) => self.list(),
                Stage::Begin => match self.api.watch(&params(&self.config), "").await {
                    Ok(stream) => {
                        self.stage = Stage::Initial(stream.boxed());
                        return Some(Ok(Event::Init));
                    }
                    Err(error) => {
                        self.list();
                        if !is_unknown(&error) {
                            return Some(Err(Error::WatchStartFailed(error)));
                        }
                        self.plain.0.store(true, Ordering::Relaxed);
                    }
                },
                Stage::Initial(stream) => match heard(stream).await {
                    Some(Ok(WatchEvent::Added(object) | WatchEvent::Modified(object))) => {
                        return Some(Ok(Event::InitApply(object)));
                    }
                    Some(Ok(WatchEvent::Bookmark(mark))) => {
                        if mark.metadata.annotations.contains_key(END) {
                            if let Stage::Initial(stream) =
                                std::mem::replace(&mut self.stage, Stage::Begin)
                            {
                                self.stage = Stage::Going(stream);
                            }
                            return Some(Ok(Event::InitDone));
                        }
                    }
                    // Half of what there is is nothing: all of it again.
                    other => return self.broke(other),
                },
                Stage::Going(stream) => match heard(stream).await {
                    Some(Ok(WatchEvent::Added(object) | WatchEvent::Modified(object))) => {
                        return Some(Ok(Event::Apply(object)));
                    }
                    Some(Ok(WatchEvent::Deleted(object))) => {
                        return Some(Ok(Event::Delete(object)));
                    }
                    Some(Ok(WatchEvent::Bookmark(_))) => {}
                    None => self.stage = Stage::Begin,
                    other => return self.broke(other),
                },
                Stage::Listed(stream) => return stream.next().await,
            }
        }
    }

    fn list(&mut self) {
        let listed = watcher(self.api.clone(), self.config.clone());
        self.stage = Stage::Listed(listed.default_backoff().boxed());
    }

    /// Goes on with a list after a watch that broke.
    fn broke(&mut self, event: Option<kube::Result<WatchEvent<K>>>) -> Option<Item<K>> {
        self.list();
        Some(Err(match event {
            Some(Err(error)) => Error::WatchFailed(error),
            Some(Ok(WatchEvent::Error(status))) => Error::WatchError(status.boxed()),
            _ => Error::NoResourceVersion,
        }))
    }
}

/// Returns the next event; a connection that has been silent for longer than the server keeps any
/// open has ended.
async fn heard<K>(
    stream: &mut BoxStream<'static, kube::Result<WatchEvent<K>>>,
) -> Option<kube::Result<WatchEvent<K>>> {
    tokio::time::timeout(SILENT, stream.next())
        .await
        .ok()
        .flatten()
}

fn params(config: &Config) -> WatchParams {
    WatchParams {
        label_selector: config.label_selector.clone(),
        field_selector: config.field_selector.clone(),
        timeout: Some(OPEN),
        bookmarks: true,
        send_initial_events: true,
    }
}

/// Says whether a server does not know what was asked for: without the feature the fields are
/// forbidden (`ValidateListOptions`).
fn is_unknown(error: &kube::Error) -> bool {
    status(error).is_some_and(|status| [400, 422].contains(&status.code))
}
