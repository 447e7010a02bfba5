//! Where everything lies: built binaries, and one directory per running sandbox.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};

/// The name a sandbox has when none is given.
pub const DEFAULT_NAME: &str = "default";

/// Returns the root of the workspace this program was compiled in.
#[must_use]
pub fn workspace_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest
        .ancestors()
        .nth(2)
        .unwrap_or(manifest)
        .to_path_buf()
}

/// Returns the directory that holds the `go.mod` of one group of binaries.
#[must_use]
pub fn go_module(module: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("go")
        .join(module)
}

/// Returns cargo's target directory: `CARGO_TARGET_DIR`, else `target` of the workspace.
#[must_use]
pub fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) if !dir.is_empty() => std::path::absolute(&dir).unwrap_or_else(|_| dir.into()),
        _ => workspace_root().join("target"),
    }
}

/// Returns the directory of everything the sandbox keeps.
#[must_use]
pub fn root() -> PathBuf {
    target_dir().join("sandbox")
}

/// Returns the directory that holds one directory of built binaries per group and digest.
#[must_use]
pub fn binaries() -> PathBuf {
    root().join("bin")
}

/// The directory of one sandbox, and the paths inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    name: String,
    path: PathBuf,
}

impl RunDir {
    /// Returns the place of the sandbox `name`, which need not exist yet.
    ///
    /// # Errors
    ///
    /// When the name is not 1 to 30 of `a-z`, `0-9` and `-`: it becomes part of paths, of a
    /// kubeconfig context and of node names.
    pub fn of(name: &str) -> Result<Self> {
        let fits = !name.is_empty()
            && name.len() <= 30
            && !name.starts_with('-')
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !fits {
            return Err(
                Error::usage(format!("{name:?} cannot be the name of a sandbox"))
                    .hint("1 to 30 of a-z, 0-9 and -, not beginning with -"),
            );
        }
        Ok(Self {
            name: name.to_owned(),
            path: root().join("run").join(name),
        })
    }

    /// Lists every sandbox that left a directory, running or not, by name.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut found: Vec<Self> = fs::read_dir(root().join("run"))
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| Self::of(entry.file_name().to_str()?).ok())
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// Returns the sandbox's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the file that says what runs; it exists only when `up` came to its end.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.path.join("state.json")
    }

    /// Returns the directory with one record per started process.
    #[must_use]
    pub fn parts(&self) -> PathBuf {
        self.path.join("parts")
    }

    /// Returns the directory of certificates and keys.
    #[must_use]
    pub fn pki(&self) -> PathBuf {
        self.path.join("pki")
    }

    /// Returns the directory of log files.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// Returns the log file of one part.
    #[must_use]
    pub fn log(&self, part: &str) -> PathBuf {
        self.logs().join(format!("{part}.log"))
    }

    /// Returns the admin's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.path.join("kubeconfig")
    }

    /// Returns where kubectl remembers what the server offers.
    #[must_use]
    pub fn kube_cache(&self) -> PathBuf {
        self.path.join("kube-cache")
    }

    /// Returns the API server's audit log, one JSON document per line.
    #[must_use]
    pub fn audit_log(&self) -> PathBuf {
        self.path.join("audit.log")
    }

    /// Returns the lock file; it lies beside the directory so that it outlives it.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        root().join("run").join(format!(".{}.lock", self.name))
    }

    /// Makes the directory and its fixed subdirectories, readable by their owner alone.
    ///
    /// # Errors
    ///
    /// When a directory cannot be made.
    pub fn create(&self) -> Result<()> {
        for dir in [self.path.clone(), self.parts(), self.pki(), self.logs()] {
            fs::create_dir_all(&dir).context(|| format!("cannot make {}", dir.display()))?;
        }
        restrict(&self.path)
    }

    /// Removes the directory with everything in it.
    ///
    /// # Errors
    ///
    /// When something in it cannot be removed.
    pub fn remove(&self) -> Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::new(format!("cannot remove {}", self.path.display())).cause(error))
            }
            _ => Ok(()),
        }
    }
}

/// Makes a directory accessible to its owner alone: keys lie below it.
fn restrict(dir: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
        .context(|| format!("cannot protect {}", dir.display()))
}

/// Writes a file so that no reader ever sees a part of it; mode 0600.
///
/// # Errors
///
/// When the directory is missing or the disk is full.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
    use std::io::Write as _;
    let what = || format!("cannot write {}", path.display());
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir).context(what)?;
    file.write_all(content).context(what)?;
    file.persist(path)
        .map_err(|error| error.error)
        .context(what)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_leave_the_run_directory_is_refused() {
        for name in ["", "../x", "a/b", "A", "-x", "a.b", "x".repeat(31).as_str()] {
            assert_eq!(RunDir::of(name).unwrap_err().code(), 2, "{name:?}");
        }
        assert_eq!(
            RunDir::of("test-no-signer").unwrap().name(),
            "test-no-signer"
        );
    }

    #[test]
    fn the_lock_lies_outside_the_directory_that_is_removed() {
        let run = RunDir::of("a").unwrap();
        assert!(!run.lock().starts_with(run.path()));
    }

    #[test]
    fn the_workspace_root_holds_the_workspace_manifest() {
        let manifest = fs::read_to_string(workspace_root().join("Cargo.toml")).unwrap();
        assert!(manifest.starts_with("[workspace]"));
    }
}
