//! Ends what was started, and nothing else.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::spawner::{Record, records};
use super::{Identity, MARKER};
use crate::error::{Error, Result};
use crate::layout::RunDir;

/// How long a process may take to end by itself. Its data are thrown away, so this is short.
const GRACE: Duration = Duration::from_secs(5);
const AFTER_KILL: Duration = Duration::from_secs(5);
/// The API server ends quickly only while its storage still answers.
const LAST: &str = "etcd";

/// What was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How many processes were running.
    pub processes: usize,
}

/// Ends every process of a sandbox: the recorded ones, then those that only carry its mark.
///
/// A process is signalled only when pid and start time both are the recorded ones. It is asked
/// to end, given five seconds, then killed.
///
/// # Errors
///
/// When a process outlives even that; it is named.
pub fn end(run: &RunDir) -> Result<Ended> {
    let (last, first): (Vec<_>, Vec<_>) = records(run)
        .into_iter()
        .rev()
        .partition(|record| record.part == LAST);
    let mut processes = 0;
    for group in [first, last] {
        let group: Vec<Identity> = group.into_iter().map(|record| record.identity).collect();
        processes += end_group(&group)?;
    }
    // Twice: a process may have started another one while it was being ended.
    for _ in 0..2 {
        let stray: Vec<Identity> = marked(run).into_iter().filter(Identity::is_alive).collect();
        processes += end_group(&stray)?;
    }
    Ok(Ended { processes })
}

/// Kills one part as a crash would, and returns once it is gone.
///
/// # Errors
///
/// When it does not run, or outlives even that.
pub fn crash(record: &Record) -> Result<()> {
    let identity = &record.identity;
    let pid = Pid::from_raw(identity.pid).filter(|_| identity.is_alive());
    let Some(pid) = pid else {
        return Err(Error::new(format!("{} does not run", record.part)));
    };
    let _gone = kill_process(pid, Signal::KILL);
    if wait(&[identity], AFTER_KILL) {
        Ok(())
    } else {
        Err(Error::new(format!("cannot end process {}", identity.pid)))
    }
}

fn end_group(group: &[Identity]) -> Result<usize> {
    let alive: Vec<&Identity> = group
        .iter()
        .filter(|identity| identity.is_alive())
        .collect();
    for (signal, limit) in [(Signal::TERM, GRACE), (Signal::KILL, AFTER_KILL)] {
        for identity in alive.iter().filter(|identity| identity.is_alive()) {
            if let Some(pid) = Pid::from_raw(identity.pid) {
                let _gone = kill_process(pid, signal);
            }
        }
        if wait(&alive, limit) {
            return Ok(alive.len());
        }
    }
    let left: Vec<String> = alive
        .iter()
        .filter(|i| i.is_alive())
        .map(|i| i.pid.to_string())
        .collect();
    if left.is_empty() {
        return Ok(alive.len());
    }
    Err(
        Error::new(format!("cannot end process {}", left.join(", ")))
            .cause("it still runs after SIGKILL or belongs to another user"),
    )
}

fn wait(alive: &[&Identity], limit: Duration) -> bool {
    let begun = Instant::now();
    loop {
        if !alive.iter().any(|identity| identity.is_alive()) {
            return true;
        }
        if begun.elapsed() > limit {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Finds processes that were started with this sandbox's mark in their environment.
#[cfg(target_os = "linux")]
fn marked(run: &RunDir) -> Vec<Identity> {
    use std::os::unix::ffi::OsStrExt as _;
    let mut wanted = format!("{MARKER}=").into_bytes();
    wanted.extend_from_slice(run.path().as_os_str().as_bytes());
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let environ = std::fs::read(entry.path().join("environ")).ok()?;
            let is_ours = environ
                .split(|byte| *byte == 0)
                .any(|entry| entry == wanted);
            (is_ours && pid != own).then(|| Identity::of(pid)).flatten()
        })
        .collect()
}

/// Finds processes whose command line names a file of this sandbox: other systems do not show
/// the environment.
#[cfg(not(target_os = "linux"))]
fn marked(run: &RunDir) -> Vec<Identity> {
    const PROGRAMS: [&str; 5] = [
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kwok",
    ];
    let _same_job = MARKER;
    let wanted = format!("{}/", run.path().display());
    let Ok(output) = std::process::Command::new("ps")
        .args(["-axwwo", "pid=,command="])
        .output()
    else {
        return Vec::new();
    };
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| {
            let (pid, command) = line.trim().split_once(char::is_whitespace)?;
            let program = command.split_whitespace().next()?.rsplit('/').next()?;
            let is_ours = PROGRAMS.contains(&program) && command.contains(&wanted);
            is_ours.then(|| Identity::of(pid.parse().ok()?)).flatten()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::process::{Child, Command};

    fn identity(child: &Child) -> Identity {
        Identity::of(i32::try_from(child.id()).unwrap()).unwrap()
    }

    #[test]
    fn a_process_that_ignores_the_polite_signal_is_killed() {
        let mut child = Command::new("sh")
            .args(["-c", "trap '' TERM; echo; exec sleep 60"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let process = identity(&child);
        assert_eq!(end_group(std::slice::from_ref(&process)).unwrap(), 1);
        assert!(!process.is_alive());
        child.wait().unwrap();
    }

    #[test]
    fn a_process_that_got_a_recorded_pid_later_is_left_alone() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = identity(&child);
        let earlier = Identity {
            started: "1@another boot".to_owned(),
            ..process.clone()
        };
        assert_eq!(end_group(&[earlier]).unwrap(), 0);
        assert!(process.is_alive());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_unrecorded_process_is_found_by_its_mark_and_those_of_others_are_not() {
        let (mine, other) = (
            RunDir::of("mark-mine").unwrap(),
            RunDir::of("mark-mine-too").unwrap(),
        );
        let start = |run: &RunDir| {
            Command::new("sleep")
                .arg("60")
                .env(MARKER, run.path())
                .spawn()
                .unwrap()
        };
        let mut children = [start(&mine), start(&other)];
        assert_eq!(marked(&mine), [identity(&children[0])]);
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
