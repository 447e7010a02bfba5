//! Certificates and kubeconfigs of the parts.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Context as _, Result};
use crate::layout::{DEFAULT_NAME, RunDir, write_atomically};
use crate::pki::{Ca, Issued, token_key};

/// Every name under which a client may reach the API server.
const SERVER_NAMES: [&str; 8] = [
    "127.0.0.1",
    "10.0.0.1",
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    // The bridge of the real node, where pods reach the API server.
    "10.88.0.1",
];

/// Makes everything that identifies the parts to each other.
#[derive(Clone, Copy, Debug)]
pub struct Access;

impl Access {
    /// Writes the sandbox's `pki` directory and its kubeconfigs.
    ///
    /// # Errors
    ///
    /// When the system has no randomness or a file cannot be written.
    pub fn prepare(run: &RunDir, api_port: u16) -> Result<()> {
        let pki = run.pki();
        let ca = Ca::new(&format!("{}-ca", cluster_name(run)))?;
        ca.certificate().write(&pki, "ca")?;
        ca.issue_server("kube-apiserver", &SERVER_NAMES)?
            .write(&pki, "apiserver")?;
        let kubelet_client = "kube-apiserver-kubelet-client";
        ca.issue_client(kubelet_client, &["system:masters"])?
            .write(&pki, kubelet_client)?;

        let front = Ca::new(&format!("{}-front-proxy-ca", cluster_name(run)))?;
        front.certificate().write(&pki, "front-proxy-ca")?;
        front
            .issue_client("fault-proxy", &[])?
            .write(&pki, "fault-proxy")?;

        let (private, public) = token_key()?;
        write_atomically(&pki.join("service-account.key"), private.as_bytes())?;
        write_atomically(&pki.join("service-account.pub"), public.as_bytes())?;

        let users = [
            ("admin", "admin", &["system:masters"][..], run.kubeconfig()),
            (
                "controller-manager",
                "system:kube-controller-manager",
                &[],
                run.path().join("controller-manager.kubeconfig"),
            ),
            (
                "scheduler",
                "system:kube-scheduler",
                &[],
                run.path().join("scheduler.kubeconfig"),
            ),
        ];
        for (file, user, groups, kubeconfig) in users {
            let issued = ca.issue_client(user, groups)?;
            issued.write(&pki, file)?;
            write_kubeconfig(run, &kubeconfig, api_port, file, &issued)?;
        }
        Ok(())
    }
}

/// Returns the name of the cluster and of the context in kubeconfigs.
fn cluster_name(run: &RunDir) -> String {
    if run.name() == DEFAULT_NAME {
        "sandbox".to_owned()
    } else {
        format!("sandbox-{}", run.name())
    }
}

/// Writes a kubeconfig that needs no other file.
pub(crate) fn write_kubeconfig(
    run: &RunDir,
    path: &Path,
    api_port: u16,
    user: &str,
    issued: &Issued,
) -> Result<()> {
    let ca = run.pki().join("ca.crt");
    let ca = fs::read(&ca).context(|| format!("cannot read {}", ca.display()))?;
    let cluster = cluster_name(run);
    let text = format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters:\n\
         - name: {cluster}\n  \
           cluster:\n    \
             server: https://127.0.0.1:{api_port}\n    \
             certificate-authority-data: {}\n\
         users:\n\
         - name: {user}\n  \
           user:\n    \
             client-certificate-data: {}\n    \
             client-key-data: {}\n\
         contexts:\n\
         - name: {cluster}\n  \
           context:\n    \
             cluster: {cluster}\n    \
             user: {user}\n\
         current-context: {cluster}\n",
        STANDARD.encode(ca),
        STANDARD.encode(&issued.cert_pem),
        STANDARD.encode(&issued.key_pem),
    );
    write_atomically(path, text.as_bytes())
}
