//! What the server's audit log calls this program.

use http::HeaderValue;

use crate::error::{Error, Result};

/// A program's name and version, for the User-Agent.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// The word after `kubectl`, such as `ns-claim`.
    pub plugin: &'static str,
    /// The version without a `v`.
    pub version: &'static str,
}

/// The commit that a release is built from and its date, as `cargo sandbox dist` and the release
/// workflow say it; absent in what a developer builds.
const COMMIT: Option<&str> = option_env!("GROUNDCREW_COMMIT");

/// The servers that the tests run on; `docs/versions.md` says how far.
pub const TESTED: &str = "Kubernetes 1.37; in parts 1.30 and 1.24";

impl Product {
    /// Returns the version, the commit that it was built from, and the servers that it is tested
    /// with, one on each line.
    #[must_use]
    pub fn about(&self) -> String {
        let commit = COMMIT.unwrap_or("not of a release");
        format!("{}\ncommit  {commit}\ntested  {TESTED}", self.version)
    }

    /// Returns the plugin of that name, in the version that all of them share.
    #[must_use]
    pub const fn new(plugin: &'static str) -> Self {
        Self {
            plugin,
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Returns the name under which the server records who owns fields: `kubectl-ns-claim`.
    #[must_use]
    pub fn field_manager(&self) -> String {
        format!("kubectl-{}", self.plugin)
    }

    /// Returns `name/version (os/arch)` with Go's words for system and machine, as kubectl sends.
    pub(super) fn user_agent(&self) -> Result<HeaderValue> {
        let binary = self.plugin.replace('-', "_");
        let (version, os, arch) = (self.version, go_os(), go_arch());
        let text = format!("kubectl-{binary}/{version} ({os}/{arch})");
        HeaderValue::from_str(&text).map_err(|source| {
            Error::failed(format!("\"{text}\" cannot be sent as User-Agent")).with_source(source)
        })
    }
}

fn go_os() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        os => os,
    }
}

fn go_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        "loongarch64" => "loong64",
        arch => arch,
    }
}
