//! Setting the current context's namespace, by kubectl: it keeps the locks of the files and
//! everything in them that it does not know.

use std::process::Command;

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::flags::{DryRun, KubeArgs};
use groundcrew::ui::Ui;

/// Checks beforehand that there is a context to switch and a kubectl to do it.
///
/// # Errors
///
/// Usage, when there is not.
pub fn check(session: &Session) -> Result<()> {
    if session.context.is_none() {
        return Err(Error::usage("--switch requires a context")
            .with_hint("pass --context=NAME, or omit --switch"));
    }
    kubectl().map(drop)
}

fn kubectl() -> Result<std::path::PathBuf> {
    which::which("kubectl")
        .map_err(|error| Error::usage("--switch requires kubectl on PATH").with_source(error))
}

/// Sets the namespace of the context in use, or says that it would.
///
/// # Errors
///
/// What kubectl said; the claim itself is made by then.
pub fn to(
    session: &Session,
    args: &KubeArgs,
    namespace: &str,
    dry_run: DryRun,
    ui: &Ui,
) -> Result<()> {
    let context = session.context.as_deref().unwrap_or_default();
    if dry_run == DryRun::None {
        set(args, context, namespace)?;
    }
    ui.done(
        format_args!("context {context} switched"),
        format_args!("namespace {namespace}{}", dry_run.suffix()),
    );
    Ok(())
}

fn set(args: &KubeArgs, context: &str, namespace: &str) -> Result<()> {
    let mut command = Command::new(kubectl()?);
    command.args(["config", "set-context", context, "--namespace", namespace]);
    if let Some(file) = &args.kubeconfig {
        command.arg("--kubeconfig").arg(file);
    }
    let output = command.output().map_err(|error| {
        Error::failed("cannot run kubectl to switch the context").with_source(error)
    })?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(Error::failed(format!(
            "{namespace} was claimed, but the context was not switched: {}",
            words.trim()
        ))
        .with_hint(format!(
            "kubectl config set-context --current --namespace={namespace}"
        )));
    }
    Ok(())
}
