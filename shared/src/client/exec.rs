//! Exec credential plugins, run once per invocation.
//!
//! kube 5 runs the plugin three times per client (for the header, the certificate and the
//! expiry), which can mean three logins, and never shows the install hint. Here it runs once;
//! its answer takes the place of the `exec` stanza. The contract is client-go's
//! `plugin/pkg/client/auth/exec`.

use std::io::IsTerminal;
use std::process::Stdio;

use kube::config::{AuthInfo, Cluster, ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;

use crate::error::{Error, Result};
use crate::limits;

const GROUP: &str = "client.authentication.k8s.io";

/// What the plugin prints.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential {
    api_version: String,
    kind: String,
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// Runs the user's plugin, if there is one that is needed, and puts its answer in its place.
///
/// The plugin's stderr is the terminal's, because it may have to say where to log in.
pub(super) async fn settle(user: &mut AuthInfo, cluster: &Cluster) -> Result<()> {
    let Some(config) = user.exec.take() else {
        return Ok(());
    };
    // Credentials that are already there win, as in client-go.
    let settled = user.token.is_some()
        || user.token_file.is_some()
        || user.username.is_some()
        || user.client_certificate.is_some()
        || user.client_certificate_data.is_some();
    if settled {
        return Ok(());
    }
    let command = config.command.as_deref().unwrap_or_default();
    super::kuberc::Policy::of_process()?.check(command)?;
    let status = run(&config, cluster, std::io::stdin().is_terminal()).await?;
    if let Some(token) = status.token {
        user.token = Some(token.into());
    }
    if let (Some(certificate), Some(key)) = (status.client_certificate_data, status.client_key_data)
    {
        use base64::Engine;
        let encode = |pem: String| base64::engine::general_purpose::STANDARD.encode(pem);
        user.client_certificate_data = Some(encode(certificate));
        user.client_key_data = Some(encode(key).into());
    }
    Ok(())
}

async fn run(config: &ExecConfig, cluster: &Cluster, terminal: bool) -> Result<Status> {
    let command = config.command.as_deref().unwrap_or_default();
    if command.is_empty() {
        return Err(Error::failed("the user's exec stanza names no command"));
    }
    let version = config.api_version.as_deref().unwrap_or_default();
    if version != format!("{GROUP}/v1") && version != format!("{GROUP}/v1beta1") {
        return Err(Error::failed(format!(
            "credential plugin {command} is configured for apiVersion \"{version}\", \
             and only {GROUP}/v1 and v1beta1 are known"
        )));
    }
    let interactive = is_interactive(config, version, terminal)
        .map_err(|text| Error::failed(format!("credential plugin {command} {text}")))?;

    let mut process = tokio::process::Command::new(command);
    process.args(config.args.iter().flatten());
    for variable in config.env.iter().flatten() {
        if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
            process.env(name, value);
        }
    }
    process.env(
        "KUBERNETES_EXEC_INFO",
        info(config, cluster, version, interactive)?,
    );
    process.stdin(if interactive {
        Stdio::inherit()
    } else {
        Stdio::null()
    });
    process
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    tracing::debug!(command, interactive, "credential plugin starts");
    let mut child = process
        .spawn()
        .map_err(|source| cannot_start(config, command, source))?;
    let output = output(&mut child).await.map_err(|source| {
        Error::failed(format!("cannot read from credential plugin {command}")).with_source(source)
    })?;
    let status = child.wait().await.map_err(|source| {
        Error::failed(format!("cannot wait for credential plugin {command}")).with_source(source)
    })?;
    if !status.success() {
        let how = match status.code() {
            Some(code) => format!("failed with exit code {code}"),
            None => "was ended by a signal".to_owned(),
        };
        return Err(Error::failed(format!("credential plugin {command} {how}"))
            .with_hint("kubectl config view --minify shows how it is called"));
    }
    read(&output, command, version)
}

