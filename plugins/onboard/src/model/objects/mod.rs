//! The Kubernetes objects, built and compared.

pub mod binding;
pub mod certificate_request;
pub mod compare;
pub mod namespace;
