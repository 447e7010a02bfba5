//! The engines behind `kubectl psp-advise`, without input or output.
//!
//! - [`manifest`]: YAML and JSON as kubectl reads them, every value with its place in the file;
//! - [`workload`]: pods and pod templates in objects of any kind;
//! - [`pod`]: the part of a pod that a security policy looks at, and the API's defaults;
//! - [`standards`]: the Pod Security Standards as a given API server decides them;
//! - [`vap`]: the frame of the ValidatingAdmissionPolicies that both make.

pub mod advice;
pub mod decision;
pub mod fix;
pub mod manifest;
pub mod pod;
pub mod psp;
pub mod standards;
pub mod text;
pub mod vap;
pub mod workload;
