//! Which Deployment is meant.

use groundcrew::error::{Error, Result};

use crate::model::names::FIELD_MANAGER;

/// A Deployment by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The field manager under which it is written.
    pub manager: String,
}

impl Target {
    /// Returns a Deployment that is written under this plugin's own name.
    #[must_use]
    pub fn new(namespace: String, name: String) -> Self {
        Self {
            namespace,
            name,
            manager: FIELD_MANAGER.to_owned(),
        }
    }

    /// Returns the words that name it on a command line.
    #[must_use]
    pub fn words(&self, command: &str, rest: &str) -> String {
        let name = groundcrew::output::shell_word(&self.name);
        let namespace = groundcrew::output::shell_word(&self.namespace);
        let command = if command.is_empty() {
            String::new()
        } else {
            format!(" {command}")
        };
        let rest = if rest.is_empty() {
            String::new()
        } else {
            format!(" {rest}")
        };
        format!("kubectl rollout-canary{command} {name}{rest} -n {namespace}")
    }
}

/// Reads `web`, `deploy/web`, `deployment/web` or `deployments.apps/web`.
///
/// # Errors
///
/// Usage, for another kind or an empty name.
pub fn parse(text: &str) -> Result<String> {
    let (kind, name) = text.split_once('/').unwrap_or(("deployment", text));
    let known = ["deploy", "deployment", "deployments"];
    let kind = kind.strip_suffix(".apps").unwrap_or(kind);
    if !known.contains(&kind) {
        return Err(Error::usage(format!(
            "\"{text}\" is a {kind}; a canary needs a Deployment"
        )));
    }
    if name.is_empty() || name.contains('/') {
        return Err(
            Error::usage(format!("\"{text}\" is not the name of a Deployment"))
                .with_hint("write web or deploy/web"),
        );
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_is_named_as_kubectl_takes_it() {
        for text in [
            "web",
            "deploy/web",
            "deployment/web",
            "deployments.apps/web",
        ] {
            assert_eq!(parse(text).unwrap(), "web", "{text}");
        }
        assert_eq!(parse("deploy/status").unwrap(), "status");
        for text in ["", "deploy/", "sts/web", "deploy/a/b"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
