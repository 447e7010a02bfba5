//! What happens between a command and the cluster: the driver sees, decides and acts, until a goal
//! is reached or somebody else acts.

pub mod act;
pub mod ask;
pub mod begin;
pub mod driver;
pub mod give_back;
pub mod lease;
pub mod look;
pub mod narrate;
pub mod plan;
pub mod rollout;
pub mod routes;
pub mod run;
pub mod session;
pub mod soak;
pub mod this_process;
pub mod waits;
pub mod watchdog;
