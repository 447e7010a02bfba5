//! The user's kubeconfig: what is in it, and how it gets onto the disk.

use std::path::PathBuf;

use groundcrew::error::{Error, Result};
use jiff::Timestamp;
use serde_json::json;
use zeroize::Zeroizing;

use crate::model::credential::base64;
use crate::model::credential_kind::CredentialKind;
use crate::model::login::Login;
use crate::model::user::UserName;

/// Where the API server is, as the user will reach it.
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

/// What proves who the user is.
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
    /// No secret at all: how the user logs in.
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

impl From<&groundcrew::client::Endpoint> for Endpoint {
    fn from(own: &groundcrew::client::Endpoint) -> Self {
        Self {
            server: own.server.clone(),
            certificate_authority: own.certificate_authority.clone(),
            tls_server_name: own.tls_server_name.clone(),
            proxy_url: own.proxy_url.clone(),
        }
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

    /// Returns the same credential with another way to the same cluster.
    ///
    /// # Errors
    ///
    /// When the document is not a kubeconfig.
    pub fn through(&self, way: &groundcrew::client::Endpoint) -> Result<Self> {
        let mut document: serde_json::Value = serde_saphyr::from_str(&self.yaml)
            .map_err(|error| Error::failed("not a kubeconfig").with_source(error))?;
        document["clusters"][0]["cluster"] = cluster_entry(&way.into());
        Ok(Self {
            yaml: Zeroizing::new(groundcrew::output::yaml(&document)?),
        })
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.yaml
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

/// Returns the default path: `./<slug>.kubeconfig`.
#[must_use]
pub fn default_path(user: &UserName) -> PathBuf {
    PathBuf::from(format!("{}.kubeconfig", user.slug()))
}

/// What stands at the path where the user's kubeconfig goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Nothing.
    Absent,
    /// Something that is not the user's kubeconfig for this cluster, and why it is not.
    Foreign(String),
    /// The user's own kubeconfig for this cluster.
    Theirs(Held),
    /// The user's own kubeconfig for this cluster, which says how the user logs in and holds no
    /// credential.
    Login,
}

/// What the user's own file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Certificate or token.
    pub kind: CredentialKind,
    /// Generation, as the credential itself says.
    pub generation: u32,
    /// Its groups; empty for a token, which carries none.
    pub groups: Vec<String>,
    /// When it ends by itself.
    pub not_after: Timestamp,
    /// SHA-256 of the certificate.
    pub sha256: Option<String>,
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

    #[test]
    fn loopback_addresses_are_recognized() {
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
}
