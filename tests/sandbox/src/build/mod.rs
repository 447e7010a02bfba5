//! Builds the Kubernetes binaries from Go modules, once per digest.

mod digest;
mod groups;
mod module;
mod toolchain;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

pub use groups::{Group, Tool};
pub use toolchain::GoVersion;

use crate::error::{Context as _, Error, Result};
use crate::lock::Lock;
use crate::{interrupt, layout, ui};
use module::Module;
use toolchain::Toolchain;

/// Returns a directory that holds the named binaries of a group (`kubernetes-1.36`, `kwok`, …),
/// building those that are missing. All of them when `binaries` is empty.
///
/// # Errors
///
/// When the group or a binary is unknown, Go is missing or too old, or a build fails.
pub fn ensure(group: &str, binaries: &[&str]) -> Result<PathBuf> {
    let group = Group::named(group)?;
    let tools = group.select(binaries)?;
    let module = Module::read(group)?;
    let dir = layout::binaries().join(format!("{}-{}", group.name, digest::of(group, &module)));
    if missing(&dir, &tools).is_empty() {
        return Ok(dir);
    }
    let toolchain = Toolchain::find(&module)?;
    fs::create_dir_all(&dir).context(|| format!("cannot make {}", dir.display()))?;
    let _lock = Lock::acquire(
        &dir.join(".lock"),
        &format!("another build of {}", group.name),
    )?;
    remove_half_built(&dir);
    let missing = missing(&dir, &tools);
    let progress = ui::Progress::new(missing.len() as u64);
    for (done, tool) in missing.iter().enumerate() {
        let version = module.version_of(tool.module).unwrap_or_default();
        progress.step(done as u64, &format!("building {} {version}", tool.binary));
        build(&toolchain, group, &module, tool, &dir)?;
    }
    let time = ui::duration(progress.finish());
    if !missing.is_empty() {
        ui::status(&format!(
            "built {} in {time}, kept for next time",
            group.name
        ));
    }
    Ok(dir)
}

/// Says whether everything of a group is built already.
#[must_use]
pub fn is_built(group: &str) -> bool {
    let dir = || {
        let group = Group::named(group).ok()?;
        let module = Module::read(group).ok()?;
        let tools = group.select(&[]).ok()?;
        let dir = layout::binaries().join(format!("{}-{}", group.name, digest::of(group, &module)));
        missing(&dir, &tools).is_empty().then_some(())
    };
    dir().is_some()
}

/// Returns `to`, a folder with the files of `folder` of a module, at the version that the group's
/// `go.mod` requires. Go fetches and verifies them unless the folder is there.
///
/// # Errors
///
/// When the group is unknown, Go is missing or too old, or the module cannot be fetched.
pub fn ensure_files(group: &str, module: &str, folder: &str, to: &Path) -> Result<PathBuf> {
    if to.is_dir() {
        return Ok(to.to_owned());
    }
    let what = || format!("cannot fetch {folder} of {module}");
    let own = Module::read(Group::named(group)?)?;
    let output = Toolchain::find(&own)?
        .command(&own.dir)
        .args(["mod", "download", "-json", module])
        .output()
        .context(what)?;
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let Some(dir) = answer["Dir"].as_str() else {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let hint = toolchain::hint_for_output(std::slice::from_ref(&said));
        return Err(Error::new(what()).cause(said).hint(hint));
    };
    let parent = to.parent().unwrap_or(to);
    let work = tempfile::Builder::new()
        .prefix(WORK)
        .tempdir_in(parent)
        .context(what)?;
    let copied = work.path().join("files");
    fs::create_dir(&copied).context(what)?;
    for entry in fs::read_dir(Path::new(dir).join(folder)).context(what)? {
        let entry = entry.context(what)?;
        fs::copy(entry.path(), copied.join(entry.file_name())).context(what)?;
    }
    match fs::rename(&copied, to) {
        // Another sandbox did the same in the meantime.
        Err(_) if to.is_dir() => Ok(to.to_owned()),
        result => result.map(|()| to.to_owned()).context(what),
    }
}

fn missing<'a>(dir: &Path, tools: &[&'a Tool]) -> Vec<&'a Tool> {
    tools
        .iter()
        .copied()
        .filter(|tool| !dir.join(tool.binary).is_file())
        .collect()
}

/// A killed build leaves its working directory behind; the lock says nobody uses it now.
fn remove_half_built(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(WORK) {
            let _gone = fs::remove_dir_all(entry.path());
        }
    }
}

const WORK: &str = ".building-";

/// Builds into a working directory and renames, so that a binary is there whole or not at all.
fn build(
    toolchain: &Toolchain,
    group: &Group,
    module: &Module,
    tool: &Tool,
    dir: &Path,
) -> Result<()> {
    let what = || format!("cannot build {}", tool.binary);
    let work = tempfile::Builder::new()
        .prefix(WORK)
        .tempdir_in(dir)
        .context(what)?;
    let built = work.path().join(tool.binary);
    let mut command = toolchain.command(&module.dir);
    command
        .arg("build")
        .args(group.flags(module))
        .arg("-o")
        .arg(&built)
        .arg(tool.package);
    command.envs(group.envs.iter().copied());
    run(command, tool)?;
    fs::rename(&built, dir.join(tool.binary)).context(what)
}

/// Runs one build in a process group of its own, so that Ctrl-C can end all of it.
fn run(mut command: Command, tool: &Tool) -> Result<()> {
    const KEPT: usize = 12;
    let what = || format!("cannot build {}", tool.binary);
    let mut child = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context(what)?;
    let (sender, lines) = mpsc::channel();
    let reader = child.stderr.take().map(|stderr| {
        thread::spawn(move || {
            for line in BufReader::new(stderr)
                .lines()
                .map_while(std::io::Result::ok)
            {
                if sender.send(line).is_err() {
                    break;
                }
            }
        })
    });
    let status = loop {
        if let Some(status) = child.try_wait().context(what)? {
            break status;
        }
        if interrupt::pause(Duration::from_millis(100)).is_err() {
            if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                let _gone = kill_process_group(group, Signal::KILL);
            }
            let _reaped = child.wait();
            return Err(Error::interrupted());
        }
    };
    if let Some(reader) = reader {
        let _ended = reader.join();
    }
    let output: Vec<String> = lines.into_iter().collect();
    if status.success() {
        return Ok(());
    }
    let last = output[output.len().saturating_sub(KEPT)..].to_vec();
    let hint = toolchain::hint_for_output(&last);
    Err(Error::new(what())
        .cause(format!("go ended with {status}"))
        .details(last)
        .hint(hint))
}
