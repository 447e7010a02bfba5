//! Dangerous access, and access that is merely confusing.
//!
//! Roles are not judged: what counts is what somebody is bound to, and where. Kubernetes' own
//! policy is left out, and it is recognized by its content, never by its name alone.

mod capabilities;
mod conditions;
mod dead;
pub mod defaults;
mod find;
mod finder;
mod finding;
mod fix;
mod grade;
mod hygiene;
mod impersonation;
mod parts;
pub mod row;
mod rules;
mod subject_index;
mod team;
mod walk;
mod weigh;

pub use find::findings;
pub use finding::{Finding, Severity};
pub use rules::{RULES, RiskRule, rule};
