//! The order in which a sandbox ends, and where the real node joins in.

use crate::addons::{self, Addons};
use crate::error::Result;
use crate::kubectl::Kubectl;
use crate::kubernetes;
use crate::layout::RunDir;
use crate::process::{self, Spawner};
use crate::real_node;
use crate::ui;

/// Ends a sandbox, whole or half, and removes its directory; returns how many processes ran.
///
/// # Errors
///
/// When a process cannot be ended or a file not removed.
pub fn take_down(run: &RunDir) -> Result<usize> {
    let ended = end_processes(run)?;
    run.remove()?;
    Ok(ended)
}

/// Ends the processes of a sandbox and leaves its directory, except that it is no longer up.
///
/// # Errors
///
/// When a process cannot be ended.
pub fn end_processes(run: &RunDir) -> Result<usize> {
    // The state goes first: whatever happens next, it is not up any more.
    let _gone = std::fs::remove_file(run.state());
    // It finds what it started by itself; its containers are nobody's recorded parts.
    let real = real_node::stop(run)?;
    Ok(real + process::end(run)?.processes)
}

/// Builds what a real node and its additions consist of, so that a later start is quick; nothing where there
/// cannot be one.
///
/// # Errors
///
/// When Go is missing or too old, or a build fails.
pub fn build_real_node(version: &str, addons: Addons) -> Result<()> {
    if kubernetes::has_kubelet(version) && real_node::available().is_ok() {
        real_node::build(version)?;
        addons::build(addons)?;
    }
    Ok(())
}

/// Whether a sandbox gets a node that runs real containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RealNode {
    /// It gets none.
    No,
    /// It gets one, unless this machine cannot have any.
    Wanted,
    /// It gets one, unless another sandbox has the machine's only one.
    IfFree,
}

/// Adds the node that runs real containers; `false`, with one line why, when it cannot be here.
///
/// # Errors
///
/// When it could be here and does not start.
pub fn start_real_node(
    spawner: &Spawner<'_>,
    kubectl: &Kubectl,
    wish: RealNode,
    version: &str,
    api_port: u16,
) -> Result<bool> {
    if wish == RealNode::No {
        return Ok(false);
    }
    let reason = if kubernetes::has_kubelet(version) {
        real_node::available()
            .err()
            .map(|unavailable| unavailable.to_string())
    } else {
        Some(format!("there is no real node for Kubernetes {version}"))
    };
    if let Some(reason) = reason {
        ui::status(&format!("{reason}: going on without one"));
        return Ok(false);
    }
    match real_node::start(spawner, kubectl, &real_node::build(version)?, api_port) {
        Ok(()) => Ok(true),
        // Not even its first part was started: somebody else has the place it needs.
        Err(error)
            if wish == RealNode::IfFree && !has_begun(spawner) && !error.is_interrupted() =>
        {
            ui::status(&format!("no real node here: {error}"));
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn has_begun(spawner: &Spawner<'_>) -> bool {
    process::records(spawner.run_dir())
        .iter()
        .any(|record| record.part == "containerd")
}
