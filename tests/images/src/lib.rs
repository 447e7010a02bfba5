//! Container images of the sandbox, made without any registry.
//!
//! The package holds two programs, `pause` (keeps a pod's namespaces alive) and `web` (a small
//! HTTP server that reports its version and can fail a share of requests), and this library, which
//! packs such a program into an archive that `ctr image import` and `docker load` read.

#[cfg(feature = "archive")]
pub mod archive;
