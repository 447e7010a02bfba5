//! Renders what containerd, the CNI plugins and the kubelet read.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::network::{BRIDGE, NODE_IP, POD_NET};
use super::place::Place;
use super::{NODE_LABEL, NODE_NAME, PAUSE_IMAGE};

/// Directories that the programs use under fixed names and that may belong to somebody else.
///
/// The node sees empty ones of its own there, the machine's stay untouched.
pub(super) const SHADOWED_DIRS: [&str; 6] = [
    "/run/containerd",
    "/run/netns",
    "/var/lib/cni",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
];

/// Kernel settings of the whole machine that a kubelet sets to its taste when it starts.
///
/// It gets copies to write to: the machine must be the same after as before.
const SHADOWED_SETTINGS: [&str; 6] = [
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
];

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
    })
}

/// Returns the script that starts containerd in a mount namespace of its own.
pub(super) fn containerd_script(place: &Place, entrances: &[PathBuf]) -> String {
    let inner = inside_script_path(place);
    format!(
        "{}exec unshare --mount --propagation slave /bin/sh {}\n",
        join_script(entrances),
        quote(&inner)
    )
}

/// Where the second half of containerd's start lies.
pub(super) fn inside_script_path(place: &Place) -> PathBuf {
    place.run_dir().join("containerd-inside.sh")
}

/// Returns the second half of containerd's start, which runs in the new mount namespace.
///
/// All mounts of the node are made in there and vanish with its last process.
pub(super) fn inside_script(place: &Place, containerd_dir: &Path) -> String {
    let data = place.data_dir();
    let mut script = String::from("set -e\n");
    let mut line = |text: String| {
        script.push_str(&text);
        script.push('\n');
    };
    line(format!("echo $$ > {}", quote(&namespace_file(place))));
    // A tmpfs of our own: /run may forbid programs, and the checkout may lie on a file system
    // that overlays cannot be stacked on.
    line(format!(
        "mount -t tmpfs -o mode=0755 groundcrew {}",
        quote(&data)
    ));
    for dir in SHADOWED_DIRS {
        let own = quote(&data.join("shadow").join(&dir[1..]));
        line(format!("mkdir -p {own}"));
        line(format!("mount --bind {own} {dir}"));
    }
    for setting in SHADOWED_SETTINGS {
        let real = format!("/proc/sys/{setting}");
        let own = data.join("shadow/settings").join(setting.replace('/', "."));
        let dir = quote(&data.join("shadow/settings"));
        line(format!("if [ -e {real} ]; then"));
        line(format!("  mkdir -p {dir}"));
        line(format!("  cat {real} > {}", quote(&own)));
        line(format!("  mount --bind {} {real}", quote(&own)));
        line(String::from("fi"));
    }
    // containerd looks for its shim on PATH.
    line(format!("PATH={}:$PATH", quote(containerd_dir)));
    line(String::from("export PATH"));
    let binary = containerd_dir.join("containerd");
    let config = place.run_dir().join("containerd.toml");
    line(format!(
        "exec {} --config {}",
        quote(&binary),
        quote(&config)
    ));
    script
}

/// Returns the script that starts the kubelet in containerd's mount namespace.
pub(super) fn kubelet_script(
    place: &Place,
    kubelet: &Kubelet<'_>,
    entrances: &[PathBuf],
) -> String {
    let data = place.data_dir().join("kubelet");
    let mut script = join_script(entrances);
    // Writing to a String cannot fail.
    let _ = writeln!(
        script,
        "exec nsenter --mount=/proc/\"$(cat {})\"/ns/mnt -- {} --config {} --kubeconfig {} \
         --hostname-override {NODE_NAME} --node-ip {} --node-labels {NODE_LABEL} --root-dir {} \
         --cert-dir {}",
        quote(&namespace_file(place)),
        quote(kubelet.binary),
        quote(&place.run_dir().join("kubelet.json")),
        quote(kubelet.kubeconfig),
        kubelet.address,
        quote(&data),
        quote(&data.join("pki")),
    );
    script
}

