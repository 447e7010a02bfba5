//! Nouns that talk to the API server.

pub mod access_reviews;
pub mod bindings;
pub mod certificates;
pub mod claims;
pub mod endpoint;
pub mod namespaces;
pub mod onboarding;
pub mod people;
pub mod proof;
pub mod records;
pub mod roles;
pub mod still;
