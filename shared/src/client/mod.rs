//! A client that behaves as kubectl's does.
//!
//! [`connect()`] reads kubeconfigs and flags by client-go's rules and returns a [`Session`]: kube's
//! client with the layers that a command for people needs (a User-Agent, the server's warnings,
//! retries that are heard, a timeout, a trace without credentials), and what is known about the
//! connection. [`errors`] turns kube's errors into kubectl's words, [`access`] tells who one is
//! and which rights are missing.

pub mod access;
pub mod clock;
mod connect;
mod crypto;
pub mod errors;
mod exec;
mod in_cluster;
mod kubeconfig;
mod kuberc;
mod layers;
pub mod pages;
mod product;
mod proxy;
mod select;
mod session;

pub use connect::{connect, from_kubeconfig, merged_kubeconfig};
pub use layers::outcome_unknown;
pub use product::Product;
pub use session::{Endpoint, Session};

#[cfg(test)]
mod fixture;
