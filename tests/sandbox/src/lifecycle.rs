//! The order in which a sandbox ends, and where the real node joins in.

use crate::error::Result;
use crate::kubectl::Kubectl;
use crate::layout::RunDir;
use crate::process::{self, Spawner};
use crate::source::Programs;
use crate::state::State;
use crate::ui;

/// Ends a sandbox, whole or half, and removes its directory; returns how many processes ran.
///
/// # Errors
///
/// When a process cannot be ended or a file not removed.
pub fn take_down(run: &RunDir) -> Result<usize> {
    let ended = end_processes(run)?;
    run.remove()?;
    Ok(ended)
}

/// Ends the processes of a sandbox and leaves its directory, except that it is no longer up.
///
/// # Errors
///
/// When a process cannot be ended.
pub fn end_processes(run: &RunDir) -> Result<usize> {
    // The state goes first: whatever happens next, it is not up any more.
    let state = State::read(run);
    let _gone = std::fs::remove_file(run.state());
    stop_real_node(run, state.as_ref())?;
    Ok(process::end(run)?.processes)
}

/// Adds the node that runs real containers; `false`, with one line why, when it cannot be here.
///
/// # Errors
///
/// When it could be here and does not start.
pub fn start_real_node(
    _spawner: &Spawner<'_>,
    _kubectl: &Kubectl,
    _programs: &Programs,
    _api_port: u16,
    _tainted: bool,
) -> Result<bool> {
    ui::status("no real node: not built yet");
    Ok(false)
}

/// Ends the real node while the API server still answers, so that no container lives on.
fn stop_real_node(_run: &RunDir, _state: Option<&State>) -> Result<()> {
    Ok(())
}
