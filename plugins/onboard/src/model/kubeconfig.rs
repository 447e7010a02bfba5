//! Her kubeconfig: what is in it, and how it gets onto the disk.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use groundcrew::error::{Error, Result};
use serde_json::json;
use zeroize::Zeroizing;

use crate::credential::base64;
use crate::identity::UserName;
use crate::login::Login;

mod existing;
mod lock;
pub mod merge;
pub mod own;

pub use existing::{Existing, Held, check_directory, look};

/// Where the API server is, as she will reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// URL with scheme.
    pub server: String,
    /// CA bundle, PEM; `None` trusts the system's.
    pub certificate_authority: Option<Vec<u8>>,
    /// Name to expect in the server's certificate, if it is not the host.
    pub tls_server_name: Option<String>,
    /// Proxy, if the admin's own cluster entry names one.
    pub proxy_url: Option<String>,
}

/// What proves who she is.
pub enum Secret {
    /// Certificate chain and private key, PEM.
    Certificate {
        /// The chain as the signer returned it.
        certificate: Vec<u8>,
        /// The key; wiped when dropped.
        key: Zeroizing<String>,
    },
    /// A bearer token.
    Token(Zeroizing<String>),
    /// No secret at all: how she logs in.
    Login(Login),
}

/// A complete kubeconfig document, wiped from memory when dropped.
pub struct Document {
    yaml: Zeroizing<String>,
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document").finish_non_exhaustive()
    }
}

impl Document {
    /// Puts a standalone document together: everything embedded, nothing of the admin's.
    ///
    /// # Errors
    ///
    /// Only when a value has no YAML form.
    pub fn new(
        user: &UserName,
        cluster: &str,
        namespace: &str,
        endpoint: &Endpoint,
        secret: &Secret,
    ) -> Result<Self> {
        let place = cluster_entry(endpoint);
        let who = user_entry(secret);
        let name = context_name(user, cluster);
        let document = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": cluster, "cluster": place}],
            "users": [{"name": name, "user": who}],
            "contexts": [{
                "name": name,
                "context": {"cluster": cluster, "user": name, "namespace": namespace},
            }],
            "current-context": name,
        });
        Ok(Self {
            yaml: Zeroizing::new(groundcrew::output::yaml(&document)?),
        })
    }

    /// Takes a text as it is.
    #[must_use]
    pub fn from_text(text: Zeroizing<String>) -> Self {
        Self { yaml: text }
    }

    /// Reads a document that is there.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(yaml) => Ok(Self {
                yaml: Zeroizing::new(yaml),
            }),
            Err(error) => {
                Err(Error::failed(format!("cannot read {}", path.display())).with_source(error))
            }
        }
    }

    /// Returns the same credential with another way to the same cluster.
    ///
    /// # Errors
    ///
    /// When the document is not a kubeconfig.
    pub fn through(&self, way: &groundcrew::client::Endpoint) -> Result<Self> {
        let mut document: serde_json::Value = serde_saphyr::from_str(&self.yaml)
            .map_err(|error| Error::failed("not a kubeconfig").with_source(error))?;
        document["clusters"][0]["cluster"] = cluster_entry(&Endpoint {
            server: way.server.clone(),
            certificate_authority: way.certificate_authority.clone(),
            tls_server_name: way.tls_server_name.clone(),
            proxy_url: way.proxy_url.clone(),
        });
        Ok(Self {
            yaml: Zeroizing::new(groundcrew::output::yaml(&document)?),
        })
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.yaml
    }

    /// Writes the document so that it is readable by its owner alone from its first byte, and
    /// either whole or not there at all.
    ///
    /// # Errors
    ///
    /// When the file exists and `replace` is not set, or the directory cannot be written.
    pub fn write(&self, path: &Path, replace: bool) -> Result<()> {
        let directory = parent(path);
        let failed = |error: io::Error| {
            Error::failed(format!("cannot write {}", path.display())).with_source(error)
        };
        // A temporary file is created with O_EXCL and mode 0600.
        let mut file = tempfile::Builder::new()
            .prefix(".onboard-")
            .tempfile_in(directory)
            .map_err(failed)?;
        file.write_all(self.yaml.as_bytes()).map_err(failed)?;
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
}

