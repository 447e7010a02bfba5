//! The Kubernetes objects, built and compared.

pub mod binding;
pub mod compare;
pub mod namespace;
