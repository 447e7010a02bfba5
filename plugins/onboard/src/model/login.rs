//! Credentials that somebody else issues: an OpenID Connect provider, or any program that logs in.
//!
//! The user's kubeconfig then holds no secret, only how to log in, and their rights hang on the
//! user name or the group that the provider asserts, as the API server spells it with its prefix.

use std::fmt;

use groundcrew::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::credential_kind::CredentialKind;
use crate::model::user;

/// Who the API server sees when the user has logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name")]
pub enum Asserted {
    /// A user name.
    User(String),
    /// A group; everybody in it gets the rights.
    Group(String),
}

impl fmt::Display for Asserted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user {name}"),
            Self::Group(name) => write!(f, "group {name}"),
        }
    }
}

impl Asserted {
    /// Reads `user:NAME` or `group:NAME`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, for clap: names that Kubernetes keeps for itself are refused.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let forms = "a subject is user:NAME or group:NAME";
        let (kind, name) = text.split_once(':').ok_or(forms)?;
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(format!("{name:?} cannot be the name of a subject"));
        }
        match kind {
            "user" if name.starts_with("system:") => {
                Err(format!("{name:?} belongs to Kubernetes itself"))
            }
            "user" => Ok(Self::User(name.to_owned())),
            "group" => user::parse_group(name)
                .map(Self::Group)
                .map_err(|error| error.to_string()),
            _ => Err(forms.to_owned()),
        }
    }
}

/// How the user logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// With OpenID Connect, through the kubectl plugin oidc-login.
    Oidc {
        /// The provider, as the API server's `--oidc-issuer-url` names it.
        issuer_url: String,
        /// The client that the provider knows kubectl as.
        client_id: String,
    },
    /// With a program that prints an `ExecCredential`.
    Exec {
        /// The program.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// Variables that it gets besides its environment.
        env: Vec<(String, String)>,
    },
}

/// A login, and the identity that it gives the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// How the user logs in.
    pub login: Login,
    /// Who the API server then sees.
    pub asserted: Asserted,
}

impl Login {
    /// Checks the address of a provider.
    ///
    /// # Errors
    ///
    /// Usage, when it is no https address.
    pub fn oidc(issuer_url: String, client_id: String) -> Result<Self> {
        let uri = issuer_url.parse::<http::Uri>().ok();
        let good = uri.is_some_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some());
        if !good {
            return Err(
                Error::usage(format!("{issuer_url:?} is not the address of a provider"))
                    .with_hint("for example --issuer-url https://login.example.com"),
            );
        }
        Ok(Self::Oidc {
            issuer_url,
            client_id,
        })
    }

    /// Returns the kind of credential that the record keeps.
    #[must_use]
    pub fn kind(&self) -> CredentialKind {
        match self {
            Self::Oidc { .. } => CredentialKind::Oidc,
            Self::Exec { .. } => CredentialKind::Exec,
        }
    }

    /// Returns the user's entry in the user's kubeconfig.
    #[must_use]
    pub fn entry(&self) -> Value {
        let (command, args, env, hint) = match self {
            Self::Oidc {
                issuer_url,
                client_id,
            } => {
                let args = [
                    "oidc-login".to_owned(),
                    "get-token".to_owned(),
                    format!("--oidc-issuer-url={issuer_url}"),
                    format!("--oidc-client-id={client_id}"),
                ];
                let hint =
                    "kubectl oidc-login is missing; install it:  kubectl krew install oidc-login";
                ("kubectl", args.to_vec(), &Vec::new(), hint.to_owned())
            }
            Self::Exec { command, args, env } => {
                let hint = format!("{command} is missing; it logs you in to this cluster");
                (command.as_str(), args.clone(), env, hint)
            }
        };
        let env: Vec<Value> = env
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        json!({"exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": command,
            "args": args,
            "env": env,
            "interactiveMode": "IfAvailable",
            "installHint": hint,
        }})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_what_the_provider_asserts_and_nothing_of_kubernetes_own() {
        assert_eq!(
            Asserted::parse("user:oidc:alice").unwrap(),
            Asserted::User("oidc:alice".to_owned())
        );
        assert_eq!(
            Asserted::parse("group:devs").unwrap(),
            Asserted::Group("devs".to_owned())
        );
        for bad in [
            "alice",
            "user:",
            "user:system:admin",
            "group:system:masters",
            "role:x",
        ] {
            assert!(Asserted::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_entry_says_how_to_log_in_and_holds_no_secret() {
        let oidc = Login::oidc("https://login.example.com".into(), "kubectl".into()).unwrap();
        let entry = oidc.entry();
        assert_eq!(entry["exec"]["args"][1], "get-token");
        assert_eq!(
            entry["exec"]["args"][2],
            "--oidc-issuer-url=https://login.example.com"
        );
        assert!(entry.get("token").is_none());
        assert!(Login::oidc("http://login".into(), "x".into()).is_err());
    }
}
