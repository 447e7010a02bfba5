//! Building the workspace, and running things that may take their time.

use std::env;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::{Context as _, Error, Result};
use crate::{interrupt, layout};

/// Builds every plugin; returns the directory with them.
///
/// # Errors
///
/// When one does not compile; cargo has said why.
pub(super) fn build_plugins() -> Result<PathBuf> {
    run_build(&["build", "--package", "kubectl-*"])?;
    Ok(programs())
}

/// Builds every program of the workspace; returns the directory with them.
///
/// # Errors
///
/// When one does not compile; cargo has said why.
pub(super) fn build_workspace() -> Result<PathBuf> {
    run_build(&["build", "--workspace", "--bins"])?;
    Ok(programs())
}

fn programs() -> PathBuf {
    layout::target_dir().join("debug")
}

/// Builds one plugin as it is shipped; returns the program.
///
/// # Errors
///
/// When it does not compile; cargo has said why.
pub(super) fn build_shipped(package: &str) -> Result<PathBuf> {
    run_build(&["build", "--profile", "dist", "--package", package])?;
    Ok(layout::target_dir().join("dist").join(package))
}

fn run_build(args: &[&str]) -> Result<()> {
    let status = attend(command().args(args))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::new("cannot build the workspace").hint(format!("cargo {}", args.join(" "))))
}

/// Prepares a cargo command in the workspace, with the same target directory as this one.
pub(super) fn command() -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(layout::workspace_root())
        .env("CARGO_TARGET_DIR", layout::target_dir());
    command
}

/// Runs a command to its end with its output shown, and ends it and its children on Ctrl-C.
///
/// # Errors
///
/// When it cannot be started, or after Ctrl-C.
pub(super) fn attend(command: &mut Command) -> Result<ExitStatus> {
    let what = format!("cannot run {}", command.get_program().display());
    // A group of its own: the signal reaches all of it, and once.
    let mut child = command
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .context(|| what.clone())?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    loop {
        if let Some(status) = child.try_wait().context(|| what.clone())? {
            return Ok(status);
        }
        if interrupt::pause(Duration::from_millis(50)).is_ok() {
            continue;
        }
        let begun = Instant::now();
        while matches!(child.try_wait(), Ok(None)) {
            let patient = begun.elapsed() < Duration::from_secs(5);
            let signal = if patient { Signal::INT } else { Signal::KILL };
            if let Some(group) = group {
                let _gone = kill_process_group(group, signal);
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        return Err(Error::interrupted());
    }
}
