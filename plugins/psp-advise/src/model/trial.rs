//! A policy, and the pods that it is compared by on a real server.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// How the comparison ended: every pod was decided alike.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// Pods that both admit.
    pub admitted: usize,
    /// Pods that both refuse.
    pub refused: usize,
    /// Pods that the server refuses for another reason.
    pub not_comparable: usize,
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "compared on the server: {} pods admitted and {} refused by both, no difference; {} \
             invalid there and not counted.",
            self.admitted, self.refused, self.not_comparable
        )
    }
}

/// A pod and what is expected of it.
#[derive(Debug)]
pub struct Try {
    /// The pod.
    pub pod: Value,
    /// Its service account.
    pub account: String,
    /// Whether it is to be admitted.
    pub expected: bool,
    /// Which part of the policy it is about, of those that are named.
    pub part: Option<usize>,
}

/// A policy and its pods.
#[derive(Debug)]
pub struct Trial<'a> {
    /// The ValidatingAdmissionPolicy.
    pub policy: &'a Value,
    /// Service accounts with the rules of their roles; null for none.
    pub accounts: Vec<(String, Value)>,
    /// A pod that the policy refuses.
    pub never: &'a Try,
    /// The pods.
    pub tries: Vec<Try>,
    /// Parts of which each has to admit a pod and refuse another one.
    pub parts: Vec<String>,
}
