//! The policy, compiled for many questions.

mod build;
mod chain;
mod probe;
mod query;
mod rules;
mod subjects;
mod symbols;
mod world;

pub use chain::Chain;
pub use probe::Prepared;
pub use query::{Grants, WhoRow};
pub use rules::{Reach, RuleSet, SetId, url_matches};
pub use world::{RoleAt, World};
