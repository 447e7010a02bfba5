//! The word for a kind of credential, as people type it.

use clap::ValueEnum;

/// Which kind of credential is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Auth {
    /// A certificate, or a token where the cluster signs none.
    Auto,
    /// A client certificate signed by the cluster.
    Cert,
    /// A service account token; deleting its Secret revokes it.
    Token,
    /// A login with OpenID Connect; the kubeconfig holds no secret.
    Oidc,
    /// A login with a program; the kubeconfig holds no secret.
    Exec,
}
