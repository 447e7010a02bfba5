//! A throw-away real Kubernetes, built from package registries.
//!
//! The `sandbox` program starts and ends it; tests find a running one with [`Sandbox::attach`].

pub mod build;
pub mod error;
pub mod interrupt;
pub mod layout;
pub mod lock;
pub mod pki;
pub mod ports;
pub mod process;
pub mod ui;
