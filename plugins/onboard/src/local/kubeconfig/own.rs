//! The user's own kubeconfig: which files it consists of, and how entries get into it.

use std::ffi::OsStr;
use std::io;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use groundcrew::error::{Error, Result};
use groundcrew::output::shell_word;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::local::kubeconfig::file::parent;
use crate::local::kubeconfig::lock::Locks;
use crate::local::kubeconfig::merge;
use crate::local::kubeconfig::merge::entry::{List, Put};
use crate::local::kubeconfig::merge::{Entries, Standing};

/// How often entries that another program drops are put back.
pub const ATTEMPTS: usize = 5;

/// Time for that program to finish.
pub const SETTLE: Duration = Duration::from_millis(300);

/// The files of the user's kubeconfig, in the order in which they are searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    files: Vec<PathBuf>,
}

/// What became of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The file that holds the user's key.
    pub user_file: PathBuf,
    /// Something was written.
    pub changed: bool,
    /// Files that had to be rewritten completely.
    pub comments_lost: Vec<PathBuf>,
}

impl Outcome {
    /// Returns the word that kubectl would use.
    #[must_use]
    pub fn word(&self) -> &'static str {
        if self.changed {
            "configured"
        } else {
            "unchanged"
        }
    }
}

/// A file as it was read under the lock.
struct Read {
    text: Zeroizing<String>,
    tree: Value,
}

impl Own {
    /// Finds the files: as given, as `$KUBECONFIG` lists them, or `~/.kube/config`.
    ///
    /// # Errors
    ///
    /// When there is no home directory to look in.
    pub fn find(given: Option<&Path>) -> Result<Self> {
        let variable = std::env::var_os("KUBECONFIG");
        Self::among(given, variable.as_deref(), std::env::home_dir().as_deref()).ok_or_else(|| {
            Error::failed("there is no home directory for a kubeconfig")
                .with_hint("name the file with --kubeconfig")
        })
    }

    fn among(given: Option<&Path>, variable: Option<&OsStr>, home: Option<&Path>) -> Option<Self> {
        let mut files = Vec::new();
        match given {
            Some(given) => files.push(given.to_owned()),
            None => {
                for path in std::env::split_paths(variable.unwrap_or_default()) {
                    if !path.as_os_str().is_empty() && !files.contains(&path) {
                        files.push(path);
                    }
                }
            }
        }
        if files.is_empty() {
            files.push(home?.join(".kube").join("config"));
        }
        Some(Self { files })
    }

    /// Returns where a new entry goes: the first file that exists, else the last of the list
    /// (client-go, `PathOptions.GetDefaultFilename`).
    fn default_file(&self) -> usize {
        let exists = |file: &PathBuf| file.exists();
        let first = self.files.iter().position(exists);
        first.unwrap_or(self.files.len().saturating_sub(1))
    }