/// Returns the user's entry.
#[must_use]
pub fn user_entry(secret: &Secret) -> serde_json::Value {
    match secret {
        Secret::Certificate { certificate, key } => json!({
            "client-certificate-data": base64(certificate),
            "client-key-data": base64(key.as_bytes()),
        }),
        Secret::Token(token) => json!({ "token": token.as_str() }),
        Secret::Login(login) => login.entry(),
    }
}

/// Returns the cluster's entry.
#[must_use]
pub fn cluster_entry(endpoint: &Endpoint) -> serde_json::Value {
    let mut entry = json!({ "server": endpoint.server });
    if let Some(ca) = &endpoint.certificate_authority {
        entry["certificate-authority-data"] = base64(ca).into();
    }
    if let Some(name) = &endpoint.tls_server_name {
        entry["tls-server-name"] = name.as_str().into();
    }
    if let Some(url) = &endpoint.proxy_url {
        entry["proxy-url"] = url.as_str().into();
    }
    entry
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
        _ => Document::read(path).map(Some),
    }
}

/// Puts the path back as it was before this run: the old document, or nothing.
///
/// # Errors
///
/// What the file system says.
pub fn restore(path: &Path, before: Option<&Document>) -> Result<()> {
    match before {
        Some(document) => document.write(path, true),
        None => std::fs::remove_file(path).map_err(|error| {
            Error::failed(format!("cannot remove {}", path.display())).with_source(error)
        }),
    }
}

/// Returns `alice@cluster`: unique also after merging files of several clusters.
#[must_use]
pub fn context_name(user: &UserName, cluster: &str) -> String {
    format!("{user}@{cluster}")
}

/// Returns whether only this machine can reach the server.
#[must_use]
pub fn is_loopback(server: &str) -> bool {
    let Ok(uri) = server.parse::<http::Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Returns the directory that a path is in.
#[must_use]
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Returns the default path: `./<slug>.kubeconfig`.
#[must_use]
pub fn default_path(user: &UserName) -> PathBuf {
    PathBuf::from(format!("{}.kubeconfig", user.slug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> UserName {
        UserName::parse("alice").unwrap()
    }

    fn endpoint() -> Endpoint {
        Endpoint {
            server: "https://10.1.2.3:6443".to_owned(),
            certificate_authority: Some(b"CA".to_vec()),
            tls_server_name: None,
            proxy_url: None,
        }
    }

    fn document() -> Document {
        let secret = Secret::Token(Zeroizing::new("secret-token".to_owned()));
        Document::new(&alice(), "prod", "alice", &endpoint(), &secret).unwrap()
    }

    #[test]
    fn the_document_is_standalone_and_has_its_namespace_set() {
        insta::assert_snapshot!(document().as_str());
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_alone_and_is_not_overwritten() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("alice.kubeconfig");
        document().write(&path, false).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(document().write(&path, false).is_err());
        document().write(&path, true).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_foreign_file_is_told_from_hers() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        assert_eq!(look(&path, &alice(), "prod").unwrap(), Existing::Absent);
        std::fs::write(&path, "my notes").unwrap();
        assert!(matches!(
            look(&path, &alice(), "prod").unwrap(),
            Existing::Foreign(_)
        ));
        std::fs::write(&path, document().as_str()).unwrap();
        // The token is not one of ours: it says nothing about itself.
        assert!(matches!(
            look(&path, &alice(), "prod").unwrap(),
            Existing::Foreign(_)
        ));
        assert!(look(directory.path(), &alice(), "prod").is_err());
    }

    #[test]
    fn a_directory_that_is_not_there_is_named_before_anything_is_written() {
        let error = look(Path::new("/nowhere/at/all/f"), &alice(), "prod").unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }

    #[test]
    fn loopback_addresses_are_recognised() {
        for server in [
            "https://127.0.0.1:6443",
            "https://localhost",
            "https://[::1]:1",
        ] {
            assert!(is_loopback(server), "{server}");
        }
        assert!(!is_loopback("https://10.0.0.1"));
        assert!(!is_loopback("https://localhost.example.com"));
    }

    #[test]
    fn a_file_that_appears_in_between_is_not_lost() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        File::create_new(&path).unwrap();
        assert!(document().write(&path, false).is_err());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    }
}
