//! One command at a time for one thing.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use crate::error::{Context as _, Error, Result};
use crate::{interrupt, ui};

/// A lock between processes; the system releases it when the holder ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, waiting for its holder; says once what it waits for.
    ///
    /// # Errors
    ///
    /// When the file cannot be made, or after Ctrl-C.
    pub fn acquire(path: &Path, waiting_for: &str) -> Result<Self> {
        let what = || format!("cannot lock {}", path.display());
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).context(what)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .context(what)?;
        let mut said = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(error)) => return Err(Error::new(what()).cause(error)),
                Err(TryLockError::WouldBlock) if said => {}
                Err(TryLockError::WouldBlock) => {
                    ui::status(&format!("waiting for {waiting_for}"));
                    said = true;
                }
            }
            interrupt::pause(Duration::from_millis(100))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_waits_until_the_first_lets_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::acquire(&path, "the first").unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let other = path.clone();
        let waiter = std::thread::spawn(move || {
            let lock = Lock::acquire(&other, "the first").unwrap();
            sender.send(()).unwrap();
            lock
        });
        assert!(receiver.recv_timeout(Duration::from_millis(300)).is_err());
        drop(first);
        receiver.recv_timeout(Duration::from_secs(5)).unwrap();
        drop(waiter.join().unwrap());
    }
}
