//! What there is to test with.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use groundcrew_sandbox::Sandbox;

use crate::case::Need;

/// Clusters and binaries, as the environment names them.
#[derive(Debug)]
pub struct Environment {
    pub(crate) cluster: Result<Sandbox, String>,
    pub(crate) no_signer: Result<Sandbox, String>,
    pub(crate) policies: Result<Sandbox, String>,
    pub(crate) slow: Result<Sandbox, String>,
    pub(crate) plugins: Result<PathBuf, String>,
}

impl Environment {
    /// Reads `GROUNDCREW_SANDBOX`, `GROUNDCREW_SANDBOX_NO_SIGNER`, `GROUNDCREW_SANDBOX_PSP`,
    /// `GROUNDCREW_SANDBOX_SLOW` and `GROUNDCREW_BIN_DIR`, which `cargo sandbox test` sets.
    #[must_use]
    pub fn find() -> Self {
        Self {
            cluster: attach("GROUNDCREW_SANDBOX"),
            no_signer: attach("GROUNDCREW_SANDBOX_NO_SIGNER"),
            policies: attach("GROUNDCREW_SANDBOX_PSP"),
            slow: attach("GROUNDCREW_SANDBOX_SLOW"),
            plugins: plugins(),
        }
    }

    /// Returns why a need is not met; `None` when it is.
    pub(crate) fn lacks(&self, need: Need) -> Option<String> {
        let cluster = self.cluster.as_ref();
        let capable =
            |able: fn(&groundcrew_sandbox::Capabilities) -> bool, what: &str| match cluster {
                Ok(sandbox) if able(sandbox.capabilities()) => None,
                Ok(_) => Some(what.to_owned()),
                Err(reason) => Some(reason.clone()),
            };
        match need {
            Need::Plugins => self.plugins.as_ref().err().cloned(),
            Need::Cluster | Need::Apart => cluster.err().cloned(),
            Need::Signer => capable(|able| able.signer, "this cluster signs no certificates"),
            Need::NoSigner => self.no_signer.as_ref().err().cloned(),
            Need::Controllers => capable(
                |able| able.scheduler,
                "this cluster has no scheduler and controllers",
            ),
            Need::AdmissionPolicy => capable(
                |able| able.minor() >= 30,
                "claims need Kubernetes 1.30 or later",
            ),
            Need::SlowControllers => self.slow.as_ref().err().cloned(),
            Need::PodSecurityPolicy => self.policies.as_ref().err().cloned(),
            Need::PodSecurityFixtures => crate::pod_security_fixtures().err(),
            Need::OpenSsl => (!has_openssl()).then(|| "openssl is not installed".to_owned()),
            Need::Krew => crate::krew().err(),
            Need::RealNode => capable(|able| able.real_node, "no node with real containers"),
            Need::Gateway => capable(
                |able| able.gateway,
                "no gateway: GROUNDCREW_TEST_WITH=gateway,prometheus builds one",
            ),
            Need::Prometheus => capable(
                |able| able.prometheus,
                "no Prometheus: GROUNDCREW_TEST_WITH=gateway,prometheus builds it",
            ),
            Need::Sandbox => match cluster {
                Ok(sandbox) if sandbox.state().existing => {
                    Some("the fault proxy needs the sandbox's own keys".to_owned())
                }
                Ok(_) => None,
                Err(reason) => Some(reason.clone()),
            },
        }
    }
}

/// Finds the conformance fixtures of the Pod Security Standards, which the sandbox's build of
/// Kubernetes leaves in Go's module cache; they are read there and never copied.
///
/// # Errors
///
/// Where they were looked for.
pub fn pod_security_fixtures() -> Result<PathBuf, String> {
    const MODULE: &str = "k8s.io/pod-security-admission@v0.36.3/test/testdata";
    let cache = std::env::var_os("GOMODCACHE")
        .map(PathBuf::from)
        .or_else(|| {
            let path = std::env::var_os("GOPATH").map(PathBuf::from);
            let home = || std::env::home_dir().map(|home| home.join("go"));
            path.or_else(home).map(|path| path.join("pkg/mod"))
        });
    let folder = cache.unwrap_or_default().join(MODULE);
    if folder.is_dir() {
        Ok(folder)
    } else {
        Err(format!("{MODULE} is not in Go's module cache"))
    }
}

/// Builds krew and its manifests' validator, once; returns the directory with both.
///
/// # Errors
///
/// What is missing for it.
pub fn krew() -> Result<PathBuf, String> {
    static KREW: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || {
        let git = Path::new("/usr/bin/git");
        if !git.exists() {
            return Err(format!("krew needs {}", git.display()));
        }
        groundcrew_sandbox::build::ensure("krew", &[]).map_err(|error| error.to_string())
    };
    KREW.get_or_init(build).clone()
}

fn has_openssl() -> bool {
    std::process::Command::new("openssl")
        .arg("version")
        .output()
        .is_ok_and(|output| output.status.success())
}

fn attach(variable: &str) -> Result<Sandbox, String> {
    let name =
        std::env::var(variable).map_err(|_| "no sandbox: run `cargo sandbox test`".to_owned())?;
    Sandbox::attach(&name).map_err(|error| error.to_string())
}

fn plugins() -> Result<PathBuf, String> {
    let Some(directory) = std::env::var_os("GROUNDCREW_BIN_DIR") else {
        return Err("no plugins built: run `cargo sandbox test`".to_owned());
    };
    Ok(PathBuf::from(directory))
}
