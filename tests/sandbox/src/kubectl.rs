//! The API server, spoken to through kubectl: no client library, so this program builds quickly.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Context as _, Error, Result};
use crate::layout::RunDir;

/// A kubectl with the kubeconfig it uses.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    cache: PathBuf,
}

impl Kubectl {
    /// Prepares a kubectl. Its discovery cache ends with the sandbox, because ports are used
    /// again by other servers.
    #[must_use]
    pub fn new(program: &Path, kubeconfig: &Path, run: &RunDir) -> Self {
        Self {
            program: program.to_owned(),
            kubeconfig: kubeconfig.to_owned(),
            cache: run.kube_cache(),
        }
    }

    /// Prepares a command of it.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBECACHEDIR", &self.cache)
            .env("KUBERC", "off")
            .stdin(Stdio::null());
        command
    }

    /// Returns the answer to a GET, or `None` when there is no good one.
    #[must_use]
    pub fn get_raw(&self, path: &str) -> Option<String> {
        let output = self
            .command()
            .args(["get", "--request-timeout=5s", "--raw", path])
            .stderr(Stdio::null())
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs it and returns what it printed.
    ///
    /// # Errors
    ///
    /// When it fails; kubectl's own message is the cause.
    pub fn run(&self, args: &[&str]) -> Result<String> {
        self.run_with_input(args, "")
    }

    /// Makes objects from a manifest.
    ///
    /// # Errors
    ///
    /// When one is refused; kubectl's own message is the cause.
    pub fn create(&self, manifest: &str) -> Result<String> {
        self.run_with_input(&["create", "--validate=false", "-f", "-"], manifest)
    }

    /// Runs it with `input` on its standard input and returns what it printed.
    ///
    /// # Errors
    ///
    /// When it fails; kubectl's own message is the cause.
    pub fn run_with_input(&self, args: &[&str], input: &str) -> Result<String> {
        let what = || {
            format!(
                "kubectl {} failed",
                args.first().copied().unwrap_or_default()
            )
        };
        let mut child = self
            .command()
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context(what)?;
        if let Some(mut stdin) = child.stdin.take() {
            // It may have failed before it read anything; its status tells.
            let _closed = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().context(what)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Error::new(what()).cause(String::from_utf8_lossy(&output.stderr).trim()))
    }
}
