//! What is at the output path before a run.

use std::fs::File;
use std::io;
use std::io::Read as _;
use std::path::Path;

use groundcrew::error::{Error, Result};
use kube::config::Kubeconfig;
use zeroize::Zeroizing;

use crate::local::kubeconfig::file::parent;
use crate::model::credential::{Issued, TokenClaims, unbase64};
use crate::model::credential_kind::CredentialKind;
use crate::model::kubeconfig::{Existing, Held, context_name};
use crate::model::user::UserName;

/// Larger than any kubeconfig with embedded certificates; stops at devices and logs.
const MAX_SIZE: u64 = 1024 * 1024;

/// Looks at the output path without following it into anything but a regular file.
///
/// # Errors
///
/// Usage, when the directory does not exist or is not writable, so that it is known before
/// anything is written to the cluster.
pub fn look(path: &Path, user: &UserName, cluster: &str) -> Result<Existing> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if path.is_symlink() {
                let message = format!("{} is a link to a file that does not exist", path.display());
                return Err(Error::usage(message).with_hint("choose a file with --out"));
            }
            check_directory(path)?;
            return Ok(Existing::Absent);
        }
        Err(error) => {
            return Err(
                Error::usage(format!("cannot inspect {}", path.display())).with_source(error)
            );
        }
    };
    if !metadata.is_file() {
        return Err(
            Error::usage(format!("{} is not a regular file", path.display()))
                .with_hint("choose a file with --out"),
        );
    }
    check_directory(path)?;
    let mut text = Zeroizing::new(String::new());
    let read = File::open(path).and_then(|file| file.take(MAX_SIZE).read_to_string(&mut text));
    Ok(match read {
        Ok(_) => identify(&text, user, cluster),
        Err(error) => Existing::Foreign(format!("it cannot be read ({error})")),
    })
}

fn identify(text: &str, user: &UserName, cluster: &str) -> Existing {
    let foreign = |why: &str| Existing::Foreign(why.to_owned());
    let Ok(config) = Kubeconfig::from_yaml(text) else {
        return foreign("it is not a kubeconfig");
    };
    let name = context_name(user, cluster);
    if config.current_context.as_deref() != Some(name.as_str()) {
        return Existing::Foreign(format!("its current context is not {name:?}"));
    }
    let entry = config.auth_infos.iter().find(|entry| entry.name == name);
    let Some(who) = entry.and_then(|entry| entry.auth_info.as_ref()) else {
        return Existing::Foreign(format!("it has no user {name:?}"));
    };
    if who.exec.is_some() {
        return Existing::Login;
    }
    let held = match (&who.client_certificate_data, &who.token) {
        (Some(data), _) => from_certificate(data, user),
        (None, Some(token)) => {
            use secrecy::ExposeSecret as _;
            from_token(token.expose_secret())
        }
        (None, None) => None,
    };
    held.map_or_else(
        || foreign("its credential was not issued by kubectl onboard"),
        Existing::Theirs,
    )
}

fn from_certificate(data: &str, user: &UserName) -> Option<Held> {
    let pem = unbase64(data)?;
    let issued = Issued::from_pem(&pem).ok()?;
    let prefix = format!("onboard:{user}:g");
    let generation = issued
        .groups
        .iter()
        .find_map(|group| group.strip_prefix(&prefix)?.parse().ok())?;
    (issued.user == user.as_str()).then_some(Held {
        kind: CredentialKind::Certificate,
        generation,
        groups: issued.groups,
        not_after: issued.not_after,
        sha256: Some(issued.sha256),
    })
}

fn from_token(token: &str) -> Option<Held> {
    let claims = TokenClaims::read(token)?;
    let secret = claims.secret?;
    let (_, generation) = secret.rsplit_once("-g")?;
    Some(Held {
        kind: CredentialKind::Token,
        generation: generation.parse().ok()?,
        groups: Vec::new(),
        not_after: claims.not_after,
        sha256: None,
    })
}

/// Fails early where the file could not be written later.
///
/// # Errors
///
/// Usage, with what the file system says.
pub fn check_directory(path: &Path) -> Result<()> {
    let directory = parent(path);
    let probe = tempfile::Builder::new()
        .prefix(".onboard-")
        .tempfile_in(directory);
    probe.map(drop).map_err(|error| {
        Error::usage(format!("cannot write into {}", directory.display()))
            .with_source(error)
            .with_hint("choose another place with --out")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kubeconfig::{Document, Endpoint, Secret};

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

    #[test]
    fn a_foreign_file_is_recognized() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        assert_eq!(look(&path, &alice(), "prod").unwrap(), Existing::Absent);
        std::fs::write(&path, "my notes").unwrap();
        assert!(matches!(
            look(&path, &alice(), "prod").unwrap(),
            Existing::Foreign(_)
        ));
        std::fs::write(&path, document().as_str()).unwrap();
        // The token is not one of ours: it carries no claims.
        assert!(matches!(
            look(&path, &alice(), "prod").unwrap(),
            Existing::Foreign(_)
        ));
        assert!(look(directory.path(), &alice(), "prod").is_err());
    }

    #[test]
    fn a_missing_directory_is_named_before_anything_is_written() {
        let error = look(Path::new("/nowhere/at/all/f"), &alice(), "prod").unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }
}
