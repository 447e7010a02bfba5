//! Finding and reading kubeconfig files as client-go does.
//!
//! kube's own loader fails on a missing file in `$KUBECONFIG` and keeps empty strings that
//! client-go reads as "not set", so files are found and merged here; kube parses them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use kube::config::{Kubeconfig, KubeconfigError};

use crate::error::{Error, Result};
use crate::limits;
use crate::output::shell_word;

/// Where kubeconfig files are looked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// `--kubeconfig`.
    pub(super) explicit: Option<PathBuf>,
    /// `$KUBECONFIG`.
    pub(super) variable: Option<OsString>,
    /// The home directory.
    pub(super) home: Option<PathBuf>,
}

impl Places {
    pub(super) fn of_process(explicit: Option<&Path>) -> Self {
        Self {
            explicit: explicit
                .filter(|path| !path.as_os_str().is_empty())
                .map(Path::to_owned),
            variable: std::env::var_os("KUBECONFIG"),
            home: std::env::home_dir(),
        }
    }

    /// Returns the files in the order in which they are asked for a value.
    fn files(&self) -> Vec<PathBuf> {
        if let Some(file) = &self.explicit {
            return vec![file.clone()];
        }
        if let Some(list) = self.variable.as_ref().filter(|list| !list.is_empty()) {
            return std::env::split_paths(list)
                .filter(|path| !path.as_os_str().is_empty())
                .collect();
        }
        self.home
            .iter()
            .map(|home| home.join(".kube").join("config"))
            .collect()
    }
}

/// What was read, and where nothing was.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) config: Kubeconfig,
    pub(super) read: Vec<PathBuf>,
    pub(super) missing: Vec<PathBuf>,
}

/// Reads and merges the files; the first to set a value wins.
///
/// A missing file is skipped unless it was named by `--kubeconfig`.
pub(super) fn load(places: &Places) -> Result<Loaded> {
    let mut loaded = Loaded::default();
    for file in places.files() {
        // client-go asks with stat as well: a dangling link is a missing file.
        if places.explicit.is_none() && !exists(&file)? {
            loaded.missing.push(file);
            continue;
        }
        let mut next = read(&file)?;
        forget_empty(&mut next);
        loaded.config = loaded
            .config
            .merge(next)
            .map_err(|error| unreadable(&file, error))?;
        loaded.read.push(file);
    }
    Ok(loaded)
}

/// Reads a file; what it names relative to itself becomes absolute (`ResolveLocalPaths` in
/// `k8s.io/client-go/tools/clientcmd/loader.go`).
fn read(file: &Path) -> Result<Kubeconfig> {
    let failed = |source| unreadable(file, KubeconfigError::ReadConfig(source, file.to_owned()));
    let bytes = limits::file(file, limits::CONFIGURATION).map_err(failed)?;
    let text = crate::manifest::text(&bytes)
        .map_err(|why| Error::failed(format!("kubeconfig {}: {why}", file.display())))?;
    let mut config = Kubeconfig::from_yaml(&text).map_err(|error| unreadable(file, error))?;
    if let Some(directory) = file.parent() {
        resolve(&mut config, directory);
    }
    Ok(config)
}

fn resolve(config: &mut Kubeconfig, directory: &Path) {
    let absolute = |value: &mut Option<String>| {
        if let Some(text) = value
            && !text.is_empty()
            && Path::new(text.as_str()).is_relative()
            && let Some(joined) = directory.join(text.as_str()).to_str()
        {
            *text = joined.to_owned();
        }
    };
    let clusters = config.clusters.iter_mut();
    for cluster in clusters.filter_map(|named| named.cluster.as_mut()) {
        absolute(&mut cluster.certificate_authority);
    }
    let users = config.auth_infos.iter_mut();
    for user in users.filter_map(|named| named.auth_info.as_mut()) {
        absolute(&mut user.client_certificate);
        absolute(&mut user.client_key);
        absolute(&mut user.token_file);
        // A name without a separator is looked for on PATH.
        if let Some(exec) = &mut user.exec
            && exec
                .command
                .as_ref()
                .is_some_and(|command| command.contains(std::path::MAIN_SEPARATOR))
        {
            absolute(&mut exec.command);
        }
    }
}

/// Reads one document that lives in no file.
pub(super) fn parse(text: &str, name: &Path) -> Result<Kubeconfig> {
    let mut config = Kubeconfig::from_yaml(text).map_err(|error| unreadable(name, error))?;
    forget_empty(&mut config);
    Ok(config)
}

fn exists(file: &Path) -> Result<bool> {
    fs::exists(file).map_err(|error| {
        Error::failed(format!("cannot read kubeconfig {}", file.display())).with_source(error)
    })
}

/// Names the file, and for broken YAML the line.
///
/// The parser's own text is not used: it quotes the lines around the fault, and those may hold a
/// token or a key.
fn unreadable(file: &Path, error: KubeconfigError) -> Error {
    let file = file.display();
    match error {
        KubeconfigError::ReadConfig(source, _) => {
            let missing = source.kind() == std::io::ErrorKind::NotFound;
            let error = Error::failed(format!("cannot read kubeconfig {file}"));
            let error = error.with_source(source);
            if missing {
                error.with_hint("check --kubeconfig, or leave it out to use $KUBECONFIG")
            } else {
                error
            }
        }
        KubeconfigError::Parse(source) => {
            let place = match source.location() {
                Some(location) => format!(":{}:{}", location.line(), location.column()),
                None => String::new(),
            };
            Error::failed(format!("kubeconfig {file}{place} is not valid")).with_hint(format!(
                "kubectl config view --kubeconfig={}",
                shell_word(&file.to_string())
            ))
        }
        other => Error::failed(format!("cannot use kubeconfig {file}")).with_source(other),
    }
}

/// Turns empty strings into absent values: in Go the two are one.
fn forget_empty(config: &mut Kubeconfig) {
    fn blank(value: &mut Option<String>) {
        if value.as_ref().is_some_and(String::is_empty) {
            *value = None;
        }
    }
    blank(&mut config.current_context);
    blank(&mut config.kind);
    blank(&mut config.api_version);
    for context in config
        .contexts
        .iter_mut()
        .filter_map(|named| named.context.as_mut())
    {
        blank(&mut context.user);
        blank(&mut context.namespace);
    }
    for cluster in config
        .clusters
        .iter_mut()
        .filter_map(|named| named.cluster.as_mut())
    {
        blank(&mut cluster.server);
        blank(&mut cluster.certificate_authority);
        blank(&mut cluster.certificate_authority_data);
        blank(&mut cluster.proxy_url);
        blank(&mut cluster.tls_server_name);
    }
    for user in config
        .auth_infos
        .iter_mut()
        .filter_map(|named| named.auth_info.as_mut())
    {
        blank(&mut user.username);
        blank(&mut user.token_file);
        blank(&mut user.client_certificate);
        blank(&mut user.client_certificate_data);
        blank(&mut user.client_key);
        blank(&mut user.impersonate);
        blank(&mut user.impersonate_uid);
        for secret in [
            &mut user.password,
            &mut user.token,
            &mut user.client_key_data,
        ] {
            use secrecy::ExposeSecret;
            if secret
                .as_ref()
                .is_some_and(|secret| secret.expose_secret().is_empty())
            {
                *secret = None;
            }
        }
    }
}

#[cfg(test)]
#[path = "kubeconfig_tests.rs"]
mod tests;
