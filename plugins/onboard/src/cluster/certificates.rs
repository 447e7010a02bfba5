//! Certificate requests.

/// The signer of client certificates that the API server itself trusts.
pub const SIGNER: &str = "kubernetes.io/kube-apiserver-client";

/// An ECDSA key signs; `key encipherment` would make no sense for it.
pub const USAGES: [&str; 2] = ["client auth", "digital signature"];
