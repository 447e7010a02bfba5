//! The one engine under issue, apply, renew, join and leave.

pub mod binding;
pub mod carry_out;
pub mod certificate;
pub mod credential;
pub mod handover;
pub mod issued;
pub mod ledger;
pub mod many;
pub mod namespace;
pub mod namespace_claims;
pub mod observe;
pub mod onboarder;
pub mod prove;
pub mod role;
pub mod run;
pub mod token;
pub mod undo;
pub mod work;
