//! Where the control plane comes from: built here, envtest, or somebody's cluster.

use std::env;
use std::path::{Path, PathBuf};

use crate::build;
use crate::control_plane::Controllers;
use crate::error::{Error, Result};
use crate::kubernetes;

/// Names an existing throw-away cluster to use instead of starting one.
pub const EXISTING: &str = "GROUNDCREW_TEST_KUBECONFIG";
/// Names a directory of envtest binaries to use instead of building them.
pub const ENVTEST: &str = "KUBEBUILDER_ASSETS";

/// Where the control plane comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A cluster that is there already, by its kubeconfig.
    Existing(PathBuf),
    /// A directory with etcd, kube-apiserver and kubectl.
    Envtest(PathBuf),
    /// Built from Go modules.
    Built,
}

/// The programs of a control plane.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The directory with kubectl.
    pub bin_dir: PathBuf,
    /// The etcd binary.
    pub etcd: PathBuf,
    /// The API server binary.
    pub apiserver: PathBuf,
    /// What envtest lacks.
    pub controllers: Option<Controllers>,
}

impl Source {
    /// Reads the choice from the environment.
    ///
    /// # Errors
    ///
    /// When a variable names something that is not there.
    pub fn from_env() -> Result<Self> {
        let value = |name| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Self::choose(value(EXISTING), value(ENVTEST))
    }

    fn choose(existing: Option<PathBuf>, envtest: Option<PathBuf>) -> Result<Self> {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        match (existing.map(absolute), envtest.map(absolute)) {
            (Some(file), _) if file.is_file() => Ok(Self::Existing(file)),
            (Some(file), _) => Err(Error::new(format!("{EXISTING} names {}", file.display()))
                .cause("there is no such file")
                .hint(format!("unset {EXISTING}"))),
            (None, Some(dir)) => {
                let needed = ["etcd", "kube-apiserver", "kubectl"];
                let missing: Vec<&str> = needed
                    .into_iter()
                    .filter(|name| !dir.join(name).is_file())
                    .collect();
                if missing.is_empty() {
                    return Ok(Self::Envtest(dir));
                }
                Err(Error::new(format!("{ENVTEST} names {}", dir.display()))
                    .cause(format!("{} not found there", missing.join(", ")))
                    .hint(format!("unset {ENVTEST}")))
            }
            (None, None) => Ok(Self::Built),
        }
    }
}

impl Programs {
    /// Returns the programs of an envtest directory.
    #[must_use]
    pub fn envtest(dir: &Path) -> Self {
        Self {
            bin_dir: dir.to_owned(),
            etcd: dir.join("etcd"),
            apiserver: dir.join("kube-apiserver"),
            controllers: None,
        }
    }

    /// Returns the programs of a version such as `1.37`, building those that are missing.
    ///
    /// # Errors
    ///
    /// When Go is missing or too old, or a build fails.
    pub fn built(version: &str) -> Result<Self> {
        const SERVER: [&str; 3] = [
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
        ];
        let newest = kubernetes::group(kubernetes::NEWEST);
        let group = kubernetes::group(version);
        if group == newest {
            let dir = build::ensure(&newest, &[&["etcd", "kubectl"][..], &SERVER].concat())?;
            return Ok(from_dirs(&dir, &dir));
        }
        // Storage and client are the newest ones for every server.
        let bin_dir = build::ensure(&newest, &["etcd", "kubectl"])?;
        Ok(from_dirs(&bin_dir, &build::ensure(&group, &SERVER)?))
    }
}

fn from_dirs(bin_dir: &Path, server: &Path) -> Programs {
    Programs {
        bin_dir: bin_dir.to_owned(),
        etcd: bin_dir.join("etcd"),
        apiserver: server.join("kube-apiserver"),
        controllers: Some(Controllers {
            manager: server.join("kube-controller-manager"),
            scheduler: server.join("kube-scheduler"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn an_existing_cluster_goes_before_envtest_and_both_before_building() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        fs::write(&file, "").unwrap();
        for name in ["etcd", "kube-apiserver", "kubectl"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let envtest = Some(dir.path().to_owned());
        let choose = Source::choose;
        assert_eq!(
            choose(Some(file.clone()), envtest.clone()).unwrap(),
            Source::Existing(file)
        );
        assert!(matches!(choose(None, envtest).unwrap(), Source::Envtest(_)));
        assert_eq!(choose(None, None).unwrap(), Source::Built);
    }

    #[test]
    fn a_variable_that_names_nothing_is_an_error_and_not_ignored() {
        let empty = tempfile::tempdir().unwrap();
        let missing = empty.path().join("none");
        assert!(
            Source::choose(Some(missing), None)
                .unwrap_err()
                .to_string()
                .contains(EXISTING)
        );
        let error = Source::choose(None, Some(empty.path().to_owned()))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("etcd, kube-apiserver, kubectl not found"),
            "{error}"
        );
    }
}
