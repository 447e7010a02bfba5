//! The end: what this plugin wrote belongs again to those who owned it before.

use groundcrew::client::Session;
use groundcrew::error::Result;
use serde_json::Value;

use crate::cluster::deployment;
use crate::cluster::write::{self, Written};
use crate::drive::driver::Drive;
use crate::model::ownership;
use crate::model::target::Target;

/// Tries against a controller that writes status meanwhile.
const TRIES: usize = 8;

/// Gives the fields of a Deployment back to those who owned them `before`; says whether that was done.
/// `names` are those under which it was written beside this plugin's own.
///
/// # Errors
///
/// The server's refusal.
pub async fn give_back(
    session: &Session,
    target: &Target,
    mut seen: Value,
    (before, names): (&[Value], &[String]),
) -> Result<bool> {
    for _ in 0..TRIES {
        let Some(operations) = ownership::give_back(&seen, before, names) else {
            return Ok(true);
        };
        match write::send(session, target, &operations, false).await? {
            Written::Done(_) => return Ok(true),
            Written::LookAgain | Written::Blind(_) => {
                seen = deployment::deployment(session, target).await?;
            }
        }
    }
    Ok(false)
}

impl Drive<'_> {
    /// Gives the Deployment's fields back. What fails here is told: the pods are where they have to be.
    pub(super) async fn give_fields_back(&self) {
        let context = self.context;
        let seen = self.watching.cluster.deployment.clone();
        let before = &self.stored.record.original.managers;
        let names = &self.stored.record.managers;
        let given = give_back(context.session, context.target, seen, (before, names)).await;
        let words = "some fields of the Deployment are still owned by this plugin";
        match given {
            Ok(true) => {}
            Ok(false) => context.ui.warning(words),
            Err(error) if error.is_not_found() => {}
            Err(error) => context.ui.warning(format_args!("{words}: {error}")),
        }
    }
}
