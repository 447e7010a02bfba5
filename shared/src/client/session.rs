//! A connection and what is known about it.

use super::layers::Counters;
use crate::error::{Error, Result};

/// Where the API server is and how it proves who it is: all that a kubeconfig for somebody else
/// may take over from one's own. It holds no credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address as it is configured.
    pub server: String,
    /// The certificate authority in PEM; `None` means that the system's are trusted.
    pub certificate_authority: Option<Vec<u8>>,
    /// The name to check the server's certificate for, when it is not the address's.
    pub tls_server_name: Option<String>,
    /// Whether the server's certificate is not checked at all.
    pub insecure: bool,
    /// The proxy that the kubeconfig asks for; one from the environment is not named here.
    pub proxy_url: Option<String>,
}

/// A connection to one cluster as one user. Clones share the client and the counts.
#[derive(Clone)]
pub struct Session {
    /// kube's client with our layers.
    pub client: kube::Client,
    /// The namespace of `-n`, else the context's, else `default`.
    pub namespace: String,
    /// Whether the namespace is that of `-n`.
    pub namespace_is_explicit: bool,
    /// The context in use, if any.
    pub context: Option<String>,
    /// The name of the cluster's entry in the kubeconfig; empty when there is none.
    pub cluster: String,
    /// The name of the user's entry in the kubeconfig.
    pub user_entry: Option<String>,
    /// Where the API server is.
    pub endpoint: Endpoint,
    pub(super) counters: Counters,
    pub(super) warnings_as_errors: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("namespace", &self.namespace)
            .field("context", &self.context)
            .field("cluster", &self.cluster)
            .field("user_entry", &self.user_entry)
            .field("server", &self.endpoint.server)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Returns how many HTTP requests were made, retries included.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.counters.requests()
    }

    /// Returns how many different warnings the server sent.
    #[must_use]
    pub fn warnings(&self) -> u64 {
        self.counters.warnings()
    }

    /// Ends a run that did everything else: with `--warnings-as-errors` a warning is a failure.
    ///
    /// # Errors
    ///
    /// kubectl's `2 warnings received`, when the flag is given and there were any.
    pub fn finish(&self) -> Result<()> {
        match self.warnings() {
            0 => Ok(()),
            _ if !self.warnings_as_errors => Ok(()),
            1 => Err(Error::failed("1 warning received")),
            count => Err(Error::failed(format!("{count} warnings received"))),
        }
    }
}
