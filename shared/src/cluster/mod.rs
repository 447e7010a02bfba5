//! Typed handles on the API server: verb, resource and scope of every error come from the type.
//!
//! ```text
//! let records = session.in_("groundcrew-system").of::<ConfigMap>();
//! let record = records.find("alice").await?;          // None when it is not there
//! let namespace = session.of::<Namespace>().get("alice").await?;
//! ```
//!
//! Writes go through [`crate::write::Writer`], whose outcome is never guessed.

mod handle;
mod objects;
mod wait;

pub use handle::{Cluster, Place};
pub use objects::Objects;
pub use wait::{Attempt, Patience, poll, retry_on_conflict};