/// Reads what the plugin prints; one that prints without end is ended.
async fn output(child: &mut tokio::process::Child) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let Some(stdout) = child.stdout.take() else {
        return Ok(bytes);
    };
    let mut stdout = stdout.take(limits::CREDENTIAL + 1);
    if stdout.read_to_end(&mut bytes).await? as u64 > limits::CREDENTIAL {
        child.kill().await?;
        return Err(limits::too_large(limits::CREDENTIAL));
    }
    Ok(bytes)
}

/// Returns whether the plugin may ask; the error follows the plugin's name.
fn is_interactive(
    config: &ExecConfig,
    version: &str,
    terminal: bool,
) -> std::result::Result<bool, &'static str> {
    match &config.interactive_mode {
        Some(ExecInteractiveMode::Never) => Ok(false),
        Some(ExecInteractiveMode::IfAvailable) => Ok(terminal),
        Some(ExecInteractiveMode::Always) if terminal => Ok(true),
        Some(ExecInteractiveMode::Always) => Err("has to ask, and stdin is not a terminal"),
        // v1 made the field a must; before, this was the default.
        None if version.ends_with("/v1beta1") => Ok(terminal),
        None => Err("needs interactiveMode in the kubeconfig"),
    }
}

/// Returns the value of `KUBERNETES_EXEC_INFO`.
fn info(
    config: &ExecConfig,
    cluster: &Cluster,
    version: &str,
    interactive: bool,
) -> Result<String> {
    let mut spec = serde_json::json!({ "interactive": interactive });
    if config.provide_cluster_info {
        let cluster = ExecAuthCluster::try_from(cluster).map_err(|source| {
            Error::failed("cannot describe the cluster to the credential plugin")
                .with_source(source)
        })?;
        spec["cluster"] = serde_json::json!(cluster);
    }
    let document =
        serde_json::json!({ "apiVersion": version, "kind": "ExecCredential", "spec": spec });
    Ok(document.to_string())
}

fn cannot_start(config: &ExecConfig, command: &str, source: std::io::Error) -> Error {
    if source.kind() != std::io::ErrorKind::NotFound {
        return Error::failed(format!("cannot start credential plugin {command}"))
            .with_source(source);
    }
    let error = Error::failed(format!("credential plugin {command} was not found"))
        .with_detail("the kubeconfig's user gets credentials from it, and it is not on PATH");
    match config
        .install_hint
        .as_deref()
        .map(str::trim)
        .filter(|hint| !hint.is_empty())
    {
        // A kubeconfig may come from somewhere else; its text must not steer the terminal.
        Some(hint) => error.with_hint(hint.replace(|c: char| c.is_control() && c != '\n', " ")),
        None => error,
    }
}

/// Reads what the plugin printed; no error quotes it, because it holds the credential.
fn read(stdout: &[u8], command: &str, version: &str) -> Result<Status> {
    let fault = |text: &str| Error::failed(format!("credential plugin {command} {text}"));
    let text =
        std::str::from_utf8(stdout).map_err(|_| fault("printed something else than text"))?;
    let credential: ExecCredential = serde_json::from_str(text)
        .ok()
        .or_else(|| serde_saphyr::from_str(text).ok())
        .ok_or_else(|| fault("did not print an ExecCredential"))?;
    if credential.kind != "ExecCredential" || credential.api_version != version {
        return Err(fault(&format!(
            "printed {} {} where {version} ExecCredential is configured",
            credential.api_version, credential.kind
        )));
    }
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let status = credential
        .status
        .ok_or_else(|| fault("printed no status"))?;
    let status = Status {
        token: given(status.token),
        client_certificate_data: given(status.client_certificate_data),
        client_key_data: given(status.client_key_data),
    };
    match (
        &status.token,
        &status.client_certificate_data,
        &status.client_key_data,
    ) {
        (None, None, None) => Err(fault("printed neither a token nor a certificate")),
        (_, Some(_), None) | (_, None, Some(_)) => {
            Err(fault("printed a certificate or a key, and not both"))
        }
        _ => Ok(status),
    }
}

#[cfg(test)]
#[path = "exec_tests.rs"]
mod tests;
