//! Reads a handover file from the disk.

use std::fs::File;
use std::io;
use std::io::Read as _;
use std::path::Path;

use groundcrew::error::{Error, Result};
use zeroize::Zeroizing;

use crate::local::kubeconfig::existing::check_directory;
use crate::model::credential::Issued;
use crate::model::credential_kind::CredentialKind;
use crate::model::handover::{Handover, MAX_SIZE};
use crate::model::kubeconfig::{Existing, Held};
use crate::model::user::UserName;

/// Reads a text file of bounded size.
///
/// # Errors
///
/// What the file system says.
pub fn read_text(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    File::open(path)?.take(MAX_SIZE).read_to_string(&mut text)?;
    Ok(text)
}

/// Looks at the path where the certificate goes; `key` is the fingerprint of the user's key.
///
/// # Errors
///
/// Usage, when nothing can be written there, so that it is known before anything is written to the
/// cluster.
pub fn look(path: &Path, user: &UserName, key: &str) -> Result<Existing> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            check_directory(path)?;
            return Ok(Existing::Absent);
        }
        Err(error) => {
            return Err(
                Error::usage(format!("cannot inspect {}", path.display())).with_source(error)
            );
        }
        Ok(found) if !found.is_file() => {
            return Err(
                Error::usage(format!("{} is not a regular file", path.display()))
                    .with_hint("choose a file with --out"),
            );
        }
        Ok(_) => check_directory(path)?,
    }
    let Ok(text) = read_text(path) else {
        return Ok(Existing::Foreign("it cannot be read".to_owned()));
    };
    Ok(identify(&text, user, key).unwrap_or_else(Existing::Foreign))
}

fn identify(text: &str, user: &UserName, key: &str) -> Result<Existing, String> {
    let (head, chain) = Handover::parse(text)?;
    let issued = Issued::from_pem(chain.as_bytes())
        .map_err(|_| "its certificate cannot be read".to_owned())?;
    if head.user != user.as_str() || issued.user != user.as_str() {
        return Err(format!("it belongs to {}", issued.user));
    }
    if issued.key_fingerprint != key {
        return Err("it is for a different key than the request".to_owned());
    }
    let generations = issued.groups.iter();
    let generation = generations
        .filter_map(|group| user.generation_of(group))
        .next_back()
        .ok_or("its certificate was not issued by kubectl onboard")?;
    Ok(Existing::Theirs(Held {
        kind: CredentialKind::Certificate,
        generation,
        groups: issued.groups,
        not_after: issued.not_after,
        sha256: Some(issued.sha256),
    }))
}
