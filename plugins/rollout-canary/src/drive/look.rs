//! Reading the signals while a canary is watched, beside everything else that is done.

use std::time::Duration;

use futures::future::LocalBoxFuture;
use groundcrew::client::Session;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::cluster::signals::arms::Arms;
use crate::cluster::signals::sources::Sources;
use crate::model::object::text;
use crate::model::pod::Pod;
use crate::model::record::Record;
use crate::model::snapshot::Snapshot;
use crate::model::verdict::windows::{Arm, Reading};

/// Reads one after the other; a server that does not answer keeps nothing else waiting.
#[derive(Default)]
pub struct Looking {
    sources: Option<Sources>,
    under_way: Option<LocalBoxFuture<'static, (Sources, Reading)>>,
    found: Option<Reading>,
    due: Option<Instant>,
    notes: Vec<String>,
}

impl Looking {
    /// Starts to look with these sources.
    #[must_use]
    pub fn new(sources: Sources) -> Self {
        Self {
            sources: Some(sources),
            ..Self::default()
        }
    }

    /// Returns a reading that has come in, and begins the next when it is due.
    pub fn next(
        &mut self,
        session: &Session,
        (record, cluster): (&Record, &Snapshot),
        now: Timestamp,
        every: Duration,
    ) -> Option<Reading> {
        let due = self.due.is_none_or(|due| Instant::now() >= due);
        if due && let Some(mut sources) = self.sources.take() {
            self.due = Some(Instant::now() + every);
            let (session, sides) = (session.clone(), Sides::of(record, cluster));
            self.under_way = Some(Box::pin(async move {
                let reading = sources.observe(&session, &sides.arms(), now).await;
                (sources, reading)
            }));
        }
        self.found.take()
    }

    /// Goes on with the reading that is under way, and returns when it is there; never without one.
    /// It may be dropped and called again.
    pub async fn progress(&mut self) {
        let Some(task) = &mut self.under_way else {
            return futures::future::pending().await;
        };
        let (sources, reading) = task.await;
        self.under_way = None;
        self.sources = Some(sources);
        self.notes.clone_from(&reading.notes);
        self.found = Some(reading);
    }

    /// Returns what a person should know of how it was read last.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// The pods of both sides at one moment.
pub struct Sides {
    namespace: String,
    stable: String,
    canary: String,
    pods: Vec<Pod>,
}

impl Sides {
    /// Takes them from what is seen.
    #[must_use]
    pub fn of(record: &Record, cluster: &Snapshot) -> Self {
        let uid = |set: Option<&serde_json::Value>| {
            set.map_or_else(String::new, |set| text(&set["metadata"]["uid"]).to_owned())
        };
        let stable = uid(cluster.stable(record));
        let canary = uid(cluster.canary(record));
        let is_side = |pod: &&Pod| pod.owner == stable || pod.owner == canary;
        Self {
            namespace: text(&cluster.deployment["metadata"]["namespace"]).to_owned(),
            pods: cluster.pods.values().filter(is_side).cloned().collect(),
            stable,
            canary,
        }
    }

    /// Returns them sorted.
    #[must_use]
    pub fn arms(&self) -> Arms<'_> {
        Arms::by_owner(&self.namespace, &self.pods, &self.stable, &self.canary)
    }

    /// Returns how many canary pods there are, and how many of them are not Ready.
    #[must_use]
    pub fn canaries(&self) -> (usize, usize) {
        let arms = self.arms();
        let of_canary = arms.members.iter().filter(|found| found.arm == Arm::Canary);
        let unready = of_canary.clone().filter(|found| !found.pod.ready).count();
        (of_canary.count(), unready)
    }
}
