//! Reads what is going on in a user's namespace.

use std::collections::BTreeMap;

use groundcrew::client::Session;
use groundcrew::cluster::Place;
use groundcrew::error::Result;
use groundcrew::finding::{Sight, sight};
use k8s_openapi::api::apps::v1::{DaemonSet, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Pod, ResourceQuota};
use kube::api::ListParams;

use crate::cluster::{namespaces, records};
use crate::model::found::FoundNamespace;
use crate::model::record::Record;
use crate::model::user::UserName;

/// Everything that the status is made of.
#[derive(Debug)]
pub struct Observed {
    /// The user's record.
    pub record: Record,
    /// The user's namespace.
    pub namespace: Sight<Option<FoundNamespace>>,
    /// Quotas in it.
    pub quotas: Sight<Vec<ResourceQuota>>,
    /// Pods in it.
    pub pods: Sight<Vec<Pod>>,
    /// ReplicaSets in it, whose conditions say which pods were refused.
    pub replica_sets: Sight<Vec<ReplicaSet>>,
    /// Refusals that only events show.
    pub refused: Sight<Vec<Event>>,
    /// Whether a controller of pods, by kind and name, has fewer than it wants.
    pub short: Sight<BTreeMap<(String, String), bool>>,
}

/// Reads everything; `None` when the user is not on record.
///
/// # Errors
///
/// That the record cannot be read.
pub async fn observe(session: &Session, user: &UserName) -> Result<Option<Observed>> {
    let Some(found) = records::record_of(session, user).await? else {
        return Ok(None);
    };
    let record = found.record;
    let name = record.namespace.clone();
    let namespace = sight(namespaces::namespace_named(session, &name).await);
    let place = session.in_(&name);
    let quotas = place.of::<ResourceQuota>();
    let pods = place.of::<Pod>();
    let replica_sets = place.of::<ReplicaSet>();
    let events = place.of::<Event>();
    let failed = ListParams::default().fields("reason=FailedCreate");
    let (quotas, pods, replica_sets, refused, short) = futures::join!(
        quotas.list(),
        pods.list(),
        replica_sets.list(),
        events.list_by(&failed),
        short(&place),
    );
    Ok(Some(Observed {
        record,
        namespace,
        quotas: sight(quotas),
        pods: sight(pods),
        replica_sets: sight(replica_sets),
        refused: sight(refused),
        short: sight(short),
    }))
}

/// Reads which controllers are short of pods: an event about one that is not is outdated.
async fn short(place: &Place) -> Result<BTreeMap<(String, String), bool>> {
    let stateful = place.of::<StatefulSet>();
    let daemons = place.of::<DaemonSet>();
    let jobs = place.of::<Job>();
    let (stateful, daemons, jobs) =
        futures::try_join!(stateful.list(), daemons.list(), jobs.list())?;
    let mut all = BTreeMap::new();
    for set in stateful {
        let wanted = set.spec.and_then(|spec| spec.replicas).unwrap_or(1);
        let made = set.status.map_or(0, |status| status.replicas);
        let name = set.metadata.name.unwrap_or_default();
        all.insert(("StatefulSet".to_owned(), name), made < wanted);
    }
    for set in daemons {
        let is_short = set.status.is_some_and(|status| {
            status.current_number_scheduled < status.desired_number_scheduled
        });
        let name = set.metadata.name.unwrap_or_default();
        all.insert(("DaemonSet".to_owned(), name), is_short);
    }
    for job in jobs {
        let status = job.status.unwrap_or_default();
        let is_short = status.completion_time.is_none()
            && status.active.unwrap_or(0) == 0
            && !job.spec.and_then(|spec| spec.suspend).unwrap_or(false);
        let name = job.metadata.name.unwrap_or_default();
        all.insert(("Job".to_owned(), name), is_short);
    }
    Ok(all)
}
