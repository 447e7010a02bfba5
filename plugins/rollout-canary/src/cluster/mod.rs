//! Nouns that talk to the API server.

pub mod deployment;
pub mod logs;
pub mod neighbors;
pub mod records;
pub mod refusal;
pub mod routes;
pub mod signals;
pub mod stream;
pub mod template;
pub mod watch;
pub mod write;
