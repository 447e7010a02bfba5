//! Renders what containerd, the CNI plugins and the kubelet read.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::PAUSE_IMAGE;
use super::network::{BRIDGE, NODE_IP, POD_NET};
use super::place::Place;

/// Returns containerd's configuration.
pub(super) fn containerd(place: &Place, cni_plugins: &Path, runc: &Path) -> String {
    let data = place.data_dir();
    format!(
        "version = 3\n\
         root = {root}\n\
         state = {state}\n\
         \n\
         [grpc]\n\
         address = {socket}\n\
         \n\
         [plugins.'io.containerd.cri.v1.images'.pinned_images]\n\
         sandbox = {pause}\n\
         \n\
         [plugins.'io.containerd.cri.v1.runtime']\n\
         # Not every root may lower its OOM score; containers get what their parent has.\n\
         restrict_oom_score_adj = true\n\
         \n\
         [plugins.'io.containerd.cri.v1.runtime'.cni]\n\
         bin_dirs = [{bin_dir}]\n\
         conf_dir = {conf_dir}\n\
         \n\
         [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\n\
         runtime_type = 'io.containerd.runc.v2'\n\
         \n\
         [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]\n\
         BinaryName = {runc}\n\
         SystemdCgroup = false\n",
        root = toml_path(&data.join("containerd")),
        state = toml_path(&data.join("state")),
        socket = toml_path(&place.containerd_socket()),
        pause = toml_text(PAUSE_IMAGE),
        bin_dir = toml_path(cni_plugins),
        conf_dir = toml_path(&cni_dir(place)),
        runc = toml_path(runc),
    )
}

/// The directory with the network configuration of pods.
pub(super) fn cni_dir(place: &Place) -> PathBuf {
    place.run_dir().join("cni")
}

/// Returns the network configuration of pods: cables to the bridge, addresses from a list.
///
/// The bridge is no gateway in the plugin's sense, which would switch on the forwarding of packets
/// for the whole machine: pods reach each other and the machine itself, and that is all.
pub(super) fn network(place: &Place) -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": "groundcrew",
        "plugins": [{
            "type": "bridge",
            "bridge": BRIDGE,
            "isGateway": false,
            "ipMasq": false,
            "hairpinMode": true,
            "ipam": {
                "type": "host-local",
                "dataDir": place.data_dir().join("addresses"),
                "ranges": [[{ "subnet": POD_NET.to_string(), "gateway": NODE_IP }]],
                "routes": [{ "dst": "0.0.0.0/0", "gw": NODE_IP }],
            },
        }],
    })
}

/// Files and port of a kubelet.
#[derive(Debug)]
pub(super) struct Kubelet<'a> {
    pub(super) binary: &'a Path,
    pub(super) kubeconfig: &'a Path,
    pub(super) client_ca: &'a Path,
    pub(super) certificate: &'a Path,
    pub(super) key: &'a Path,
    pub(super) address: Ipv4Addr,
    pub(super) port: u16,
}

/// Returns the kubelet's configuration.
pub(super) fn kubelet(place: &Place, kubelet: &Kubelet<'_>) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": kubelet.address,
        "port": kubelet.port,
        "healthzPort": 0,
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": true },
            "x509": { "clientCAFile": kubelet.client_ca },
        },
        "authorization": { "mode": "Webhook" },
        "tlsCertFile": kubelet.certificate,
        "tlsPrivateKeyFile": kubelet.key,
        "containerRuntimeEndpoint": format!("unix://{}", place.containerd_socket().display()),
        "podLogsDir": place.data_dir().join("pod-logs"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}/pods", place.cgroup()),
        "failCgroupV1": false,
        "failSwapOn": false,
        "enforceNodeAllocatable": [],
        // A nearly full disk of a developer is no reason to evict anything.
        "evictionHard": {
            "imagefs.available": "0%",
            "memory.available": "0%",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
        },
        // The images came without a registry: once collected, they would be gone for good.
        "imageGCHighThresholdPercent": 100,
        "makeIPTablesUtilChains": false,
        "resolvConf": "",
        // Between two restarts a crashing container is reported as CrashLoopBackOff only when the
        // pod is looked at meanwhile.
        "syncFrequency": "3s",
    })
}

fn toml_path(path: &Path) -> String {
    toml_text(&path.display().to_string())
}

/// A JSON string is a TOML string as well.
fn toml_text(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn place() -> Place {
        Place::of(Path::new("/src/target/sandbox/default"))
    }

    pub(in super::super) fn kubelet_files() -> Kubelet<'static> {
        Kubelet {
            binary: Path::new("/bin/kubelet"),
            kubeconfig: Path::new("/k"),
            client_ca: Path::new("/ca"),
            certificate: Path::new("/crt"),
            key: Path::new("/key"),
            address: NODE_IP,
            port: 10250,
        }
    }

    #[test]
    fn paths_with_quotes_survive_toml() {
        assert_eq!(toml_path(Path::new(r#"/a"b\c"#)), r#""/a\"b\\c""#);
    }

    #[test]
    fn pods_get_addresses_of_the_bridges_network_and_the_machine_forwards_nothing() {
        let network = network(&place());
        let bridge = &network["plugins"][0];
        assert_eq!(bridge["isGateway"], false);
        assert_eq!(bridge["ipam"]["ranges"][0][0]["subnet"], "10.88.0.0/16");
        assert_eq!(bridge["ipam"]["routes"][0]["gw"], "10.88.0.1");
    }

    #[test]
    fn containers_are_born_in_the_nodes_own_group_and_nobody_is_anonymous() {
        let config = kubelet(&place(), &kubelet_files());
        assert_eq!(config["cgroupRoot"], format!("/{}/pods", place().cgroup()));
        assert_eq!(config["authentication"]["anonymous"]["enabled"], false);
    }
}
