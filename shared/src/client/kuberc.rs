//! Which credential plugins the user's kuberc allows.
//!
//! Source: `CredentialPluginPolicy` in `pkg/config/v1beta1/types.go` of `k8s.io/kubectl`, and
//! `updateCommandAndCheckAllowlistLocked` in `plugin/pkg/client/auth/exec/exec.go` of
//! `k8s.io/client-go`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::manifest::{self, Node};

/// A kuberc of more bytes than this is none.
const LARGEST: u64 = 1 << 20;

/// What may be run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Policy {
    /// Everything, as without a kuberc.
    #[default]
    AllowAll,
    /// Nothing.
    DenyAll,
    /// These programs, by name or path.
    Allowlist(Vec<String>),
}

impl Policy {
    /// Reads the file that kubectl would read: `$KUBERC`, else `~/.kube/kuberc`.
    ///
    /// # Errors
    ///
    /// That it cannot be read: what it forbids is not known then, and nothing is run.
    pub(super) fn of_process() -> Result<Self> {
        let off = |name: &str, word: &str| {
            std::env::var(name).is_ok_and(|value| value.eq_ignore_ascii_case(word))
        };
        if off("KUBERC", "off") || off("KUBECTL_KUBERC", "false") {
            return Ok(Self::AllowAll);
        }
        let Some(file) = place(std::env::var_os("KUBERC"), std::env::home_dir()) else {
            return Ok(Self::AllowAll);
        };
        let wrong = |why: String| {
            Error::failed(format!(
                "kuberc {} says which credential plugins may run, and it cannot be read",
                file.display()
            ))
            .with_detail(why)
        };
        let size = match std::fs::metadata(&file) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::AllowAll);
            }
            Err(error) => return Err(wrong(error.to_string())),
        };
        if size > LARGEST {
            return Err(wrong(format!("it has {size} bytes")));
        }
        let bytes = crate::limits::file(&file, crate::limits::CONFIGURATION)
            .map_err(|error| wrong(error.to_string()))?;
        let text = manifest::text(&bytes).map_err(wrong)?;
        Self::parse(&text).map_err(wrong)
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        for document in manifest::documents(text) {
            let node = document
                .node
                .map_err(|fault| format!("line {}: {}", fault.line, fault.message))?;
            let list = node.get("credentialPluginAllowlist");
            let Some(policy) = node.get("credentialPluginPolicy") else {
                if list.is_some() {
                    return Err("an allow list without credentialPluginPolicy".to_owned());
                }
                continue;
            };
            return match policy.as_str().unwrap_or_default() {
                "" | "AllowAll" => Ok(Self::AllowAll),
                "DenyAll" => Ok(Self::DenyAll),
                "Allowlist" => Ok(Self::Allowlist(list.map(commands).unwrap_or_default())),
                other => Err(format!("unknown plugin policy: {other:?}")),
            };
        }
        Ok(Self::AllowAll)
    }

    /// Says whether a program may be run.
    ///
    /// # Errors
    ///
    /// That it may not, in client-go's words.
    pub(super) fn check(&self, command: &str) -> Result<()> {
        let allowed = match self {
            Self::AllowAll => return Ok(()),
            Self::DenyAll => {
                return Err(Error::failed(format!(
                    "plugin {command:?} not allowed: policy set to \"DenyAll\""
                ))
                .with_hint(HINT));
            }
            Self::Allowlist(allowed) => allowed,
        };
        let resolved = which::which(command).ok();
        let permits = |entry: &String| {
            entry == command
                || resolved.is_some() && resolved.as_deref() == Some(Path::new(entry))
                || resolved.is_some() && which::which(entry).ok() == resolved
        };
        if allowed.iter().any(permits) {
            return Ok(());
        }
        Err(Error::failed(format!(
            "plugin path {command:?} is not permitted by the credential plugin allowlist"
        ))
        .with_hint(HINT))
    }
}

const HINT: &str = "your kuberc decides this: credentialPluginPolicy";

fn place(variable: Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    match variable.filter(|file| !file.is_empty()) {
        Some(file) => Some(file.into()),
        None => home.map(|home| home.join(".kube").join("kuberc")),
    }
}

/// Entries say `command`, and said `name` in 1.35.
fn commands(list: &Node) -> Vec<String> {
    let items = list.items().iter();
    items
        .filter_map(|entry| entry.get("command").or_else(|| entry.get("name")))
        .filter_map(Node::as_str)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n";

    #[test]
    fn the_policy_of_kuberc_decides_which_plugin_runs() {
        let policy = |text: &str| Policy::parse(&format!("{HEAD}{text}"));
        assert_eq!(policy(""), Ok(Policy::AllowAll));
        assert_eq!(
            policy("credentialPluginPolicy: AllowAll\n"),
            Ok(Policy::AllowAll)
        );
        let denied = policy("credentialPluginPolicy: DenyAll\n").unwrap();
        assert!(denied.check("aws").is_err());
        let listed = policy(
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n- command: sh\n- name: /bin/other\n",
        )
        .unwrap();
        assert!(listed.check("sh").is_ok());
        assert!(listed.check("/bin/other").is_ok());
        assert!(listed.check("aws").is_err());
        assert!(policy("credentialPluginPolicy: Never\n").is_err());
        assert!(policy("credentialPluginAllowlist: [{command: aws}]\n").is_err());
        assert!(Policy::parse("a: [").is_err());
    }
}
