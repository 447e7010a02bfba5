//! The process that keeps a pod's namespaces alive: waits to be told to end, reaps orphans.

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};

    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGCHLD, SIGINT, SIGTERM]) else {
        return ExitCode::FAILURE;
    };
    for signal in signals.forever() {
        if signal != SIGCHLD {
            break;
        }
        reap();
    }
    ExitCode::SUCCESS
}

/// Collects every child that has ended: one SIGCHLD may stand for several, and in a pod that
/// shares its process namespace this process is the parent of all orphans.
#[cfg(unix)]
fn reap() {
    use rustix::process::{WaitOptions, waitpid};

    while let Ok(Some(_)) = waitpid(None, WaitOptions::NOHANG) {}
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    ExitCode::FAILURE
}
