//! What a canary shows, what is to be concluded from it, and how requests reach it.
//!
//! - [`signals`] reads counts of the canary's and the stable pods;
//! - [`verdict`] concludes from them, without any I/O;
//! - [`traffic`] gives the canary a share of the requests of a Gateway API route.

pub mod signals;
pub mod traffic;
pub mod verdict;
