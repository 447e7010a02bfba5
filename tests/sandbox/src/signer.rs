//! Finds out whether a cluster issues certificates: clusters that only pretend to are the reason
//! some tests exist.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::error::Result;
use crate::interrupt;
use crate::kubectl::Kubectl;
use crate::pki;

/// A signer that works answers within a second.
const LIMIT: Duration = Duration::from_secs(5);

/// Asks for a client certificate without any rights, and removes the request again.
///
/// # Errors
///
/// When the request cannot be made or approved.
pub fn issues(kubectl: &Kubectl) -> Result<bool> {
    let name = format!("groundcrew-probe-{}", std::process::id());
    let request = json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {
            "request": STANDARD.encode(pki::request("groundcrew-probe")?),
            "signerName": "kubernetes.io/kube-apiserver-client",
            "expirationSeconds": 600,
            "usages": ["client auth"],
        },
    });
    kubectl.create(&request.to_string())?;
    let issued = approve_and_wait(kubectl, &name);
    kubectl.run(&["delete", "csr", &name])?;
    issued
}

fn approve_and_wait(kubectl: &Kubectl, name: &str) -> Result<bool> {
    kubectl.run(&["certificate", "approve", name])?;
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        let path = "jsonpath={.status.certificate}";
        if !kubectl.run(&["get", "csr", name, "-o", path])?.is_empty() {
            return Ok(true);
        }
        interrupt::pause(Duration::from_millis(200))?;
    }
    Ok(false)
}
