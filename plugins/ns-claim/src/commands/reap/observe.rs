//! What the reaper looks at before it decides anything.

use std::collections::BTreeMap;

use groundcrew::client::Session;
use groundcrew::client::access::{self, Access};
use groundcrew::client::clock::Clock;
use groundcrew::error::Result;

use super::rights::Kind;
use crate::cluster::ledger::Kept;
use crate::cluster::{claims, index, ledger};
use crate::model::claim::Claim;
use crate::model::index::Index;
use crate::model::ledger::Requests;

/// Everything that was seen.
#[derive(Debug)]
pub struct Observed {
    pub me: String,
    pub index: Index,
    pub clock: Clock,
    pub claims: Vec<Claim>,
    pub kept: Kept,
    /// What the pods of each claim request.
    pub requests: BTreeMap<String, Requests>,
}

/// Looks; a missing right or a clock that is off ends the run before anything is written.
///
/// # Errors
///
/// What is missing, or what the server says.
pub async fn observe(session: &Session) -> Result<Observed> {
    let me = access::who_am_i(session).await?.username;
    let rights: Vec<Access> = Kind::ALL
        .iter()
        .flat_map(|kind| kind.rights(session))
        .collect();
    let missing = access::missing(session, &rights).await?;
    if !missing.is_empty() {
        return Err(access::refused(&missing, &me, "groundcrew-claim-reaper"));
    }
    let claims = claims::labelled(session).await?;
    // After the namespaces: an entry is made before its namespace, so every claim that was seen and
    // is on record has its entry here.
    let (index, clock) = index::read(session).await?;
    clock.check()?;
    let kept = ledger::read(session).await?;
    let requests = ledger::requests(session).await?;
    Ok(Observed {
        me,
        index,
        clock,
        claims,
        kept,
        requests,
    })
}
