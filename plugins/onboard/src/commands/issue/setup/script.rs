//! Runs `setup.sh` with the user's file; its output goes where all text goes, line by line.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use groundcrew::app::Interrupt;
use groundcrew::error::{Error, Result};
use groundcrew::ui::Ui;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant as Moment, sleep_until, timeout};

/// How long it may take to end after Ctrl-C, before it is made to.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long its last words are waited for: what it left running in the background may hold its
/// streams open for ever.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How it ended.
pub struct Ended {
    pub(super) code: Option<i32>,
    pub(super) took: Duration,
    status: ExitStatus,
}

impl Ended {
    /// # Errors
    ///
    /// When it did not end with exit code 0.
    pub(super) fn into_result(self, script: &Path) -> Result<()> {
        let shown = script.display();
        let how = match self.code {
            Some(0) => return Ok(()),
            Some(code) => format!("{shown} failed with exit code {code}"),
            // Its words: `signal: 9 (SIGKILL)`.
            None => format!("{shown} was killed: {}", self.status),
        };
        Err(Error::failed(how))
    }
}

/// Runs it to its end.
///
/// It has no input, and a process group of its own: Ctrl-C ends everything that it started.
///
/// # Errors
///
/// When it cannot be started; interrupted, once it has ended.
pub async fn run(
    script: &Path,
    kubeconfig: &Path,
    namespace: &str,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Ended> {
    let (script, kubeconfig) = (absolute(script)?, absolute(kubeconfig)?);
    let mut command = Command::new(&script);
    command
        .current_dir(script.parent().unwrap_or(Path::new(".")))
        .env("KUBECONFIG", kubeconfig)
        .env("NAMESPACE", namespace)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let started = Instant::now();
    let mut child = command.spawn().map_err(|error| {
        Error::failed(format!("cannot start {}", script.display())).with_source(error)
    })?;
    let mut group = Group::of(&child);
    let streams = futures::future::join(say(child.stdout.take(), ui), say(child.stderr.take(), ui));
    tokio::pin!(streams);
    let mut flowing = true;
    let mut end_by: Option<Moment> = None;
    let mut is_killed = false;
    let status = loop {
        let end = end_by.unwrap_or_else(Moment::now);
        tokio::select! {
            status = child.wait() => break status,
            _ = &mut streams, if flowing => flowing = false,
            () = interrupt.fired(), if end_by.is_none() => {
                end_by = Some(Moment::now() + PATIENCE);
                ui.status(format_args!("ending {} …", script.display()));
                group.terminate(&mut child);
            }
            () = sleep_until(end), if end_by.is_some() && !is_killed => {
                is_killed = true;
                group.kill(&mut child);
            }
        }
    };
    group.is_over();
    if flowing {
        // Whatever still comes belongs to something in the background.
        let _ = timeout(LAST_WORDS, &mut streams).await;
    }
    if end_by.is_some() {
        return Err(Error::interrupted());
    }
    let status = status.map_err(|error| {
        Error::failed(format!("cannot wait for {}", script.display())).with_source(error)
    })?;
    Ok(Ended {
        code: status.code(),
        took: started.elapsed(),
        status,
    })
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| {
        Error::failed(format!("cannot find {}", path.display())).with_source(error)
    })
}

/// Shows a stream line by line.
async fn say(stream: Option<impl AsyncRead + Unpin>, ui: &Ui) {
    let Some(stream) = stream else { return };
    let mut lines = BufReader::new(stream);
    let mut line = Vec::new();
    // A stream that cannot be read is over.
    while let Ok(1..) = lines.read_until(b'\n', &mut line).await {
        ui.status(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
        line.clear();
    }
}

/// Everything that the script started, as far as it stayed in its group; ended with the run if
/// that is given up.
struct Group {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

#[cfg(unix)]
impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self {
            leader: id.and_then(rustix::process::Pid::from_raw),
        }
    }

    fn terminate(&self, _: &mut Child) {
        self.send(rustix::process::Signal::TERM);
    }

    fn kill(&self, _: &mut Child) {
        self.send(rustix::process::Signal::KILL);
    }

    /// Forgets it: its number may be another's from now on.
    fn is_over(&mut self) {
        self.leader = None;
    }

    fn send(&self, signal: rustix::process::Signal) {
        if let Some(leader) = self.leader {
            // It may have ended in between.
            let _ = rustix::process::kill_process_group(leader, signal);
        }
    }
}

#[cfg(unix)]
impl Drop for Group {
    fn drop(&mut self) {
        self.send(rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
impl Group {
    fn of(_: &Child) -> Self {
        Self {}
    }

    fn terminate(&self, child: &mut Child) {
        self.kill(child);
    }

    fn kill(&self, child: &mut Child) {
        // It may have ended in between.
        let _ = child.start_kill();
    }

    fn is_over(&mut self) {}
}
