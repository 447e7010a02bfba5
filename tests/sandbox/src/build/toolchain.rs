//! The Go on this machine: found, new enough, or explained.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::module::Module;
use crate::error::{Error, Result};

/// A Go version; the patch is 0 when it is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

impl GoVersion {
    /// Reads `1.26.8`, `go1.26`, `go1.27rc1` (a candidate counts as its release) and what
    /// vendors append, such as `go1.26.8 X:nocoverageredesign` or `1.26.8-custom`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut numbers = text.strip_prefix("go").unwrap_or(text).split('.');
        let mut next = || leading_number(numbers.next()?);
        let (major, minor) = (next()?, next()?);
        Some(Self {
            major,
            minor,
            patch: next().unwrap_or(0),
        })
    }
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

impl fmt::Display for GoVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A Go that can build a module.
#[derive(Debug)]
pub(super) struct Toolchain {
    go: PathBuf,
}

impl Toolchain {
    /// Finds `go` on PATH and checks that it, or the newer one it fetches by itself, will do.
    pub(super) fn find(module: &Module) -> Result<Self> {
        let needed = module.go_version()?;
        let Ok(go) = which::which("go") else {
            return Err(Error::new(format!(
                "cannot build Kubernetes without Go {needed} or newer"
            ))
            .cause("there is no go on PATH")
            .hint(alternatives(needed)));
        };
        let toolchain = Self { go };
        // In the module's directory go switches to the version that go.mod asks for, if it may.
        let here = toolchain.version(&module.dir, &[]);
        if here.is_some_and(|version| version >= needed) {
            return Ok(toolchain);
        }
        let local = toolchain.version(Path::new("/"), &[("GOTOOLCHAIN", "local")]);
        let found = local.or(here).map_or_else(
            || format!("{} does not tell its version", toolchain.go.display()),
            |version| format!("{} is {version}", toolchain.go.display()),
        );
        Err(Error::new(format!(
            "cannot build Kubernetes without Go {needed} or newer"
        ))
        .cause(found)
        .hint(alternatives(needed)))
    }

    fn version(&self, dir: &Path, envs: &[(&str, &str)]) -> Option<GoVersion> {
        let output = self
            .command(dir)
            .args(["env", "GOVERSION"])
            .envs(envs.iter().copied())
            .output()
            .ok()?;
        GoVersion::parse(std::str::from_utf8(&output.stdout).ok()?)
    }

    /// Prepares a `go` command that a person's own Go settings cannot lead astray.
    pub(super) fn command(&self, dir: &Path) -> Command {
        let mut command = Command::new(&self.go);
        command
            .current_dir(dir)
            .env("GOWORK", "off")
            .env("GOFLAGS", "-mod=readonly");
        for name in ["GOOS", "GOARCH", "GO111MODULE"] {
            command.env_remove(name);
        }
        command
    }
}

/// The two ways to a control plane that need no Go.
fn alternatives(needed: GoVersion) -> String {
    format!(
        "install Go {needed} or newer, or use what is there already:\n  \
         export GROUNDCREW_TEST_KUBECONFIG=FILE   # an existing throw-away cluster\n  \
         export KUBEBUILDER_ASSETS=DIR            # envtest: etcd, kube-apiserver, kubectl"
    )
}

/// Tells what to try after a failed build, from go's own last lines.
pub(super) fn hint_for_output(lines: &[String]) -> String {
    const NETWORK: [&str; 7] = [
        "dial tcp",
        "proxyconnect",
        "no such host",
        "i/o timeout",
        "connection refused",
        "tls:",
        "reading http",
    ];
    let is_about = |needles: &[&str]| {
        lines.iter().any(|line| {
            let line = line.to_lowercase();
            needles.iter().any(|needle| line.contains(needle))
        })
    };
    if is_about(&NETWORK) {
        "modules could not be downloaded: check `go env GOPROXY` and HTTPS_PROXY, then run it again"
            .to_owned()
    } else if is_about(&["no space left"]) {
        "about 6 GB are needed: `go env GOCACHE GOMODCACHE` tells where".to_owned()
    } else {
        "run it again; what is built already is kept".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_versions_are_read_in_every_notation_and_ordered_by_number() {
        let parse = |text| GoVersion::parse(text).unwrap();
        assert_eq!(parse("go1.26.8\n").to_string(), "1.26.8");
        assert_eq!(parse("go1.27rc1"), parse("1.27"));
        assert_eq!(parse("go1.26.8 X:nodwarf5"), parse("1.26.8-custom"));
        assert!(parse("1.9.7") < parse("go1.26"));
        assert!(parse("1.26.0") <= parse("1.26"));
        for text in ["", "devel +abc", "go", "1"] {
            assert_eq!(GoVersion::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_failed_download_is_told_from_a_failed_compilation() {
        let hint = |line: &str| hint_for_output(&[line.to_owned()]);
        assert!(hint("go: x@v1: Get \"…\": dial tcp: lookup x: no such host").contains("GOPROXY"));
        assert!(!hint("x.go:3:1: undefined: y").contains("GOPROXY"));
    }

    #[test]
    fn the_message_without_go_names_both_alternatives() {
        let text = alternatives(GoVersion::parse("1.26").unwrap());
        assert!(text.contains("GROUNDCREW_TEST_KUBECONFIG") && text.contains("KUBEBUILDER_ASSETS"));
    }
}