    /// Puts the entries in, under the locks of all files; an entry that is there already is changed
    /// where it is.
    ///
    /// # Errors
    ///
    /// Conflict, when an entry of the same name is something else and `force` is not set, or when a
    /// lock is not released; usage, when a file is broken. Nothing is written then.
    pub async fn merge(
        &self,
        entries: &Entries,
        force: bool,
        patience: Duration,
    ) -> Result<Outcome> {
        make_home(&self.files[self.default_file()])?;
        let _locks = Locks::take(&self.files, patience).await?;
        // From here on nothing waits: a run that holds a lock does not stop half-way.
        let read = self.read()?;
        let default = self.default_file();
        let mut puts: Vec<Vec<Put<'_>>> = vec![Vec::new(); self.files.len()];
        let mut outcome = Outcome::default();
        for list in List::ALL {
            let (name, body) = entries.of(list);
            let found = read.iter().enumerate().find_map(|(at, read)| {
                let entry = merge::find(&read.as_ref()?.tree, list, name)?;
                Some((at, merge::standing(list, entry, entries)))
            });
            let at = found.as_ref().map_or(default, |(at, _)| *at);
            if list == List::Users {
                outcome.user_file.clone_from(&self.files[at]);
            }
            let whole = match found {
                Some((_, Standing::Same)) => continue,
                Some((_, Standing::Foreign(why))) if !force => {
                    return Err(conflicting(&self.files[at], list, name, &why));
                }
                Some((_, Standing::Foreign(_))) => true,
                Some((_, Standing::Older)) | None => false,
            };
            puts[at].push(Put {
                list,
                name,
                body,
                whole,
            });
        }
        let mut written = Vec::new();
        for ((file, puts), read) in self.files.iter().zip(&puts).zip(&read) {
            if puts.is_empty() {
                continue;
            }
            let before = read.as_ref().map_or("", |read| read.text.as_str());
            let merged = merge::put(before, puts).map_err(|place| broken(file, &place))?;
            if merged.comments_lost {
                outcome.comments_lost.push(file.clone());
            }
            written.push((file, merged.text));
        }
        for (file, text) in written {
            replace(file, &text)?;
            outcome.changed = true;
        }
        Ok(outcome)
    }

    fn read(&self) -> Result<Vec<Option<Read>>> {
        let read = |file: &PathBuf| match std::fs::read_to_string(file) {
            Ok(text) => {
                let text = Zeroizing::new(text);
                let tree = merge::parse(&text).map_err(|place| broken(file, &place))?;
                Ok(Some(Read { text, tree }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                Err(Error::failed(format!("cannot read {}", file.display())).with_source(error))
            }
        };
        self.files.iter().map(read).collect()
    }
}

fn conflicting(file: &Path, list: List, name: &str, why: &str) -> Error {
    let error = Error::conflict(format!(
        "{} already has a different {} {name:?}: {why}",
        file.display(),
        list.entry()
    ));
    error
        .with_hint("to keep both, give this one another name: --cluster-name NAME")
        .with_hint("to replace it, pass --force")
}

fn broken(file: &Path, place: &str) -> Error {
    let file = file.display();
    Error::usage(format!("kubeconfig {file}{place} is not valid")).with_hint(format!(
        "kubectl config view --kubeconfig={}",
        shell_word(&file.to_string())
    ))
}

/// Creates the directory of a file that does not exist yet.
fn make_home(file: &Path) -> Result<()> {
    let directory = parent(file);
    if directory.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(directory).map_err(|error| {
        Error::failed(format!("cannot create directory {}", directory.display())).with_source(error)
    })
}

/// Replaces a file in one step, with its mode; through links, which stay.
fn replace(file: &Path, text: &str) -> Result<()> {
    let target = resolved(file);
    let failed = |error: io::Error| {
        Error::failed(format!("cannot write {}", file.display())).with_source(error)
    };
    let directory = parent(&target);
    // Created with O_EXCL and mode 0600, which is what a new file keeps.
    let mut temporary = tempfile::Builder::new()
        .prefix(".onboard-")
        .tempfile_in(directory)
        .map_err(failed)?;
    if let Ok(found) = std::fs::metadata(&target) {
        let permissions = found.permissions();
        temporary
            .as_file()
            .set_permissions(permissions)
            .map_err(failed)?;
    }
    temporary.write_all(text.as_bytes()).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    temporary
        .persist(&target)
        .map_err(|error| failed(error.error))?;
    if let Ok(directory) = std::fs::File::open(directory) {
        let _ = directory.sync_all();
    }
    Ok(())
}

/// Follows links, also to a file that does not exist yet.
fn resolved(file: &Path) -> PathBuf {
    const LINKS: usize = 40;
    let mut path = file.to_owned();
    for _ in 0..LINKS {
        match std::fs::read_link(&path) {
            Ok(target) => path = parent(&path).join(target),
            Err(_) => break,
        }
    }
    path
}

#[cfg(test)]
mod tests;
