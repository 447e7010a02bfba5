//! Ends a real node, whole or half, and leaves the machine as it was.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::cgroup::Group;
use super::lock::{self, Lock};
use super::place::Place;
use super::scripts::SHADOWED_DIRS;
use super::start::holder;
use super::{LOCK_FILE, network};
use crate::error::{Context as _, Error, Result};
use crate::layout::RunDir;

/// How long killed processes may take to vanish.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long another sandbox may take to start or end the real node, which blocks us meanwhile.
const TURN: Duration = Duration::from_secs(120);

/// The list of directories that were made because the machine had none.
const MADE: &str = "made-directories";

/// Ends the real node of a sandbox and everything that ran on it; returns how many processes ran.
///
/// A sandbox without a real node is done at once.
///
/// It asks nobody but the kernel which processes are the node's, so it works after a crash of any
/// part and without the API server. The sandbox's Pod objects stay as they are: they end with the
/// control plane.
///
/// # Errors
///
/// When a process cannot be ended or a trace not removed.
pub fn stop(run: &RunDir) -> Result<usize> {
    if !cfg!(target_os = "linux") {
        return Ok(0);
    }
    let (path, place) = (Path::new(LOCK_FILE), Place::of(run.path()));
    let is_ours = |found: Option<lock::Holder>| found.is_some_and(|found| found == holder(run));
    if !is_ours(lock::peek(path)) && !left_something(&place) {
        return Ok(0);
    }
    let what = || format!("cannot lock {LOCK_FILE}");
    let begun = Instant::now();
    let mut lock = loop {
        if let Some(lock) = Lock::try_acquire(path).context(what)? {
            break lock;
        }
        if begun.elapsed() > TURN {
            return Err(Error::new(what()).cause("another sandbox is starting its real node"));
        }
        thread::sleep(Duration::from_millis(100));
    };
    let ended = clear(&place)?;
    if is_ours(lock.holder().context(what)?) {
        network::remove().context(|| "cannot remove the pods' network".to_owned())?;
        lock.give_to(None).context(what)?;
    }
    Ok(ended)
}

fn left_something(place: &Place) -> bool {
    place.run_dir().exists() || Group::open(place.cgroup()).is_ok_and(|group| group.exists())
}

/// Ends every process of the node at `place` and removes what it left outside of the network; returns how
/// many processes ran.
///
/// Its mounts need no care: they are gone with its last process.
pub(super) fn clear(place: &Place) -> Result<usize> {
    let what = || "cannot end the real node".to_owned();
    let group = Group::open(place.cgroup()).context(what)?;
    let ended = group.kill(PATIENCE).context(what)?;
    group
        .remove(PATIENCE)
        .context(|| "cannot remove its control group".to_owned())?;
    let dir = place.run_dir();
    // Before the list is removed with everything else.
    remove_made(&dir.join(MADE), |dir| fs::remove_dir(dir));
    match fs::remove_dir_all(&dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::new(format!("cannot remove {}", dir.display())).cause(error))
        }
        _ => Ok(ended),
    }
}

/// Makes the directories that the node hides, where the machine has none: nothing can be mounted on
/// what is not there. They are listed first, to be removed again.
pub(super) fn make_shadowed(place: &Place) -> Result<()> {
    let missing = missing_ancestors(SHADOWED_DIRS.map(Path::new), Path::exists);
    let list: String = missing
        .iter()
        .map(|dir| format!("{}\n", dir.display()))
        .collect();
    let path = place.run_dir().join(MADE);
    fs::write(&path, list).context(|| format!("cannot write {}", path.display()))?;
    for dir in missing {
        fs::create_dir_all(dir).context(|| format!("cannot make {}", dir.display()))?;
    }
    Ok(())
}

/// The directories to be made, parents before children.
fn missing_ancestors<'a>(
    dirs: impl IntoIterator<Item = &'a Path>,
    exists: impl Fn(&Path) -> bool,
) -> Vec<&'a Path> {
    let mut missing: Vec<&Path> = dirs
        .into_iter()
        .flat_map(Path::ancestors)
        .filter(|dir| !exists(dir))
        .collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}

/// Removes the listed directories, children first. One that somebody uses by now is not empty and
/// stays.
fn remove_made(list: &Path, remove: impl Fn(&Path) -> io::Result<()>) {
    let list = fs::read_to_string(list).unwrap_or_default();
    for dir in list.lines().rev() {
        let _in_use = remove(Path::new(dir));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn missing_parents_are_made_first_and_existing_ones_are_not_ours() {
        let dirs = ["/var/lib/cni", "/var/log/pods", "/var/log/containers"].map(Path::new);
        let exists = |dir: &Path| [Path::new("/"), Path::new("/var")].contains(&dir);
        let made = missing_ancestors(dirs, exists);
        let expected = [
            "/var/lib",
            "/var/lib/cni",
            "/var/log",
            "/var/log/containers",
            "/var/log/pods",
        ];
        assert_eq!(made, expected.map(Path::new));
    }

    #[test]
    fn children_are_removed_before_their_parents_and_a_missing_list_removes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let list = dir.path().join("list");
        let removed = RefCell::new(Vec::new());
        let remove = |dir: &Path| {
            removed.borrow_mut().push(dir.to_owned());
            Ok(())
        };
        remove_made(&list, remove);
        assert!(removed.borrow().is_empty());
        fs::write(&list, "/var/log\n/var/log/pods\n").unwrap();
        remove_made(&list, remove);
        assert_eq!(
            *removed.borrow(),
            ["/var/log/pods", "/var/log"].map(PathBuf::from)
        );
    }
}
