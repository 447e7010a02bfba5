//! What runs, as `state.json` tells it and tests read it.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Context as _, Error, Result};
use crate::layout::{RunDir, write_atomically};
use crate::pki::Pair;
use crate::process;

/// What a sandbox can do. A test that needs more is skipped with the missing one as its reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Approved certificate requests are issued.
    pub signer: bool,
    /// Pods get a node, and the controllers (Deployments, service accounts, quota) run.
    pub scheduler: bool,
    /// The controllers are slow, as in a cluster that is busy.
    #[serde(default)]
    pub slow_controllers: bool,
    /// Nodes `sim-1` … exist; a pod's image tag decides what becomes of it.
    pub simulated_nodes: bool,
    /// A node runs real containers.
    pub real_node: bool,
    /// A gateway passes requests from outside on to pods of the real node.
    #[serde(default)]
    pub gateway: bool,
    /// Prometheus reads the metrics of the real node's pods.
    #[serde(default)]
    pub prometheus: bool,
    /// The server's version: major and minor, such as `1.37`.
    pub kubernetes: String,
}

impl Capabilities {
    /// The minor version of the server: 37 of `1.37`; 0 when it is not known.
    #[must_use]
    pub fn minor(&self) -> u32 {
        let minor = self.kubernetes.split_once('.').map(|(_, minor)| minor);
        minor
            .map(|minor| minor.trim_end_matches(|c: char| !c.is_ascii_digit()))
            .and_then(|minor| minor.parse().ok())
            .unwrap_or_default()
    }
}

/// A sandbox that is up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The sandbox's name.
    pub name: String,
    /// The API server's address, `127.0.0.1:PORT`; for somebody else's cluster as its kubeconfig
    /// has it.
    pub server: String,
    /// The admin's kubeconfig.
    pub kubeconfig: PathBuf,
    /// The directory with `kubectl` and the other binaries.
    pub bin_dir: PathBuf,
    /// What it can do.
    pub capabilities: Capabilities,
    /// How many simulated nodes there are.
    pub nodes: u32,
    /// Where the gateway listens, `127.0.0.1:PORT`; empty without one.
    #[serde(default)]
    pub entrance: String,
    /// Whether it is somebody else's cluster, which `down` does not touch.
    #[serde(default)]
    pub existing: bool,
}

impl State {
    /// Reads the state of a sandbox; `None` when it is not up, or only half.
    #[must_use]
    pub fn read(run: &RunDir) -> Option<Self> {
        serde_json::from_slice(&fs::read(run.state()).ok()?).ok()
    }

    /// Writes the state, the last act of `up`.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write(&self, run: &RunDir) -> Result<()> {
        let json = serde_json::to_vec_pretty(self).context(|| "cannot write state".to_owned())?;
        write_atomically(&run.state(), &json)
    }

    /// Lists the parts that were started and run no more.
    #[must_use]
    pub fn ended_parts(run: &RunDir) -> Vec<String> {
        process::records(run)
            .into_iter()
            .filter(|record| !record.identity.is_alive())
            .map(|record| record.part)
            .collect()
    }
}

/// A running sandbox, as a test uses it.
#[derive(Clone, Debug)]
pub struct Sandbox {
    run: RunDir,
    state: State,
}

impl Sandbox {
    /// Finds the running sandbox `name`.
    ///
    /// # Errors
    ///
    /// When it is not up, or one of its parts has ended.
    pub fn attach(name: &str) -> Result<Self> {
        let run = RunDir::of(name)?;
        let Some(state) = State::read(&run) else {
            return Err(Error::new(format!("the sandbox {name} is not up"))
                .hint(format!("cargo sandbox up --name {name}")));
        };
        let ended = State::ended_parts(&run);
        if !ended.is_empty() {
            return Err(Error::new(format!("the sandbox {name} is broken"))
                .cause(format!("{} ended", ended.join(", ")))
                .hint(format!(
                    "cargo sandbox logs {} --name {name}\n      \
                     cargo sandbox down --name {name} && cargo sandbox up --name {name}",
                    ended[0]
                )));
        }
        Ok(Self { run, state })
    }

    /// Kills one of its parts and starts it anew.
    ///
    /// # Errors
    ///
    /// As [`crate::process::restart`].
    pub fn restart(&self, part: &str) -> Result<()> {
        crate::process::restart(&self.run, part)
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Returns everything `state.json` says.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns what it can do.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.state.capabilities
    }

    /// Returns the admin's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.state.kubeconfig
    }

    /// Returns the API server's address, `127.0.0.1:PORT`.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.state.server
    }

    /// Returns the directory with `kubectl`.
    #[must_use]
    pub fn bin_dir(&self) -> &Path {
        &self.state.bin_dir
    }

    /// Returns `kubectl`.
    #[must_use]
    pub fn kubectl(&self) -> PathBuf {
        self.state.bin_dir.join("kubectl")
    }

    /// Returns the directory of all certificates and keys.
    #[must_use]
    pub fn pki_dir(&self) -> PathBuf {
        self.run.pki()
    }

    /// Returns the authority that clients and the API server trust.
    #[must_use]
    pub fn cluster_ca(&self) -> Pair {
        Pair::at(&self.run.pki(), "ca")
    }

    /// Returns the certificate of a proxy that may name its users in `X-Remote-…` headers.
    #[must_use]
    pub fn front_proxy_client(&self) -> Pair {
        Pair::at(&self.run.pki(), "fault-proxy")
    }

    /// Returns the API server's audit log, one JSON document per line.
    #[must_use]
    pub fn audit_log(&self) -> PathBuf {
        self.run.audit_log()
    }

    /// Returns where kubectl may remember what this server offers.
    #[must_use]
    pub fn kube_cache(&self) -> PathBuf {
        self.run.kube_cache()
    }

    /// Returns the directory of log files.
    #[must_use]
    pub fn logs_dir(&self) -> PathBuf {
        self.run.logs()
    }

    /// Returns the last lines of a part's log; none when it has no log here.
    #[must_use]
    pub fn log_tail(&self, part: &str, lines: usize) -> Vec<String> {
        process::tail(&self.run.log(part), lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_version_is_a_number_also_with_a_sign_behind_it() {
        let of = |text: &str| {
            Capabilities {
                kubernetes: text.to_owned(),
                ..Capabilities::default()
            }
            .minor()
        };
        assert_eq!((of("1.37"), of("1.30+"), of("")), (37, 30, 0));
    }

    #[test]
    fn a_sandbox_that_is_not_up_names_the_command_that_starts_it() {
        let error = Sandbox::attach("never-started").unwrap_err().to_string();
        assert!(
            error.ends_with("hint: cargo sandbox up --name never-started"),
            "{error}"
        );
    }

    #[test]
    fn a_state_without_the_mark_of_an_existing_cluster_is_ours() {
        let json = r#"{"name":"a","server":"127.0.0.1:1","kubeconfig":"k","bin_dir":"b","nodes":3,
            "capabilities":{"signer":true,"scheduler":true,"simulated_nodes":true,
            "real_node":false,"kubernetes":"1.36"}}"#;
        let state: State = serde_json::from_str(json).unwrap();
        assert!(!state.existing && state.capabilities.signer);
    }
}
