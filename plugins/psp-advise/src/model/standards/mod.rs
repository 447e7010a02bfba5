//! The Pod Security Standards as an API server decides them, byte for byte.
//!
//! 19 checks with the policy versions in which they hold, the difference that the *server's*
//! version makes, and the server's words. Source of every rule: `policy/` of
//! `k8s.io/pod-security-admission`, whose files carry the names of the checks.

mod checks;
pub mod config;
mod evaluate;
mod except;
mod finding;
mod namespace;
mod registry;

pub use crate::model::level::{Level, LevelVersion, NEWEST, OLDEST_SERVER, Server, Version};
pub(crate) use checks::volume::RESTRICTED_VOLUMES;
pub use evaluate::{Verdict, Violation, evaluate};
pub use except::{Except, Exception, OLDEST_EXCEPT};
pub use finding::Fault;
pub use namespace::{InvalidLabel, LABEL_PREFIX, Mode, Policy, policy};
pub use registry::{CHECKS, Check, active};
