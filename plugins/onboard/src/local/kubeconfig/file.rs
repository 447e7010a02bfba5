//! Writes a kubeconfig, and puts back what was there before.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use groundcrew::error::{Error, Result};
use zeroize::Zeroizing;

use crate::model::kubeconfig::Document;

/// Reads a document that is there.
///
/// # Errors
///
/// When it cannot be read.
pub fn read(path: &Path) -> Result<Document> {
    match std::fs::read_to_string(path) {
        Ok(yaml) => Ok(Document::from_text(Zeroizing::new(yaml))),
        Err(error) => {
            Err(Error::failed(format!("cannot read {}", path.display())).with_source(error))
        }
    }
}

/// Writes a document so that it is readable by its owner alone from its first byte, and
/// either whole or not there at all.
///
/// # Errors
///
/// When the file exists and `replace` is not set, or the directory cannot be written.
pub fn write(document: &Document, path: &Path, replace: bool) -> Result<()> {
    let directory = parent(path);
    let failed = |error: io::Error| {
        Error::failed(format!("cannot write {}", path.display())).with_source(error)
    };
    // A temporary file is created with O_EXCL and mode 0600.
    let mut file = tempfile::Builder::new()
        .prefix(".onboard-")
        .tempfile_in(directory)
        .map_err(failed)?;
    file.write_all(document.as_str().as_bytes())
        .map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    let kept = if replace {
        file.persist(path)
    } else {
        file.persist_noclobber(path)
    };
    kept.map_err(|error| failed(error.error))?;
    // The name itself has to survive a crash too; not every file system can sync a directory.
    if let Ok(directory) = File::open(directory) {
        let _ = directory.sync_all();
    }
    Ok(())
}

/// Returns what a file held before this run replaces it; `None` when there is none to replace.
///
/// # Errors
///
/// When there is one and it cannot be read: it could not be put back either.
pub fn read_back(path: &Path, replace: bool) -> Result<Option<Document>> {
    if !replace {
        return Ok(None);
    }
    match std::fs::exists(path) {
        Ok(false) => Ok(None),
        _ => read(path).map(Some),
    }
}

/// Puts the path back as it was before this run: the old document, or nothing.
///
/// # Errors
///
/// What the file system says.
pub fn restore(path: &Path, before: Option<&Document>) -> Result<()> {
    match before {
        Some(document) => write(document, path, true),
        None => std::fs::remove_file(path).map_err(|error| {
            Error::failed(format!("cannot remove {}", path.display())).with_source(error)
        }),
    }
}

/// Returns the directory that a path is in.
#[must_use]
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kubeconfig::{Endpoint, Secret};
    use crate::model::user::UserName;

    fn alice() -> UserName {
        UserName::parse("alice").unwrap()
    }

    fn document() -> Document {
        let endpoint = Endpoint {
            server: "https://10.1.2.3:6443".to_owned(),
            certificate_authority: Some(b"CA".to_vec()),
            tls_server_name: None,
            proxy_url: None,
        };
        let secret = Secret::Token(Zeroizing::new("secret-token".to_owned()));
        Document::new(&alice(), "prod", "alice", &endpoint, &secret).unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_alone_and_is_not_overwritten() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("alice.kubeconfig");
        write(&document(), &path, false).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(write(&document(), &path, false).is_err());
        write(&document(), &path, true).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_appears_in_between_is_not_lost() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        File::create_new(&path).unwrap();
        assert!(write(&document(), &path, false).is_err());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    }
}
