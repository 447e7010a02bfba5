//! Whether key, certificate and file belong together.

use std::path::{Path, PathBuf};

use groundcrew::client::clock::Clock;
use groundcrew::error::{Error, Result};
use groundcrew::finding::reason;
use jiff::Timestamp;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::local::handover::read_text;
use crate::local::kubeconfig::merge::Entries;
use crate::model::credential::Issued;
use crate::model::handover::Handover;
use crate::model::kubeconfig::{
    Document, Endpoint, Secret, cluster_entry, context_name, user_entry,
};
use crate::model::user::{UserName, hex};
use crate::model::way;

/// A certificate and the key that it is for.
pub struct Joined {
    /// The user name.
    pub user: UserName,
    /// What else the file says.
    pub head: Handover,
    /// What the certificate says.
    pub issued: Issued,
    /// Where the key is.
    pub key_path: PathBuf,
    endpoint: Endpoint,
    secret: Secret,
}

impl Joined {
    /// Reads and checks everything that can be checked without the cluster.
    ///
    /// # Errors
    ///
    /// Usage, with what does not fit.
    pub fn read(file: &Path, key: Option<&Path>) -> Result<Self> {
        let text = read_text(file).map_err(|error| {
            Error::usage(format!("cannot read {}", file.display())).with_source(error)
        })?;
        let refuse = |why: String| {
            refused(file, &why).with_hint(
                "the admin creates such a file with:  kubectl onboard USER --csr-file USER.csr",
            )
        };
        let (head, chain) = Handover::parse(&text).map_err(refuse)?;
        let issued = Issued::from_pem(chain.as_bytes()).map_err(|error| refuse(reason(&error)))?;
        let user = UserName::parse(&head.user)?;
        check(&head, &user, &issued).map_err(refuse)?;
        let key_path = key_of(file, key)?;
        let key = read_text(&key_path).map_err(|error| {
            Error::usage(format!("cannot read {}", key_path.display())).with_source(error)
        })?;
        let found = fingerprint(&key)
            .map_err(|why| Error::usage(format!("{} cannot be used: {why}", key_path.display())))?;
        if found != issued.key_fingerprint {
            return Err(Error::usage(format!(
                "{} is not the key of {}: the certificate is for a different key",
                key_path.display(),
                file.display()
            ))
            .with_detail(format!("this key     SHA256:{found}"))
            .with_detail(format!("certificate  SHA256:{}", issued.key_fingerprint))
            .with_hint("name the key that the request was created with: --key FILE"));
        }
        Ok(Self {
            endpoint: way::checked(&head.endpoint()).map_err(refuse)?,
            secret: Secret::Certificate {
                certificate: chain.as_bytes().to_vec(),
                key,
            },
            user,
            head,
            issued,
            key_path,
        })
    }

    /// Checks that the certificate is valid by the server's clock, or by this machine's where the
    /// server cannot be asked.
    ///
    /// # Errors
    ///
    /// Usage, when it is not.
    pub fn check_time(&self, file: &Path, clock: Option<&Clock>) -> Result<()> {
        match clock {
            Some(clock) => check_time(&self.issued, clock.now(), "the server's")
                .map_err(|why| refused(file, &why).with_hint("ask the admin for the next one")),
            None => check_time(&self.issued, Timestamp::now(), "this machine's").map_err(|why| {
                refused(file, &why)
                    .with_detail("the server could not be asked what time it is")
                    .with_hint(
                        "compare this machine's clock before asking for another one:  date -u",
                    )
            }),
        }
    }

    /// Returns a kubeconfig with nothing else in it.
    ///
    /// # Errors
    ///
    /// Only when a value cannot be written as YAML.
    pub fn document(&self) -> Result<Document> {
        let head = &self.head;
        Document::new(
            &self.user,
            &head.cluster,
            &head.namespace,
            &self.endpoint,
            &self.secret,
        )
    }

    /// Returns the name of the context.
    #[must_use]
    pub fn context(&self) -> String {
        context_name(&self.user, &self.head.cluster)
    }

    /// Returns the way to the cluster.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns the entries for a kubeconfig that has other entries.
    #[must_use]
    pub fn entries(&self) -> Entries {
        let name = self.context();
        Entries {
            cluster_name: self.head.cluster.clone(),
            cluster: cluster_entry(&self.endpoint),
            user: user_entry(&self.secret),
            context: json!({
                "cluster": self.head.cluster,
                "user": name,
                "namespace": self.head.namespace,
            }),
            name,
            person: self.user.clone(),
        }
    }
}

fn refused(file: &Path, why: &str) -> Error {
    Error::usage(format!("{} is not accepted: {why}", file.display()))
}

/// Says whether the certificate is what the file says.
fn check(head: &Handover, user: &UserName, issued: &Issued) -> Result<(), String> {
    let group = user.generation_group(head.generation);
    if issued.user != head.user {
        return Err(format!(
            "it is for {:?}, and its certificate names {:?}",
            head.user, issued.user
        ));
    }
    if issued.groups != [group.clone()] {
        return Err(format!(
            "its certificate carries [{}] instead of [{group}]",
            issued.groups.join(", ")
        ));
    }
    Ok(())
}

