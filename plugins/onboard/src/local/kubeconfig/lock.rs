//! The lock that kubectl takes before it changes a kubeconfig.
//!
//! client-go (`tools/clientcmd/config.go`, `ModifyConfig`) makes `FILE.lock` with O_EXCL for every
//! file of the list, in the order of their names, and removes it at the end. It never waits and
//! never breaks a lock; this one waits, and never breaks one either.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use groundcrew::error::{Error, Result};
use groundcrew::flags::duration::Span;
use tokio::time::{Instant, sleep};

/// A change takes a few thousandths of a second.
const PAUSE: Duration = Duration::from_millis(15);

/// Locks that are held until this is dropped.
#[derive(Debug, Default)]
pub struct Locks(Vec<PathBuf>);

impl Drop for Locks {
    fn drop(&mut self) {
        for lock in self.0.iter().rev() {
            // No one can be told here; the next run that waits names the file.
            let _ = std::fs::remove_file(lock);
        }
    }
}

impl Locks {
    /// Takes the locks of all files, waiting for those that are held.
    ///
    /// A file whose lock cannot be created (a read-only directory) is left unlocked: it cannot be
    /// replaced either, so nothing is lost, and a write to it fails on its own.
    ///
    /// # Errors
    ///
    /// Conflict, when one is still held after `patience`.
    pub async fn take(files: &[PathBuf], patience: Duration) -> Result<Self> {
        let mut files = files.to_vec();
        files.sort();
        files.dedup();
        let deadline = Instant::now() + patience;
        let mut held = Self::default();
        for file in &files {
            let lock = path(file);
            loop {
                match OpenOptions::new().write(true).create_new(true).open(&lock) {
                    Ok(_) => {
                        held.0.push(lock);
                        break;
                    }
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        if Instant::now() >= deadline {
                            return Err(taken(file, &lock, patience));
                        }
                        sleep(PAUSE).await;
                    }
                    Err(error) if is_out_of_reach(&error) => break,
                    Err(error) => {
                        return Err(Error::failed(format!("cannot lock {}", file.display()))
                            .with_source(error));
                    }
                }
            }
        }
        Ok(held)
    }
}

fn is_out_of_reach(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
    )
}

/// Returns `FILE.lock`; next to a link, not to what it leads to, as client-go does.
fn path(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".lock");
    name.into()
}

fn taken(file: &Path, lock: &Path, patience: Duration) -> Error {
    let age = std::fs::metadata(lock)
        .and_then(|found| found.modified())
        .ok()
        .and_then(|made| SystemTime::now().duration_since(made).ok())
        .map(|age| {
            let age = Span(Duration::from_secs(age.as_secs()));
            format!("; it was created {age} ago")
        });
    Error::conflict(format!(
        "{} is locked by another program: {} was not released within {}{}",
        file.display(),
        lock.display(),
        Span(patience),
        age.unwrap_or_default()
    ))
    .with_hint(format!(
        "if no kubectl is running, a crashed one left it behind:  rm {}",
        lock.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lock_is_the_one_of_kubectl_is_waited_for_and_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config");
        let lock = directory.path().join("config.lock");
        let files = [file];
        let held = Locks::take(&files, Duration::ZERO).await.unwrap();
        assert!(lock.exists());
        let error = Locks::take(&files, Duration::from_millis(30))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), groundcrew::error::Kind::Conflict);
        assert!(error.hints()[0].contains("config.lock"));
        assert!(lock.exists(), "another program's lock stays");
        drop(held);
        assert!(!lock.exists());
        Locks::take(&files, Duration::ZERO).await.unwrap();
    }

    #[tokio::test]
    async fn a_lock_that_is_not_released_frees_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let files = ["a", "b"].map(|name| directory.path().join(name));
        std::fs::write(directory.path().join("b.lock"), "").unwrap();
        assert!(Locks::take(&files, Duration::ZERO).await.is_err());
        assert!(!directory.path().join("a.lock").exists());
    }

    #[tokio::test]
    async fn a_missing_directory_needs_no_lock() {
        let files = [PathBuf::from("/nowhere/at/all/config")];
        Locks::take(&files, Duration::ZERO).await.unwrap();
    }
}
