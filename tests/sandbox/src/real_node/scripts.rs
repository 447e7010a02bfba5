//! Renders the scripts that start the parts of a real node.
//!
//! A shell does what this program cannot do to itself: enter a control group and a mount namespace
//! and then become another program, under the process id it began with.

use std::fmt::Write;
use std::net::{SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};

use super::config::Kubelet;
use super::place::Place;
use super::{NODE_LABEL, NODE_NAME};

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

/// A file of the machine in whose place the node sees one of its own.
struct Shadowed {
    path: &'static str,
    /// Whether it begins as a copy; else it is empty.
    copied: bool,
}

/// Kernel settings of the whole machine that a kubelet sets to its taste when it starts, and the
/// list of name servers.
///
/// The kubelet gets copies to write to: the machine must be the same after as before. Without name
/// servers no image is ever asked for outside of this machine, online or not.
const SHADOWED_FILES: [Shadowed; 7] = [
    Shadowed {
        path: "/etc/resolv.conf",
        copied: false,
    },
    Shadowed {
        path: "/proc/sys/kernel/keys/root_maxbytes",
        copied: true,
    },
    Shadowed {
        path: "/proc/sys/kernel/keys/root_maxkeys",
        copied: true,
    },
    Shadowed {
        path: "/proc/sys/kernel/panic",
        copied: true,
    },
    Shadowed {
        path: "/proc/sys/kernel/panic_on_oops",
        copied: true,
    },
    Shadowed {
        path: "/proc/sys/vm/overcommit_memory",
        copied: true,
    },
    Shadowed {
        path: "/proc/sys/vm/panic_on_oom",
        copied: true,
    },
];

/// Returns the script that starts containerd in a mount namespace of its own.
pub(super) fn containerd(place: &Place, entrances: &[PathBuf]) -> String {
    let inner = inside_path(place);
    format!(
        "{}exec unshare --mount --propagation slave /bin/sh {}\n",
        join_script(entrances),
        quote(&inner)
    )
}

/// Where the second half of containerd's start lies.
pub(super) fn inside_path(place: &Place) -> PathBuf {
    place.run_dir().join("containerd-inside.sh")
}

/// Returns the second half of containerd's start, which runs in the new mount namespace.
///
/// All mounts of the node are made in there and vanish with its last process.
pub(super) fn containerd_inside(place: &Place, containerd_dir: &Path) -> String {
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
    for file in SHADOWED_FILES {
        let own = data.join("shadow").join(&file.path[1..]);
        let dir = own.parent().unwrap_or(&data);
        let begin_with = if file.copied { file.path } else { "/dev/null" };
        line(format!("if [ -e {} ]; then", file.path));
        line(format!("  mkdir -p {}", quote(dir)));
        line(format!("  cat {begin_with} > {}", quote(&own)));
        line(format!("  mount --bind {} {}", quote(&own), file.path));
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
pub(super) fn kubelet(place: &Place, kubelet: &Kubelet<'_>, entrances: &[PathBuf]) -> String {
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
pub(super) fn forward(
    binary: &Path,
    listen: SocketAddrV4,
    to: SocketAddr,
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

#[cfg(test)]
mod tests {
    use super::super::config::tests::{kubelet_files, place};
    use super::*;

    #[test]
    fn paths_with_quotes_survive_the_shell() {
        assert_eq!(quote(Path::new("/it's/a b")), r"'/it'\''s/a b'");
    }

    #[test]
    fn every_script_enters_the_group_before_it_becomes_the_program() {
        let entrances = [PathBuf::from("/sys/fs/cgroup/x/node/cgroup.procs")];
        let to = "127.0.0.1:6443".parse().unwrap();
        let listen = "10.0.0.1:443".parse().unwrap();
        for script in [
            containerd(&place(), &entrances),
            kubelet(&place(), &kubelet_files(), &entrances),
            forward(Path::new("/bin/forward"), listen, to, &entrances),
        ] {
            let lines: Vec<&str> = script.lines().collect();
            assert_eq!(lines[0], "set -e");
            assert_eq!(lines[1], "echo $$ > '/sys/fs/cgroup/x/node/cgroup.procs'");
            assert!(lines[2].starts_with("exec "), "{script}");
        }
    }

    #[test]
    fn the_machines_directories_and_files_are_shadowed_before_containerd_starts() {
        let script = containerd_inside(&place(), Path::new("/bin"));
        let start = script.find("\nexec ").unwrap();
        for path in SHADOWED_DIRS
            .into_iter()
            .chain(SHADOWED_FILES.map(|file| file.path))
        {
            let mount = format!("shadow{path}' {path}\n");
            let at = script
                .find(&mount)
                .unwrap_or_else(|| panic!("{path} is not shadowed"));
            assert!(at < start, "{path} is shadowed too late");
        }
    }

    #[test]
    fn kernel_settings_begin_as_copies_and_name_servers_as_none() {
        let script = containerd_inside(&place(), Path::new("/bin"));
        assert!(
            script.contains("  cat /proc/sys/kernel/panic > "),
            "{script}"
        );
        assert!(!script.contains("cat /etc/resolv.conf"), "{script}");
    }
}
