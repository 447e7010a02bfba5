//! Traefik as an implementation of the Gateway API.
//!
//! It runs as an ordinary process on loopback and sends requests straight to the pods' addresses,
//! which it knows from `EndpointSlices`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::build;
use crate::error::Result;
use crate::kubectl::Kubectl;
use crate::process::Spawner;

/// The namespace of the one Gateway.
pub const GATEWAY_NAMESPACE: &str = "gateway";
/// The one Gateway; routes of every namespace may name it as their parent.
pub const GATEWAY_NAME: &str = "sandbox";

const PART: &str = "traefik";
const CLASS: &str = "traefik";
/// What Traefik calls itself in a `GatewayClass` (`pkg/provider/kubernetes/gateway`).
const CONTROLLER: &str = "traefik.io/gateway-controller";
/// The module that Traefik's `go.mod` pins, and the folder with its custom resources.
const DEFINITIONS: (&str, &str) = ("sigs.k8s.io/gateway-api", "config/crd/standard");
const LIMIT: Duration = Duration::from_secs(90);

/// Builds Traefik and fetches the definitions of the Gateway API that it was made for; returns the
/// program and the folder.
pub(super) fn build() -> Result<(PathBuf, PathBuf)> {
    let dir = build::ensure(PART, &[])?;
    let (module, folder) = DEFINITIONS;
    let definitions = build::ensure_files(PART, module, folder, &dir.join("gateway-api"))?;
    Ok((dir.join("traefik"), definitions))
}

/// Makes the Gateway, starts Traefik on `port` and returns `127.0.0.1:PORT` once it is programmed.
pub(super) fn start(
    spawner: &Spawner<'_>,
    kubectl: &Kubectl,
    traefik: &Path,
    definitions: &Path,
    port: u16,
) -> Result<String> {
    let folder = definitions.display().to_string();
    kubectl.run(&["apply", "--server-side", "-f", &folder])?;
    kubectl.run(&[
        "wait",
        "--for=condition=Established",
        "--timeout=60s",
        "-f",
        &folder,
    ])?;
    kubectl.create(&objects(port).to_string())?;

    let run = spawner.run_dir();
    let entrance = format!("127.0.0.1:{port}");
    let args = [
        format!("--entrypoints.web.address={entrance}"),
        "--providers.kubernetesgateway=true".to_owned(),
        "--providers.kubernetesgateway.statusaddress.ip=127.0.0.1".to_owned(),
        // Nothing of it is to leave this machine.
        "--global.checknewversion=false".to_owned(),
        "--global.sendanonymoususage=false".to_owned(),
        "--log.level=INFO".to_owned(),
    ];
    let kubeconfig = run.kubeconfig();
    spawner.spawn(
        PART,
        traefik,
        args,
        &[("KUBECONFIG", kubeconfig.as_os_str())],
    )?;
    let path = format!(
        "/apis/gateway.networking.k8s.io/v1/namespaces/{GATEWAY_NAMESPACE}/gateways/{GATEWAY_NAME}"
    );
    spawner.wait_for("the gateway", PART, LIMIT, || {
        let gateway: Value = serde_json::from_str(&kubectl.get_raw(&path)?).ok()?;
        is_programmed(&gateway).then_some(())
    })?;
    Ok(entrance)
}

fn objects(port: u16) -> Value {
    let api = "gateway.networking.k8s.io/v1";
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": GATEWAY_NAMESPACE}},
        {"apiVersion": api, "kind": "GatewayClass", "metadata": {"name": CLASS},
            "spec": {"controllerName": CONTROLLER}},
        {"apiVersion": api, "kind": "Gateway",
            "metadata": {"name": GATEWAY_NAME, "namespace": GATEWAY_NAMESPACE},
            "spec": {"gatewayClassName": CLASS, "listeners": [{
                "name": "web", "protocol": "HTTP", "port": port,
                "allowedRoutes": {"namespaces": {"from": "All"}},
            }]}},
    ]})
}

fn is_programmed(gateway: &Value) -> bool {
    let conditions = gateway["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|found| found["type"] == "Programmed" && found["status"] == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_nobody_has_taken_up_is_not_programmed() {
        // What the API server itself writes into a new one.
        let new = json!({"status": {"conditions": [{"type": "Programmed", "status": "Unknown"}]}});
        assert!(!is_programmed(&new));
        let taken = json!({"status": {"conditions": [
            {"type": "Accepted", "status": "True"}, {"type": "Programmed", "status": "True"}]}});
        assert!(is_programmed(&taken));
    }
}
