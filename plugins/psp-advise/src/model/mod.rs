//! Nouns and rules: no cluster, no files, no clock.
//!
//! - [`manifest`]: YAML and JSON as kubectl reads them, every value with its place in the file;
//! - [`workload`]: pods and pod templates in objects of any kind;
//! - [`pod`]: the part of a pod that a security policy looks at, and the API's defaults;
//! - [`level`]: levels, versions and servers;
//! - [`standards`]: the Pod Security Standards as a given API server decides them;
//! - [`psp`]: PodSecurityPolicy as Kubernetes 1.24 decides it;
//! - [`decision`]: one object under one policy, with [`advice`] about each field;
//! - [`fix`]: the smallest changes that let an object pass;
//! - [`report`]: all decisions with an overview, and [`comparison`] of two reports;
//! - [`kind`]: the documents that are printed;
//! - [`vap`]: the common frame of the ValidatingAdmissionPolicies made here;
//! - [`trial`]: a policy and the pods that it is compared by on a real server.

pub mod advice;
pub mod comparison;
pub mod decision;
pub mod fix;
pub mod kind;
pub mod level;
pub mod manifest;
pub mod pod;
pub mod psp;
pub mod report;
pub mod standards;
pub mod subject;
pub mod text;
pub mod trial;
pub mod vap;
pub mod workload;
