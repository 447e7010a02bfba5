//! Processes of a sandbox: started, recorded, recognised again, ended.

mod end;
mod identity;
mod restart;
mod spawner;

pub use end::{Ended, end};
pub use identity::Identity;
pub use restart::restart;
pub use spawner::{Record, Spawner, records, tail};

/// Set in the environment of every started process, to the sandbox's directory. It finds the
/// processes of an `up` that was killed between starting and recording them.
pub const MARKER: &str = "GROUNDCREW_SANDBOX_RUN";
