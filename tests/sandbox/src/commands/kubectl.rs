//! `kubectl`: the sandbox's own, as its admin.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use crate::error::{Error, Result};
use crate::state::Sandbox;

/// Becomes kubectl, so that its exit code, streams and signals are its own.
///
/// # Errors
///
/// When the sandbox is not up or kubectl cannot be run.
pub(crate) fn run(name: &str, args: &[OsString]) -> Result<ExitCode> {
    let sandbox = Sandbox::attach(name)?;
    let mut path = vec![sandbox.bin_dir().to_owned()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let path = env::join_paths(path).map_err(|error| Error::new("cannot set PATH").cause(error))?;
    let error = Command::new(sandbox.kubectl())
        .args(args)
        .env("KUBECONFIG", sandbox.kubeconfig())
        .env("KUBECACHEDIR", sandbox.kube_cache())
        .env("PATH", path)
        .exec();
    Err(Error::new(format!("cannot run {}", sandbox.kubectl().display())).cause(error))
}
