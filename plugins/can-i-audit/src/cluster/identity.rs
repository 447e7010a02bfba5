//! The identity of this run.

use can_i_audit::model::subject::Principal;
use groundcrew::client::{Session, access};
use groundcrew::error::Result;

/// Asks the server who this is.
///
/// # Errors
///
/// That it does not say.
pub async fn me(session: &Session) -> Result<Principal> {
    let identity = access::who_am_i(session).await?;
    Ok(Principal {
        user: identity.username,
        groups: identity.groups,
    })
}
