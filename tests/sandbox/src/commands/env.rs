//! `env`: what a shell needs to use a sandbox.

use crate::error::Result;
use crate::state::Sandbox;
use crate::ui;

/// Prints `export` lines for `eval`.
///
/// # Errors
///
/// When the sandbox is not up.
pub(crate) fn run(name: &str) -> Result<()> {
    let sandbox = Sandbox::attach(name)?;
    let kubeconfig = sandbox.kubeconfig().display().to_string();
    let bin_dir = sandbox.bin_dir().display().to_string();
    ui::answer(&format!("export KUBECONFIG={}", quoted(&kubeconfig)));
    ui::answer(&format!("export PATH={}:\"$PATH\"", quoted(&bin_dir)));
    // Ports are used again: what kubectl remembers of a server must end with it.
    let cache = sandbox.kube_cache().display().to_string();
    ui::answer(&format!("export KUBECACHEDIR={}", quoted(&cache)));
    ui::answer(&format!("export GROUNDCREW_SANDBOX={name}"));
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
    fn a_path_with_blanks_and_quotes_survives_the_shell() {
        let path = "/a b/it's $HOME";
        let output = std::process::Command::new("sh")
            .args(["-c", &format!("printf %s {}", quoted(path))])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), path);
    }
}
