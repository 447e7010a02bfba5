//! The flags of `--auth oidc` and `--auth exec`.

use clap::Args;
use groundcrew::error::{Error, Result};

use crate::model::auth::Auth;
use crate::model::login::{Asserted, Login, Provider};
use crate::model::user::UserName;

/// How the user logs in where somebody else issues the credential.
#[derive(Args, Debug)]
pub struct LoginArgs {
    /// With --auth oidc: URL of the provider, as in the API server's --oidc-issuer-url
    #[arg(hide = true, long, value_name = "URL")]
    issuer_url: Option<String>,

    /// With --auth oidc: client ID of kubectl at the provider
    #[arg(hide = true, long, value_name = "ID")]
    client_id: Option<String>,

    /// With --auth exec: the program that logs in (client.authentication.k8s.io/v1)
    #[arg(hide = true, long, value_name = "PROGRAM")]
    exec_command: Option<String>,

    /// With --auth exec: an argument of the program; repeatable
    #[arg(
        hide = true,
        long = "exec-arg",
        value_name = "ARG",
        allow_hyphen_values = true
    )]
    exec_args: Vec<String>,

    /// With --auth exec: an environment variable of the program; repeatable; no secrets
    #[arg(hide = true, long = "exec-env", value_name = "NAME=VALUE")]
    exec_env: Vec<String>,

    /// With --auth oidc or exec: the identity that the API server sees, user:NAME or group:NAME with
    /// the provider's prefix [default: user:USER]
    #[arg(hide = true, long, value_name = "SUBJECT", value_parser = Asserted::parse)]
    subject: Option<Asserted>,
}

impl LoginArgs {
    /// Checks that everything is there that `auth` needs, and nothing that it does not.
    ///
    /// # Errors
    ///
    /// Usage, with what is missing or too much.
    pub fn resolve(self, auth: Auth, user: &UserName) -> Result<Option<Provider>> {
        let Self {
            issuer_url,
            client_id,
            exec_command,
            exec_args,
            exec_env,
            subject,
        } = self;
        let oidc = issuer_url.is_some() || client_id.is_some();
        let exec = exec_command.is_some() || !exec_args.is_empty() || !exec_env.is_empty();
        let login = match (auth, issuer_url, client_id, exec_command) {
            (Auth::Oidc, Some(issuer), Some(client), _) if !exec => Login::oidc(issuer, client)?,
            (Auth::Oidc, ..) => {
                return Err(Error::usage(
                    "--auth oidc needs --issuer-url and --client-id, and nothing else",
                )
                .with_hint("both are what the API server was started with"));
            }
            (Auth::Exec, _, _, Some(command)) if !oidc => Login::Exec {
                command,
                args: exec_args,
                env: exec_env
                    .iter()
                    .map(|pair| variable(pair))
                    .collect::<Result<_>>()?,
            },
            (Auth::Exec, ..) => {
                return Err(
                    Error::usage("--auth exec needs --exec-command, and no --issuer-url")
                        .with_hint(
                            "for example --exec-command aws --exec-arg eks --exec-arg get-token",
                        ),
                );
            }
            _ if oidc || exec || subject.is_some() => {
                return Err(
                    Error::usage("login flags are given without --auth oidc or exec")
                        .with_hint("pass --auth oidc or --auth exec"),
                );
            }
            _ => return Ok(None),
        };
        let asserted = subject.unwrap_or_else(|| Asserted::User(user.as_str().to_owned()));
        Ok(Some(Provider { login, asserted }))
    }
}

fn variable(pair: &str) -> Result<(String, String)> {
    let (name, value) = pair.split_once('=').unwrap_or_default();
    if name.is_empty() {
        return Err(Error::usage(format!(
            "--exec-env {pair:?} is not NAME=VALUE"
        )));
    }
    Ok((name.to_owned(), value.to_owned()))
}
