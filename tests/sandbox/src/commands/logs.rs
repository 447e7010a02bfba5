//! `logs`: what a part wrote.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use crate::error::{Context as _, Error, Result};
use crate::layout::RunDir;
use crate::process;
use crate::{interrupt, ui};

/// Prints the end of a part's log, or the names of the parts that have one.
///
/// # Errors
///
/// When there is no such sandbox or part.
pub(crate) fn run(name: &str, part: Option<&str>, follow: bool, tail: usize) -> Result<()> {
    let run = RunDir::of(name)?;
    let parts = parts(&run);
    if parts.is_empty() {
        return Err(Error::new(format!("the sandbox {name} has no logs"))
            .hint(format!("cargo sandbox up --name {name}")));
    }
    let Some(part) = part else {
        for part in parts {
            ui::answer(&part);
        }
        return Ok(());
    };
    if !parts.iter().any(|known| known == part) {
        return Err(
            Error::usage(format!("the sandbox {name} has no part {part}"))
                .hint(format!("one of {}", parts.join(", "))),
        );
    }
    let log = run.log(part);
    let end = fs::metadata(&log).map_or(0, |metadata| metadata.len());
    for line in process::tail(&log, tail) {
        ui::answer(&line);
    }
    if follow {
        follow_from(&log, end)
    } else {
        Ok(())
    }
}

fn parts(run: &RunDir) -> Vec<String> {
    let mut parts: Vec<String> = fs::read_dir(run.logs())
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".log")?.to_owned()))
        .collect();
    parts.sort();
    parts
}

/// Shows what is added until Ctrl-C, the end of the sandbox, or the end of the reader.
fn follow_from(log: &Path, mut position: u64) -> Result<()> {
    let what = || format!("cannot read {}", log.display());
    let mut file = File::open(log).context(what)?;
    while log.exists() {
        file.seek(SeekFrom::Start(position)).context(what)?;
        let mut added = Vec::new();
        position += file.read_to_end(&mut added).context(what)? as u64;
        if !ui::raw(&added) {
            return Ok(());
        }
        interrupt::pause(Duration::from_millis(200))?;
    }
    Ok(())
}
