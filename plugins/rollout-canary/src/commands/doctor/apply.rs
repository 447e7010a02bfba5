//! The repairs.

use groundcrew::error::{Error, Result};

use crate::cluster::deployment;
use crate::cluster::records::Stored;
use crate::cluster::routes::leftover::{self, Leftover};
use crate::cluster::routes::write as routes;
use crate::cluster::write::{self, Written};
use crate::commands::doctor::decide::Repair;
use crate::commands::doctor::observe::caught_up;
use crate::drive::session::Open;
use crate::model::patch::{self, Before};
use crate::model::snapshot::Snapshot;
use crate::model::traffic::service::Canary;

/// How often the Deployment is read again when only its status was in the way.
const TRIES: usize = 5;

/// Mends one finding; says whether it did.
pub async fn repair(
    repair: &Repair,
    stored: Option<&Stored>,
    cluster: &Snapshot,
    left: &Leftover,
    open: &Open,
) -> Result<bool> {
    let session = &open.session;
    match (repair, stored) {
        (Repair::Route(index), _) => match left.routes.get(*index) {
            Some(route) => leftover::take_route_back(session, left, route)
                .await
                .map(|()| true),
            None => Ok(false),
        },
        (Repair::ExtraService, _) => match &left.service {
            Some(service) => {
                let canary = Canary::left(&open.target, &cluster.deployment);
                routes::delete_service(session, &canary, service).await?;
                Ok(true)
            }
            None => Ok(false),
        },
        (Repair::DropRecord, Some(stored)) => open.store.delete(stored).await,
        (Repair::LetGo(before), _) => let_go(cluster, before.as_ref(), open).await.map(|()| true),
        (Repair::ByHand | Repair::DropRecord, _) => Ok(false),
    }
}

/// Lets go of the Deployment as it was found. What the controllers write into its status meanwhile
/// is nobody's change.
async fn let_go(cluster: &Snapshot, before: Option<&Before>, open: &Open) -> Result<()> {
    let (session, target) = (&open.session, &open.target);
    caught_up(open).await?;
    for _ in 0..TRIES {
        let current = deployment::deployment(session, target).await?;
        let same = ["uid", "generation", "labels"]
            .iter()
            .all(|key| current["metadata"][key] == cluster.deployment["metadata"][key]);
        if !same {
            break;
        }
        match write::send(session, target, &patch::let_go(&current, before), false).await? {
            Written::Done(_) => return Ok(()),
            Written::LookAgain => {}
            Written::Blind(why) => return Err(Error::failed(why)),
        }
    }
    Err(Error::conflict(
        "the Deployment was changed in between; nothing was written to it",
    ))
}
