//! `env`: what a shell needs to use a sandbox.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::cargo;
use crate::error::{Context as _, Result};
use crate::state::Sandbox;
use crate::ui;

/// How kubectl finds a plugin, and how it finds its completion.
const PLUGIN: &str = "kubectl-";
const COMPLETION: &str = "kubectl_complete-";

/// Prints `export` lines for `eval`; the plugins are on PATH once they were built.
///
/// # Errors
///
/// When the sandbox is not up.
pub(crate) fn run(name: &str) -> Result<()> {
    let sandbox = Sandbox::attach(name)?;
    let kubeconfig = sandbox.kubeconfig().display().to_string();
    let bin_dir = sandbox.bin_dir().display().to_string();
    ui::answer(&format!("export KUBECONFIG={}", quoted(&kubeconfig)));
    let programs = cargo::programs();
    let plugins = if programs.join("kubectl-onboard").is_file() {
        format!("{}:", quoted(&programs.display().to_string()))
    } else {
        String::new()
    };
    ui::answer(&format!(
        "export PATH={plugins}{}:\"$PATH\"",
        quoted(&bin_dir)
    ));
    // Ports are used again: what kubectl remembers of a server must end with it.
    let cache = sandbox.kube_cache().display().to_string();
    ui::answer(&format!("export KUBECACHEDIR={}", quoted(&cache)));
    ui::answer(&format!("export GROUNDCREW_SANDBOX={name}"));
    Ok(())
}

/// Makes the link by which kubectl finds the completion of each plugin in a directory.
///
/// # Errors
///
/// When the directory cannot be read or written.
pub(super) fn link_completion(programs: &Path) -> Result<()> {
    let what = || format!("cannot link completion in {}", programs.display());
    for entry in fs::read_dir(programs).context(what)? {
        let name = entry.context(what)?.file_name();
        let plugin = name.to_str().and_then(|name| name.strip_prefix(PLUGIN));
        let Some(plugin) = plugin.filter(|plugin| !plugin.contains('.')) else {
            continue;
        };
        let link = programs.join(format!("{COMPLETION}{plugin}"));
        if fs::symlink_metadata(&link).is_err() {
            symlink(&name, &link).context(what)?;
        }
    }
    Ok(())
}

/// Quotes for every POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_plugin_gets_one_link_and_nothing_else_does() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["kubectl-ns_claim", "kubectl-ns_claim.d", "web"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        link_completion(dir.path()).unwrap();
        link_completion(dir.path()).unwrap();
        let links: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_symlink())
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(links, ["kubectl_complete-ns_claim"]);
    }

    #[test]
    fn a_path_with_blanks_and_quotes_survives_the_shell() {
        let path = "/a b/it's $HOME";
        let output = std::process::Command::new("sh")
            .args(["-c", &format!("printf %s {}", quoted(path))])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), path);
    }
}
