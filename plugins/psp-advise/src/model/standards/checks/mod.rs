//! The checks, by what they are about.

pub(super) mod host;
pub(super) mod privilege;
pub(super) mod profile;
pub(super) mod user;
pub(super) mod volume;
