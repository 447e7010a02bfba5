//! A node that runs real containers: containerd, a kubelet and a bridge on this very machine.
//!
//! It needs Linux and root, and there is one per machine ([`available`], [`start()`], [`stop()`]).
//!
//! - **Whose pods are whose.** The real node carries the label [`NODE_LABEL`]. The simulated nodes
//!   beside it get the taint [`SIMULATED_TAINT`], so that an ordinary pod becomes real; a test of
//!   simulated behaviour tolerates the taint and selects `groundcrew.dev/node=simulated`.
//! - **Images.** `sandbox.local/web:1`, `:2`, `:3` (report their version), `:bad` (fails half of
//!   its requests), `:flaky` (one in twenty), `:crash` and `:done` (end at once with 1 and 0), imported without a registry.
//! - **Network.** Pods reach each other, this machine, and the API server as `10.0.0.1:443`, which
//!   in-cluster clients find in their environment. There is no cluster DNS, no Service address
//!   other than that one, no NetworkPolicy, no host port and no way out to other machines; nor do
//!   image pulls leave this machine.
//! - **The machine stays as it was.** Mounts are made in a mount namespace that ends with its last
//!   process; directories and kernel settings that the programs would change are shadowed in there.
//!   Every process is born in one control group, so that [`stop()`] finds all of them after any
//!   crash, and needs no API server for it.
//!   One trace stays with control groups of version 2: the root goes on handing down the
//!   controllers that the kubelet asked for, as every container engine leaves it.

mod cgroup;
mod config;
mod images;
mod lock;
mod network;
mod place;
mod requirements;
mod scripts;
mod start;
mod stop;

pub(crate) use network::NODE_IP;
pub use requirements::{Unavailable, available};
pub use start::{build, start};
pub use stop::stop;

/// Name of the real node.
pub const NODE_NAME: &str = "real-1";

/// The label of the real node, `KEY=VALUE`.
pub const NODE_LABEL: &str = "groundcrew.dev/node=real";

/// Key of the taint (`NoSchedule`) that keeps ordinary pods off simulated nodes while there is a
/// real one.
pub const SIMULATED_TAINT: &str = "groundcrew.dev/simulated";

/// The image that keeps the namespaces of a pod alive.
pub const PAUSE_IMAGE: &str = "sandbox.local/pause:1";

/// The parts of a real node, by the names under which they are recorded and logged.
const PARTS: [&str; 3] = ["containerd", "kubelet", "forward"];

/// Where the machine keeps track of who has its real node.
const LOCK_FILE: &str = "/run/groundcrew-real-node.lock";
