//! Simulated nodes: kwok plays the kubelet, a pod's image tag decides what becomes of the pod.

mod manifest;
mod stages;
mod templates;

use std::path::PathBuf;
use std::time::Duration;

use crate::build;
use crate::error::Result;
use crate::kubectl::Kubectl;
use crate::layout::write_atomically;
use crate::process::Spawner;

/// The label of every node here; its value tells simulated from real.
pub const LABEL: &str = "groundcrew.dev/node";
const LIMIT: Duration = Duration::from_secs(60);

/// Builds what simulates nodes, unless it is there.
///
/// # Errors
///
/// When Go is missing or too old, or the build fails.
pub fn build() -> Result<PathBuf> {
    Ok(build::ensure("kwok", &[])?.join("kwok"))
}

/// Makes `count` nodes `sim-1` … and starts what keeps them alive.
///
/// # Errors
///
/// When kwok cannot be built or started, or the nodes are refused.
pub fn start(spawner: &Spawner<'_>, kubectl: &Kubectl, count: u32, version: &str) -> Result<()> {
    let kwok = self::build()?;
    let run = spawner.run_dir();
    let stages = run.path().join("stages.yaml");
    write_atomically(&stages, stages::documents().as_bytes())?;
    kubectl.create(&manifest::nodes(count, version))?;
    let args = [
        format!("--kubeconfig={}", run.kubeconfig().display()),
        format!("--config={}", stages.display()),
        format!("--manage-nodes-with-label-selector={LABEL}=simulated"),
        "--node-lease-duration-seconds=40".to_owned(),
        "--cidr=10.89.0.1/16".to_owned(),
    ];
    spawner.spawn("kwok", &kwok, args, &[]).map(|_record| ())
}

/// Waits until every simulated node is Ready.
///
/// # Errors
///
/// When it takes longer than 60 s, or a part ends.
pub fn wait_until_ready(spawner: &Spawner<'_>, kubectl: &Kubectl, count: u32) -> Result<()> {
    spawner.wait_for("the simulated nodes", "kwok", LIMIT, || {
        let path = format!("/api/v1/nodes?labelSelector={LABEL}%3Dsimulated");
        let list: serde_json::Value = serde_json::from_str(&kubectl.get_raw(&path)?).ok()?;
        let ready = list["items"]
            .as_array()?
            .iter()
            .filter(|node| is_ready(node))
            .count();
        (ready == count as usize).then_some(())
    })
}

fn is_ready(node: &serde_json::Value) -> bool {
    let untainted = node["spec"]["taints"].as_array().is_none_or(Vec::is_empty);
    let conditions = node["status"]["conditions"].as_array();
    let ready = conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    ready && untainted
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_ready_node_that_still_carries_a_taint_takes_no_pods_yet() {
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let tainted = json!({"spec": {"taints": [{"key": "node.kubernetes.io/not-ready"}]},
            "status": {"conditions": ready}});
        assert!(!is_ready(&tainted));
        assert!(is_ready(
            &json!({"spec": {}, "status": {"conditions": ready}})
        ));
        assert!(!is_ready(&json!({"spec": {}, "status": {}})));
    }
}
