//! What is read for the diagnosis.

use groundcrew::error::Result;
use jiff::Timestamp;

use crate::cluster::deployment;
use crate::cluster::records::Stored;
use crate::cluster::routes::leftover::{self, Leftover};
use crate::drive::session::Open;
use crate::drive::this_process;
use crate::model::record::Record;
use crate::model::record::driver::Driving;
use crate::model::snapshot::Snapshot;
use crate::model::traffic::service::Canary;

/// Everything that was read.
#[derive(Debug)]
pub struct Observed {
    /// The record, if there is one.
    pub stored: Option<Stored>,
    /// The Deployment with what belongs to it.
    pub cluster: Snapshot,
    /// What is left in routes.
    pub left: Leftover,
    /// When, by the server.
    pub now: Timestamp,
    /// Who drives.
    pub driving: Driving,
}

impl Observed {
    /// Says whether a record is about the Deployment that is there.
    #[must_use]
    pub fn is_current(&self, record: &Record) -> bool {
        record.uid == self.cluster.uid()
    }
}

/// Reads it.
///
/// # Errors
///
/// What the server says.
pub async fn observe(open: &Open) -> Result<Observed> {
    let (stored, clock, cluster) =
        deployment::with_record(&open.session, &open.target, &open.store).await?;
    let record = stored.as_ref().map(|stored| &stored.record);
    Ok(Observed {
        left: left(record, &cluster, open).await?,
        now: clock.now(),
        driving: this_process::driving(record, clock.now()),
        stored,
        cluster,
    })
}

/// Looks for what is left in routes. While there is a record of this Deployment, what is in them is
/// the record's matter.
async fn left(record: Option<&Record>, cluster: &Snapshot, open: &Open) -> Result<Leftover> {
    if record.is_some_and(|record| record.uid == cluster.uid()) {
        return Ok(Leftover::default());
    }
    let shared = record.and_then(|record| record.shared.as_ref());
    let canary = Canary::left(&open.target, &cluster.deployment);
    leftover::find(&open.session, &canary, |route| {
        shared.map_or_else(Vec::new, |shared| shared.known(route))
    })
    .await
}
