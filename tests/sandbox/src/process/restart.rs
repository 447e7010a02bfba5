//! Kills a part and starts it anew, as a machine that fails over does.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use super::spawner::records;
use super::{Spawner, end};
use crate::error::{Context as _, Error, Result};
use crate::layout::RunDir;

/// Restarts the part `part` of a sandbox that is up, with the arguments and the environment that
/// it had; returns once it is started, before it is ready. Linux only: nothing else tells what a
/// process was started with.
///
/// # Errors
///
/// When there is no such part, it does not run, or it cannot be started again.
pub fn restart(run: &RunDir, part: &str) -> Result<()> {
    let what = || format!("cannot restart {part}");
    let record = records(run).into_iter().find(|record| record.part == part);
    let record = record.ok_or_else(|| Error::new(what()).cause("there is no such part"))?;
    let of = |file: &str| {
        let path = format!("/proc/{}/{file}", record.identity.pid);
        std::fs::read(path).context(what)
    };
    let (words, variables) = (split(&of("cmdline")?), split(&of("environ")?));
    let (program, args) = words
        .split_first()
        .ok_or_else(|| Error::new(what()).cause("it has ended"))?;
    let variables: Vec<(String, OsString)> = variables.iter().filter_map(variable).collect();
    let variables: Vec<(&str, &OsStr)> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_os_str()))
        .collect();
    end::crash(&record)?;
    let spawner = Spawner::beside(run);
    spawner
        .spawn(part, Path::new(program), args, &variables)
        .map(|_record| ())
}

/// Returns what is ended by zeros.
fn split(bytes: &[u8]) -> Vec<OsString> {
    let whole = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    if whole.is_empty() {
        return Vec::new();
    }
    let parts = whole.split(|byte| *byte == 0);
    parts
        .map(|part| OsString::from_vec(part.to_vec()))
        .collect()
}

fn variable(text: &OsString) -> Option<(String, OsString)> {
    let text = text.to_str()?;
    let (name, value) = text.split_once('=')?;
    Some((name.to_owned(), value.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_variables_are_what_a_process_was_given() {
        assert_eq!(split(b"a\0\0b c\0"), ["a", "", "b c"]);
        assert!(split(b"").is_empty());
        let found = variable(&"A=b=c".into());
        assert_eq!(found, Some(("A".to_owned(), "b=c".into())));
    }
}
