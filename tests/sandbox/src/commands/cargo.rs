//! Building the workspace, and running things that may take their time.

use std::env;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::{Context as _, Error, Result};
use crate::release::Plugin;
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

/// Returns the directory of the programs that are built for tests and the tour.
pub(super) fn programs() -> PathBuf {
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

/// Builds every plugin as it is shipped; returns the directory with the programs.
///
/// Paths of this machine are kept out of the programs, so that the same sources give the same
/// bytes elsewhere.
///
/// # Errors
///
/// When one does not compile; cargo has said why.
pub(super) fn build_release(plugins: &[Plugin], target: Option<&str>) -> Result<PathBuf> {
    let mut args = vec!["build", "--locked", "--profile", "dist"];
    for plugin in plugins {
        args.extend(["--package", &plugin.package.name]);
    }
    let mut programs = layout::target_dir();
    if let Some(triple) = target {
        args.extend(["--target", triple]);
        programs.push(triple);
    }
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let mut flags = format!(
        "--remap-path-prefix={}=.",
        layout::workspace_root().display()
    );
    if let Some(home) = home {
        flags += &format!(" --remap-path-prefix={}=cargo", home.display());
    }
    let mut build = command();
    build.args(&args).env("RUSTFLAGS", flags);
    if let Some(commit) = commit() {
        build.env("GROUNDCREW_COMMIT", commit);
    }
    let status = attend(&mut build)?;
    if status.success() {
        return Ok(programs.join("dist"));
    }
    Err(Error::new("cannot build the plugins").hint(format!("cargo {}", args.join(" "))))
}

/// Returns the commit that is checked out and its date, for `--version`; nothing where this is not
/// a checkout.
fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["log", "-1", "--format=%h of %cs"])
        .current_dir(layout::workspace_root())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !said.is_empty()).then_some(said)
}

/// Returns the target triple of this machine.
///
/// # Errors
///
/// When rustc cannot be asked.
pub(super) fn host() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .arg("-vV")
        .output()
        .context(|| "cannot run rustc".to_owned())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| Error::new("rustc names no host").hint(said.trim().to_owned()))
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
