//! The Node objects of simulated nodes.

use serde_json::{Value, json};

use super::LABEL;

/// Makes a List of `count` nodes of a usual size, running the server's version.
pub(super) fn nodes(count: u32, version: &str) -> String {
    let items: Vec<Value> = (1..=count).map(|number| node(number, version)).collect();
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

fn node(number: u32, version: &str) -> Value {
    let name = format!("sim-{number}");
    let zone = format!("sim-{}", ["a", "b", "c"][(number as usize - 1) % 3]);
    let arch = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {
            LABEL: "simulated",
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": arch,
            "topology.kubernetes.io/zone": zone,
        }},
        "status": {
            "capacity": {
                "cpu": "8", "memory": "32Gi", "ephemeral-storage": "100Gi", "pods": "110",
            },
            "allocatable": {
                "cpu": "7800m", "memory": "30Gi", "ephemeral-storage": "90Gi", "pods": "110",
            },
            // Nothing listens there: `kubectl logs` of a simulated pod fails at once.
            "addresses": [
                {"type": "InternalIP", "address": "127.0.0.1"},
                {"type": "Hostname", "address": name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 9}},
            "nodeInfo": {
                "architecture": arch,
                "operatingSystem": "linux",
                "kubeletVersion": version,
                "kubeProxyVersion": version,
                "containerRuntimeVersion": "simulated://1",
                "osImage": "simulated",
                "kernelVersion": "simulated",
                "bootID": "", "machineID": "", "systemUUID": "",
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_numbered_from_one_and_carry_the_servers_version() {
        let list: Value = serde_json::from_str(&nodes(4, "v1.36.3")).unwrap();
        assert_eq!(list["items"][3]["metadata"]["name"], "sim-4");
        assert_eq!(
            list["items"][3]["metadata"]["labels"]["topology.kubernetes.io/zone"],
            "sim-a"
        );
        assert_eq!(
            list["items"][0]["status"]["nodeInfo"]["kubeletVersion"],
            "v1.36.3"
        );
    }

    #[test]
    fn less_can_be_allocated_than_there_is() {
        let status = &node(1, "v1")["status"];
        assert_ne!(status["allocatable"]["cpu"], status["capacity"]["cpu"]);
    }
}
