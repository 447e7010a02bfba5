//! Somebody's own throw-away cluster in the place of a sandbox: used, never started or ended.

use std::path::Path;

use crate::commands::up::server_version;
use crate::error::{Error, Result};
use crate::kubectl::Kubectl;
use crate::layout::RunDir;
use crate::source::EXISTING;
use crate::state::{Capabilities, State};
use crate::{signer, ui};

/// Records the cluster of a kubeconfig as the sandbox, after finding out what it can do.
///
/// # Errors
///
/// When there is no kubectl or the cluster does not answer.
pub fn adopt(run: &RunDir, kubeconfig: &Path) -> Result<State> {
    let program = which::which("kubectl").map_err(|_| {
        Error::new(format!("cannot use the cluster of {EXISTING}"))
            .cause("there is no kubectl on PATH")
            .hint("put kubectl on PATH")
    })?;
    run.create()?;
    let kubectl = Kubectl::new(&program, kubeconfig, run);
    let version = server_version(&kubectl)?;
    let server = kubectl.run(&[
        "config",
        "view",
        "--minify",
        "-o",
        "jsonpath={.clusters[0].cluster.server}",
    ])?;
    let state = State {
        name: run.name().to_owned(),
        server: server.trim_start_matches("https://").to_owned(),
        kubeconfig: kubeconfig.to_owned(),
        bin_dir: program
            .parent()
            .unwrap_or_else(|| Path::new("/"))
            .to_owned(),
        capabilities: Capabilities {
            signer: signer::issues(&kubectl)?,
            scheduler: kubectl
                .run(&["get", "nodes", "-o", "name"])?
                .contains("node/"),
            slow_controllers: false,
            simulated_nodes: false,
            real_node: false,
            gateway: false,
            prometheus: false,
            kubernetes: version.short,
        },
        nodes: 0,
        entrance: String::new(),
        existing: true,
    };
    state.write(run)?;
    ui::status(&format!(
        "using the cluster of {EXISTING} on {server}: Kubernetes {}; nothing was started",
        version.full
    ));
    Ok(state)
}