/// Returns the script that makes the API server reachable from pods.
pub(super) fn forward_script(
    binary: &Path,
    listen: std::net::SocketAddrV4,
    to: std::net::SocketAddr,
    entrances: &[PathBuf],
) -> String {
    format!(
        "{}exec {} {listen} {to}\n",
        join_script(entrances),
        quote(binary)
    )
}

/// The file with the id of a process in the node's mount namespace.
fn namespace_file(place: &Place) -> PathBuf {
    place.run_dir().join("containerd.pid")
}

/// The beginning of every script: enters the node's control group, which all children inherit.
fn join_script(entrances: &[PathBuf]) -> String {
    let mut script = String::from("set -e\n");
    for entrance in entrances {
        // Writing to a String cannot fail.
        let _ = writeln!(script, "echo $$ > {}", quote(entrance));
    }
    script
}

/// Quotes a path for the shell.
fn quote(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

fn toml_path(path: &Path) -> String {
    toml_text(&path.display().to_string())
}

/// A JSON string is a TOML string as well.
fn toml_text(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place::of(Path::new("/src/target/sandbox/default"))
    }

    #[test]
    fn paths_with_quotes_survive_the_shell_and_toml() {
        assert_eq!(quote(Path::new("/it's/a b")), r"'/it'\''s/a b'");
        assert_eq!(toml_path(Path::new(r#"/a"b\c"#)), r#""/a\"b\\c""#);
    }

    #[test]
    fn every_script_enters_the_group_before_it_becomes_the_program() {
        let entrances = [PathBuf::from("/sys/fs/cgroup/x/node/cgroup.procs")];
        let kubelet = Kubelet {
            binary: Path::new("/bin/kubelet"),
            kubeconfig: Path::new("/k"),
            client_ca: Path::new("/ca"),
            certificate: Path::new("/crt"),
            key: Path::new("/key"),
            address: NODE_IP,
            port: 10250,
        };
        let to = "127.0.0.1:6443".parse().unwrap();
        let listen = "10.0.0.1:443".parse().unwrap();
        for script in [
            containerd_script(&place(), &entrances),
            kubelet_script(&place(), &kubelet, &entrances),
            forward_script(Path::new("/bin/forward"), listen, to, &entrances),
        ] {
            let lines: Vec<&str> = script.lines().collect();
            assert_eq!(lines[0], "set -e");
            assert_eq!(lines[1], "echo $$ > '/sys/fs/cgroup/x/node/cgroup.procs'");
            assert!(lines[2].starts_with("exec "), "{script}");
        }
    }

    #[test]
    fn the_machines_directories_and_settings_are_shadowed_before_containerd_starts() {
        let script = inside_script(&place(), Path::new("/bin"));
        let start = script.find("exec ").unwrap();
        for dir in SHADOWED_DIRS {
            let at = script.find(&format!("{dir}\n")).unwrap();
            assert!(at < start, "{dir} is shadowed too late");
        }
        for setting in SHADOWED_SETTINGS {
            assert!(
                script.contains(&format!(" /proc/sys/{setting}\n")),
                "{setting}"
            );
        }
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
    fn containers_are_born_in_the_nodes_own_group() {
        let kubelet_files = Kubelet {
            binary: Path::new("/bin/kubelet"),
            kubeconfig: Path::new("/k"),
            client_ca: Path::new("/ca"),
            certificate: Path::new("/crt"),
            key: Path::new("/key"),
            address: NODE_IP,
            port: 10250,
        };
        let config = kubelet(&place(), &kubelet_files);
        assert_eq!(config["cgroupRoot"], format!("/{}/pods", place().cgroup()));
        assert_eq!(config["authentication"]["anonymous"]["enabled"], false);
    }
}