/// Says whether the certificate is valid now, by the clock of `whose`.
fn check_time(issued: &Issued, now: Timestamp, whose: &str) -> Result<(), String> {
    if issued.not_after <= now {
        return Err(format!("its certificate expired on {}", issued.not_after));
    }
    if issued.not_before > now {
        return Err(format!(
            "its certificate is valid from {}, and {whose} clock says {now}",
            issued.not_before
        ));
    }
    Ok(())
}

/// Finds the key: as given, next to the certificate, or in this directory.
fn key_of(file: &Path, given: Option<&Path>) -> Result<PathBuf> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let beside = file.with_extension("key");
    let here = beside.file_name().map(PathBuf::from);
    let places: Vec<PathBuf> = [Some(beside), here].into_iter().flatten().collect();
    if let Some(found) = places.iter().find(|path| path.is_file()) {
        return Ok(found.clone());
    }
    let mut shown: Vec<String> = places
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    shown.dedup();
    Err(Error::usage(format!(
        "your key was not found: no {}",
        shown.join(", no ")
    ))
    .with_hint("name it with --key; kubectl onboard request wrote it"))
}

/// Returns the SHA-256 of the public half of a private key.
fn fingerprint(pem: &str) -> Result<String, String> {
    if pem.contains("ENCRYPTED") {
        return Err("it is protected by a passphrase, which kubectl cannot use".to_owned());
    }
    // The parser's own words may quote the key.
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| "it contains no private key in PEM format".to_owned())?;
    let key = rustls::crypto::ring::sign::any_supported_type(&key)
        .map_err(|_| "kubectl onboard does not support this type of key".to_owned())?;
    let public = key
        .public_key()
        .ok_or("its public half cannot be derived")?;
    Ok(hex(&Sha256::digest(public.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::credential::KeyAndRequest;

    fn parts() -> (Handover, UserName, Issued, Timestamp) {
        let user = UserName::parse("alice").unwrap();
        let endpoint = Endpoint {
            server: "https://api:6443".to_owned(),
            certificate_authority: None,
            tls_server_name: None,
            proxy_url: None,
        };
        let head = Handover::new(&user, 2, "alice", "prod", &endpoint);
        let now: Timestamp = "2026-11-21T09:00:00Z".parse().unwrap();
        let issued = Issued {
            user: "alice".to_owned(),
            groups: vec!["onboard:alice:g2".to_owned()],
            not_before: "2026-11-21T08:55:00Z".parse().unwrap(),
            not_after: "2026-12-21T09:00:00Z".parse().unwrap(),
            sha256: "ab".to_owned(),
            key_fingerprint: "k".to_owned(),
        };
        (head, user, issued, now)
    }

    #[test]
    fn a_certificate_has_to_be_what_its_file_says() {
        let (head, user, issued, _) = parts();
        assert_eq!(check(&head, &user, &issued), Ok(()));
        let bob = Issued {
            user: "bob".to_owned(),
            ..issued.clone()
        };
        assert!(check(&head, &user, &bob).unwrap_err().contains("bob"));
        for groups in [
            vec!["onboard:alice:g1".to_owned()],
            vec!["onboard:alice:g2".to_owned(), "system:masters".to_owned()],
            vec![],
        ] {
            let other = Issued {
                groups,
                ..issued.clone()
            };
            assert!(check(&head, &user, &other).unwrap_err().contains("carries"));
        }
    }

    #[test]
    fn a_certificate_has_to_be_valid_now() {
        let (_, _, issued, now) = parts();
        assert_eq!(check_time(&issued, now, "the server's"), Ok(()));
        let after = issued.not_after;
        assert!(
            check_time(&issued, after, "this machine's")
                .unwrap_err()
                .contains("expired")
        );
        let before: Timestamp = "2026-11-21T08:54:59Z".parse().unwrap();
        assert!(
            check_time(&issued, before, "this machine's")
                .unwrap_err()
                .contains("clock")
        );
    }

    #[test]
    fn the_key_that_a_request_was_made_with_is_recognized() {
        let one = KeyAndRequest::new("alice", &[]).unwrap();
        let two = KeyAndRequest::new("alice", &[]).unwrap();
        assert_eq!(fingerprint(one.key_pem()).unwrap(), one.fingerprint());
        assert_ne!(fingerprint(two.key_pem()).unwrap(), one.fingerprint());
    }

    #[test]
    fn what_is_not_a_key_is_named_and_not_quoted() {
        let secret = "c2VjcmV0";
        for text in [
            secret.to_owned(),
            format!(
                "-----BEGIN {}KEY-----\n{secret}\n-----END PRIVATE KEY-----\n",
                "PRIVATE "
            ),
        ] {
            let why = fingerprint(&text).unwrap_err();
            assert!(!why.contains(secret), "{why}");
        }
        let locked = format!("-----BEGIN ENCRYPTED {}KEY-----\n", "PRIVATE ");
        assert!(fingerprint(&locked).unwrap_err().contains("passphrase"));
    }
}
