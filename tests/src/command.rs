//! Programs under test: run them, and say everything when one is not as it should be.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A program about to run, with an environment of its own.
#[derive(Debug)]
pub struct Run {
    command: Command,
    stdin: Vec<u8>,
    patience: Duration,
    shown: String,
}

/// Runs all of them at the same time; what they say comes in their order.
///
/// # Panics
///
/// When one cannot be started or does not end in time.
#[must_use]
pub fn at_once(runs: Vec<Run>) -> Vec<Output> {
    std::thread::scope(|scope| {
        let all: Vec<_> = runs
            .into_iter()
            .map(|run| scope.spawn(|| run.run()))
            .collect();
        all.into_iter()
            .map(|run| run.join().expect("a run"))
            .collect()
    })
}

impl Run {
    pub(crate) fn new(program: &Path, home: &Path, path: &OsStr) -> Self {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", home)
            .env("PATH", path)
            .current_dir(home);
        // Coverage and sanitizers, and the loader on systems that need it.
        for variable in [
            "LLVM_PROFILE_FILE",
            "LD_LIBRARY_PATH",
            "SystemRoot",
            "TMPDIR",
        ] {
            if let Some(value) = std::env::var_os(variable) {
                command.env(variable, value);
            }
        }
        let shown = program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Self {
            command,
            stdin: Vec::new(),
            patience: Duration::from_secs(300),
            shown,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        for argument in arguments {
            let _ = write!(self.shown, " {}", argument.as_ref().to_string_lossy());
            self.command.arg(argument);
        }
        self
    }

    /// Adds the words of a line; for arguments without blanks.
    #[must_use]
    pub fn line(self, words: &str) -> Self {
        self.args(words.split_whitespace())
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    /// Uses this kubeconfig.
    #[must_use]
    pub fn kubeconfig(self, path: &Path) -> Self {
        self.env("KUBECONFIG", path)
    }

    /// Gives it something to read.
    #[must_use]
    pub fn stdin(mut self, text: &str) -> Self {
        text.as_bytes().clone_into(&mut self.stdin);
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    ///
    /// When it cannot be started or does not end in time.
    #[must_use]
    pub fn run(self) -> Output {
        self.watched(|_| {})
    }

    /// Runs it, and sends it what Ctrl-C sends once the moment has come.
    ///
    /// # Panics
    ///
    /// As [`Run::run`].
    #[must_use]
    pub fn interrupt_when(self, mut is_time: impl FnMut() -> bool) -> Output {
        let mut sent = false;
        self.watched(|id| {
            if !sent && is_time() {
                sent = true;
                interrupt(id);
            }
        })
    }

    fn watched(mut self, mut look: impl FnMut(u32)) -> Output {
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = self.command.spawn().unwrap_or_else(|error| {
            panic!("cannot start `{}`: {error}", self.shown);
        });
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        let input = std::mem::take(&mut self.stdin);
        std::thread::spawn(move || {
            // A program that does not read its input closes the pipe.
            let _ = stdin.write_all(&input);
        });
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                break status;
            }
            if started.elapsed() > self.patience {
                // Gone in between is as good.
                let _ = child.kill();
                panic!("`{}` did not end within {:?}", self.shown, self.patience);
            }
            look(child.id());
            std::thread::sleep(Duration::from_millis(5));
        };
        let text = |part: JoinHandle<Vec<u8>>| {
            String::from_utf8_lossy(&part.join().unwrap_or_default()).into_owned()
        };
        Output {
            command: self.shown,
            code: status.code(),
            stdout: text(stdout),
            stderr: text(stderr),
            took: started.elapsed(),
        }
    }

    /// Starts it on a terminal of its own, for a person who types.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[cfg(unix)]
    #[must_use]
    pub fn on_terminal(mut self) -> rexpect::session::PtySession {
        self.command.env("TERM", "xterm");
        let patience = u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX);
        let options = rexpect::reader::Options::new()
            .timeout_ms(Some(patience))
            .strip_ansi_escape_codes(true);
        rexpect::session::spawn_with_options(self.command, options)
            .unwrap_or_else(|error| panic!("cannot start `{}`: {error}", self.shown))
    }

    /// Runs it on a terminal of its own and returns all that the terminal got, as it came.
    ///
    /// # Panics
    ///
    /// When it cannot be started, or does not end in time.
    #[cfg(unix)]
    #[must_use]
    pub fn seen_on_terminal(mut self) -> String {
        self.command.env("TERM", "xterm");
        let patience = u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX);
        let options = rexpect::reader::Options::new()
            .timeout_ms(Some(patience))
            .strip_ansi_escape_codes(false);
        let seen = rexpect::session::spawn_with_options(self.command, options)
            .and_then(|mut session| session.exp_eof())
            .unwrap_or_else(|error| panic!("`{}` on a terminal: {error}", self.shown));
        // rexpect makes a letter of every byte.
        let bytes: Vec<u8> = seen
            .chars()
            .filter_map(|letter| u8::try_from(u32::from(letter)).ok())
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Starts it with a stdout whose reader has gone, and returns what it did then.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn into_closed_pipe(mut self) -> Output {
        let (reader, writer) = std::io::pipe().expect("the system has pipes");
        drop(reader);
        let started = Instant::now();
        self.command
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::piped());
        let done = self.command.output().expect("the program can be started");
        Output {
            command: self.shown,
            code: done.status.code(),
            stdout: String::new(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
            took: started.elapsed(),
        }
    }
}

/// Sends SIGINT, as a terminal does on Ctrl-C.
fn interrupt(id: u32) {
    #[cfg(unix)]
    {
        let id = i32::try_from(id)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(id) = id {
            // It may have ended in between; the exit code tells.
            let _ = rustix::process::kill_process(id, rustix::process::Signal::INT);
        }
    }
    #[cfg(not(unix))]
    let _ = id;
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// What a program did. The checks return the output, so that they chain.
#[derive(Clone, Debug)]
pub struct Output {
    command: String,
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it answered.
    pub stdout: String,
    /// Everything else it said.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Output {
    /// Checks that it succeeded.
    #[track_caller]
    pub fn success(&self) -> &Self {
        self.code(0)
    }

    /// Checks the exit code.
    #[track_caller]
    pub fn code(&self, wanted: i32) -> &Self {
        assert!(
            self.code == Some(wanted),
            "expected exit code {wanted}\n{self}"
        );
        self
    }

    /// Checks that stderr holds a text.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(
            self.stderr.contains(text),
            "expected {text:?} on stderr\n{self}"
        );
        self
    }

    /// Checks that stdout holds a text.
    #[track_caller]
    pub fn answers(&self, text: &str) -> &Self {
        assert!(
            self.stdout.contains(text),
            "expected {text:?} on stdout\n{self}"
        );
        self
    }

    /// Checks that nothing was answered.
    #[track_caller]
    pub fn no_answer(&self) -> &Self {
        assert!(self.stdout.is_empty(), "expected an empty stdout\n{self}");
        self
    }

    /// Reads stdout as JSON.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not JSON: {error}\n{self}"))
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            command,
            code,
            stdout,
            stderr,
            took,
        } = self;
        write!(f, "$ {command}\nexit code {code:?} after {took:.1?}\n")?;
        write!(f, "--- stdout\n{stdout}--- stderr\n{stderr}---")
    }
}
