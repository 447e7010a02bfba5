//! What talks to the API server.

pub mod inventory;
pub mod objects;
pub mod pods;
pub mod policies;
pub mod requests;
pub mod resources;
pub mod trial;
pub mod version;
pub mod workloads;
