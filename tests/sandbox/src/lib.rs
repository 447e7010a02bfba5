//! A throw-away real Kubernetes, built from package registries.
//!
//! The `sandbox` program starts and ends it; tests find a running one with [`Sandbox::attach`].

pub mod addons;
pub mod build;
pub mod cli;
mod commands;
pub mod control_plane;
pub mod error;
pub mod existing;
pub mod interrupt;
pub mod kubectl;
pub mod kubernetes;
pub mod layout;
pub mod lifecycle;
pub mod lock;
pub mod nodes;
pub mod pki;
pub mod ports;
pub mod process;
pub mod real_node;
pub mod release;
pub mod signer;
pub mod source;
pub mod state;
pub mod ui;

pub use error::{Error, Result};
pub use state::{Capabilities, Sandbox, State};
