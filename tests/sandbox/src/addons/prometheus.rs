//! Prometheus, reading the metrics of the web image's pods every second.
//!
//! It listens on the bridge of the real node, because the API server's proxy, through which it is
//! reached as a Service, refuses loopback addresses.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Context as _, Result};
use crate::kubectl::Kubectl;
use crate::layout::write_atomically;
use crate::process::Spawner;
use crate::real_node::NODE_IP;

/// Where it is reached, as `--prometheus` takes it.
pub const SERVICE: &str = "svc:monitoring/prometheus:9090";

const PART: &str = "prometheus";
const NAMESPACE: &str = "monitoring";
const PORT: u16 = 9090;
const LIMIT: Duration = Duration::from_secs(60);

/// Starts Prometheus and returns when it answers through the API server.
pub(super) fn start(spawner: &Spawner<'_>, kubectl: &Kubectl, program: &Path) -> Result<()> {
    let run = spawner.run_dir();
    let config = run.path().join("prometheus.json");
    let text = scrape_config(&run.kubeconfig()).to_string();
    write_atomically(&config, text.as_bytes())?;
    let port = TcpListener::bind((NODE_IP, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .context(|| format!("cannot find a port for Prometheus on {NODE_IP}"))?;
    let args = [
        format!("--config.file={}", config.display()),
        format!(
            "--storage.tsdb.path={}",
            run.path().join("prometheus").display()
        ),
        format!("--web.listen-address={NODE_IP}:{port}"),
    ];
    spawner.spawn(PART, program, args, &[])?;
    kubectl.create(&objects(port).to_string())?;
    let address = json!({"status": {"podIP": NODE_IP, "podIPs": [{"ip": NODE_IP}]}}).to_string();
    kubectl.run(&[
        "patch",
        "pod",
        PART,
        "--namespace",
        NAMESPACE,
        "--subresource=status",
        "--type=merge",
        "-p",
        &address,
    ])?;
    let path = format!("/api/v1/namespaces/{NAMESPACE}/services/{PART}:{PORT}/proxy/-/ready");
    spawner.wait_for("Prometheus", PART, LIMIT, || {
        kubectl.get_raw(&path).map(drop)
    })
}

/// A Service without a selector, whose addresses are an `Endpoints` object. The API server's proxy
/// goes only to addresses that are a pod's (`pkg/registry/core/service/storage/storage.go`,
/// `isValidAddress`), so there is one that nobody schedules, with the address of the process.
fn objects(port: u16) -> Value {
    let meta = json!({"name": PART, "namespace": NAMESPACE});
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta,
            "spec": {"ports": [{"name": "web", "port": PORT}]}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta,
            "spec": {"schedulerName": "nobody",
                "containers": [{"name": PART, "image": "sandbox.local/pause:1"}]}},
        {"apiVersion": "v1", "kind": "Endpoints", "metadata": meta,
            "subsets": [{
                "addresses": [{"ip": NODE_IP,
                    "targetRef": {"kind": "Pod", "name": PART, "namespace": NAMESPACE}}],
                "ports": [{"name": "web", "port": port}]}]},
    ]})
}

/// JSON is YAML.
fn scrape_config(kubeconfig: &Path) -> Value {
    let keep = |label: &str, pattern: &str| {
        json!({"action": "keep", "regex": pattern,
            "source_labels": [format!("__meta_kubernetes_pod_{label}")]})
    };
    let copy = |from: &str, to: &str| json!({"source_labels": [format!("__meta_kubernetes_{from}")], "target_label": to});
    json!({
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{
            "job_name": "pods",
            "kubernetes_sd_configs": [{"role": "pod", "kubeconfig_file": kubeconfig}],
            "relabel_configs": [
                keep("node_name", crate::real_node::NODE_NAME),
                keep("phase", "Running"),
                keep("container_image", "sandbox[.]local/web:.*"),
                {"source_labels": ["__meta_kubernetes_pod_ip"], "target_label": "__address__",
                    "replacement": "$1:8080"},
                copy("namespace", "namespace"),
                copy("pod_name", "pod"),
            ],
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_told_apart_by_the_labels_that_installations_usually_give_them() {
        let config = scrape_config(Path::new("/run/kubeconfig"));
        let rules = config["scrape_configs"][0]["relabel_configs"]
            .as_array()
            .unwrap();
        let targets: Vec<&str> = rules
            .iter()
            .filter_map(|rule| rule["target_label"].as_str())
            .collect();
        assert_eq!(targets, ["__address__", "namespace", "pod"]);
    }
}
