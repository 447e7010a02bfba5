//! Starts the parts of a sandbox and watches over them while it comes up.

use std::cell::{Cell, RefCell};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Identity, MARKER};
use crate::error::{Context as _, Error, Result};
use crate::interrupt;
use crate::layout::{RunDir, write_atomically};

/// How many lines of a log a failure shows.
const TAIL: usize = 15;

/// What is remembered of a started part, on disk, before anything else happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The part's name, such as `etcd`; unique in a sandbox.
    pub part: String,
    /// Which process it is.
    #[serde(flatten)]
    pub identity: Identity,
    /// Its place in the order of starting; parts end in the opposite order.
    pub order: u32,
    /// Its log file.
    pub log: PathBuf,
}

/// Starts parts of one sandbox: in the background, out of reach of the terminal's Ctrl-C, with
/// output to a log file, and recorded so that a later command can end them.
#[derive(Debug)]
pub struct Spawner<'a> {
    run: &'a RunDir,
    children: RefCell<Vec<(Record, Child)>>,
    order: Cell<u32>,
}

impl<'a> Spawner<'a> {
    /// Makes a spawner for a sandbox whose directory exists.
    #[must_use]
    pub fn new(run: &'a RunDir) -> Self {
        Self {
            run,
            children: RefCell::default(),
            order: Cell::new(0),
        }
    }

    /// Makes a spawner for a sandbox that is up: what it starts comes after everything else.
    #[must_use]
    pub fn beside(run: &'a RunDir) -> Self {
        let last = records(run).last().map_or(0, |record| record.order + 1);
        let spawner = Self::new(run);
        spawner.order.set(last);
        spawner
    }

    /// Returns the sandbox's directory.
    #[must_use]
    pub fn run_dir(&self) -> &RunDir {
        self.run
    }

    /// Starts a program as the part `part` and records it. Output goes to `logs/PART.log`.
    ///
    /// # Errors
    ///
    /// When the program cannot be started or recorded; it does not run then.
    pub fn spawn<A: AsRef<OsStr>>(
        &self,
        part: &str,
        program: &Path,
        args: impl IntoIterator<Item = A>,
        envs: &[(&str, &OsStr)],
    ) -> Result<Record> {
        let what = || format!("cannot start {part}");
        let log = self.run.log(part);
        let out = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .context(what)?;
        let mut child = Command::new(program)
            .args(args)
            .envs(envs.iter().copied())
            .env(MARKER, self.run.path())
            .current_dir(self.run.path())
            .stdin(Stdio::null())
            .stdout(out.try_clone().context(what)?)
            .stderr(out)
            .process_group(0)
            .spawn()
            .map_err(|error| Error::new(what()).cause(format!("{}: {error}", program.display())))?;
        let record = self.record(part, &mut child, log);
        match record {
            Ok(record) => {
                self.children.borrow_mut().push((record.clone(), child));
                Ok(record)
            }
            Err(error) => {
                let _gone = child.kill().and_then(|()| child.wait());
                Err(error)
            }
        }
    }

    fn record(&self, part: &str, child: &mut Child, log: PathBuf) -> Result<Record> {
        let Some(identity) = i32::try_from(child.id()).ok().and_then(Identity::of) else {
            return Err(early(part, &log, &status(child)));
        };
        let order = self.order.get();
        self.order.set(order + 1);
        let record = Record {
            part: part.to_owned(),
            identity,
            order,
            log,
        };
        let json = serde_json::to_vec(&record).context(|| format!("cannot record {part}"))?;
        write_atomically(&self.run.parts().join(format!("{part}.json")), &json)?;
        Ok(record)
    }

    /// Fails when a part that was started here has ended, with the end of its log.
    ///
    /// # Errors
    ///
    /// Names the part, how it ended, and shows its last 15 lines.
    pub fn check(&self) -> Result<()> {
        for (record, child) in self.children.borrow_mut().iter_mut() {
            if matches!(child.try_wait(), Ok(None)) {
                continue;
            }
            return Err(early(&record.part, &record.log, &status(child)));
        }
        Ok(())
    }

    /// Asks `probe` again and again until it answers, while every part lives.
    ///
    /// `what` completes "… did not VERB within"; it names what is waited for.
    ///
    /// # Errors
    ///
    /// When a part ended, the time is over (with the end of `part`'s log), or after Ctrl-C.
    pub fn wait_for<T>(
        &self,
        what: &str,
        part: &str,
        limit: Duration,
        mut probe: impl FnMut() -> Option<T>,
    ) -> Result<T> {
        let begun = Instant::now();
        loop {
            interrupt::check()?;
            self.check()?;
            if let Some(found) = probe() {
                return Ok(found);
            }
            if begun.elapsed() > limit {
                return Err(
                    Error::new(format!("{what} took longer than {}s", limit.as_secs()))
                        .cause(format!("the last lines of {part} were"))
                        .details(tail(&self.run.log(part), TAIL)),
                );
            }
            interrupt::pause(Duration::from_millis(100))?;
        }
    }
}

fn status(child: &mut Child) -> String {
    match child.try_wait() {
        Ok(Some(status)) => status.to_string(),
        _ => "unknown status".to_owned(),
    }
}

fn early(part: &str, log: &Path, status: &str) -> Error {
    Error::new(format!("{part} ended while the sandbox was starting"))
        .cause(format!("{status}; its last lines were"))
        .details(tail(log, TAIL))
}

/// Reads what was recorded of a sandbox's parts, in the order they were started.
///
/// A record that cannot be read is passed over: its process is found by [`MARKER`].
#[must_use]
pub fn records(run: &RunDir) -> Vec<Record> {
    let mut found: Vec<Record> = fs::read_dir(run.parts())
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| serde_json::from_slice(&fs::read(entry.path()).ok()?).ok())
        .collect();
    found.sort_by_key(|record| record.order);
    found
}

/// Returns the last lines of a log file; none when there is no file.
#[must_use]
pub fn tail(log: &Path, lines: usize) -> Vec<String> {
    /// Enough for the last lines of any log here, without reading a log of many megabytes.
    const ENOUGH: u64 = 512 * 1024;
    let mut bytes = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(ENOUGH)))?;
        file.read_to_end(&mut bytes)
    });
    if read.is_err() {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_last_lines_and_all_of_a_short_log() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("x.log");
        fs::write(&log, "1\n2\n3\n").unwrap();
        assert_eq!(tail(&log, 2), ["2", "3"]);
        assert_eq!(tail(&log, 9), ["1", "2", "3"]);
        assert!(tail(&dir.path().join("none"), 3).is_empty());
    }

    #[test]
    fn a_record_survives_the_disk_unchanged() {
        let record = Record {
            part: "etcd".to_owned(),
            identity: Identity {
                pid: 7,
                started: "9@boot".to_owned(),
            },
            order: 3,
            log: "/x/etcd.log".into(),
        };
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
    }
}
