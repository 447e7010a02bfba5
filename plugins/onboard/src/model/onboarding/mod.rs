//! What is asked, found, decided and answered when somebody is onboarded.

pub mod bound;
pub mod credential_step;
pub mod decide;
pub mod delivery;
pub mod observed;
pub mod options;
pub mod outcome;
pub mod own_request;
pub mod plan;
pub mod prepared;
pub mod preview;
pub mod report;
pub mod resolve;
pub mod rights;
pub mod steps;
pub mod summary;
