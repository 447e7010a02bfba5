//! What is read for the diagnosis.

use std::time::Duration;

use groundcrew::error::{Error, Result};

use crate::cluster::deployment;
use crate::cluster::records::Stored;
use crate::cluster::routes::leftover::{self, Leftover};
use crate::drive::session::Open;
use crate::model::snapshot::Snapshot;
use crate::model::traffic::service::Canary;

/// Looks for what is left in routes. While there is a record of this Deployment, what is in them is
/// the record's matter.
pub async fn left(stored: Option<&Stored>, cluster: &Snapshot, open: &Open) -> Result<Leftover> {
    let record = stored.map(|stored| &stored.record);
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

/// Waits until every ReplicaSet's status is of what it is now: what grows before that costs Ready pods.
pub async fn caught_up(open: &Open) -> Result<()> {
    for _ in 0..LOOKS {
        let cluster = deployment::cluster(&open.session, &open.target).await?;
        if cluster.is_caught_up() {
            return Ok(());
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Err(Error::failed(
        "the controllers have not caught up with the Deployment; nothing was written to it",
    )
    .with_hint(format!(
        "try again:  {}",
        open.target.words("doctor", "--repair")
    )))
}

/// How long, and how often, controllers are waited for.
const LOOKS: usize = 60;

const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
