//! Files that are never overwritten.

use std::io;
use std::io::Write as _;
use std::path::Path;

use groundcrew::error::{Error, Result};

use crate::local::kubeconfig::file;

pub fn make_directory(directory: &Path) -> Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(directory).map_err(|error| {
        Error::usage(format!("cannot create directory {}", directory.display()))
            .with_source(error)
            .with_hint("choose another one with --out-dir")
    })
}

/// Writes a file that must not exist yet, whole or not at all.
///
/// # Errors
///
/// Usage, when it exists; what the file system says.
pub fn write_new(path: &Path, text: &str, private: bool) -> Result<()> {
    let failed = |error: io::Error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            exists(path)
        } else {
            Error::failed(format!("cannot write {}", path.display())).with_source(error)
        }
    };
    let directory = file::parent(path);
    // Created with O_EXCL and mode 0600 before its first byte is written.
    let mut file = tempfile::Builder::new()
        .prefix(".onboard-")
        .tempfile_in(directory)
        .map_err(failed)?;
    #[cfg(unix)]
    if !private {
        use std::os::unix::fs::PermissionsExt as _;
        let public = std::fs::Permissions::from_mode(0o644);
        file.as_file().set_permissions(public).map_err(failed)?;
    }
    #[cfg(not(unix))]
    let _ = private;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist_noclobber(path)
        .map(drop)
        .map_err(|error| failed(error.error))
}

pub fn exists(path: &Path) -> Error {
    Error::usage(format!("{} already exists", path.display()))
        .with_hint("if you have no certificate for it yet, send the request again")
        .with_hint("otherwise choose another directory with --out-dir, or another --generation")
}
