//! Where a real node keeps its things on the machine.

use std::path::{Path, PathBuf};

use groundcrew_images::archive::hex_digest;

/// The node's place on the machine, named after a digest of the sandbox's state directory.
///
/// The name ends up in paths of Unix sockets, which the kernel limits to 108 bytes, while the state
/// directory lies below a checkout that may be anywhere. It is also the name of the node's cgroup:
/// what runs in that group was started by this sandbox and nothing else was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    id: String,
}

impl Place {
    /// Returns the place of the sandbox that keeps its state in `state_dir` (absolute).
    pub(super) fn of(state_dir: &Path) -> Self {
        let digest = hex_digest(state_dir.as_os_str().as_encoded_bytes());
        Self {
            id: format!("groundcrew-{}", &digest[..12]),
        }
    }

    /// The name of the cgroup, below the root of every hierarchy.
    pub(super) fn cgroup(&self) -> &str {
        &self.id
    }

    /// Configuration and sockets; seen by the whole machine.
    pub(super) fn run_dir(&self) -> PathBuf {
        Path::new("/run").join(&self.id)
    }

    /// Mount point of the file system that only the node's own processes see.
    pub(super) fn data_dir(&self) -> PathBuf {
        self.run_dir().join("data")
    }

    /// The socket on which containerd answers the kubelet and `ctr`.
    pub(super) fn containerd_socket(&self) -> PathBuf {
        self.run_dir().join("containerd.sock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_stay_within_the_kernels_limit_however_long_the_checkout_path_is() {
        let deep = PathBuf::from(format!("/{}", "long/".repeat(200)));
        let place = Place::of(&deep);
        // The longest socket the node makes.
        let socket = place.data_dir().join("kubelet/pod-resources/kubelet.sock");
        assert!(socket.as_os_str().len() < 108, "{}", socket.display());
    }

    #[test]
    fn two_sandboxes_have_two_places_and_one_sandbox_has_one() {
        let (one, two) = (
            Path::new("/src/target/sandbox/a"),
            Path::new("/src/target/sandbox/b"),
        );
        assert_ne!(Place::of(one), Place::of(two));
        assert_eq!(Place::of(one), Place::of(one));
    }
}
