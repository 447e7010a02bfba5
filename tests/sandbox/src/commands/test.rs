//! `test`: every test of the workspace, with sandboxes for those that need one.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::process::{Command, ExitCode};

use super::{cargo, down, up};
use crate::addons::Addons;
use crate::error::{Context as _, Result};
use crate::kubernetes::WITH_POD_SECURITY_POLICY;
use crate::lifecycle::RealNode;
use crate::lock::Lock;
use crate::source::Source;
use crate::{layout, ui};

/// The sandbox of almost all tests.
const MAIN: &str = "test";
/// The sandbox whose certificate requests are never issued.
const NO_SIGNER: &str = "test-no-signer";
/// The sandbox that still has PodSecurityPolicy.
const POLICIES: &str = "test-psp";

/// The sandbox whose controllers are slow.
const SLOW: &str = "test-slow";

/// Names what is built for the tests although that takes long: `gateway,prometheus`.
const WITH: &str = "GROUNDCREW_TEST_WITH";

/// The sandbox of the core, beside which those of the whole suite may be up.
const CORE: &str = "test-core";

/// What is to be tested.
#[derive(Debug)]
pub(crate) struct Options {
    /// Only tests whose name contains this.
    pub filter: Option<String>,
    /// Leaves the sandboxes up.
    pub keep: bool,
    /// Which Kubernetes, such as `1.37`.
    pub kubernetes: String,
    /// Only a few end-to-end cases of each plugin, on one sandbox.
    pub core: bool,
}

/// Runs the tests; ends with their exit code.
///
/// # Errors
///
/// When the workspace does not build or a sandbox does not start.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let lock = layout::root().join("test.lock");
    let _lock = Lock::acquire(&lock, "another cargo sandbox test")?;
    let result = with_sandboxes(options);
    let names: &[&str] = if options.core {
        &[CORE]
    } else {
        &[MAIN, NO_SIGNER, POLICIES, SLOW]
    };
    if options.keep {
        ui::status(&format!(
            "left up: {}\n  eval \"$(cargo sandbox env --name {})\"\n  cargo sandbox down --all",
            names.join(", "),
            names[0],
        ));
    } else {
        for name in names {
            if let Err(error) = down::quietly(name) {
                ui::error(&error);
            }
        }
    }
    result
}

fn with_sandboxes(options: &Options) -> Result<ExitCode> {
    // Before cargo, which takes longer to say less: without Go there is nothing to wait for.
    let own_control_planes = Source::from_env()? == Source::Built;
    let skips = layout::root().join("skips.tsv");
    let mut command = cargo::command();
    command
        .args(["test", "--no-fail-fast"])
        .env("GROUNDCREW_TEST_SKIPS", &skips)
        .env_remove("GROUNDCREW_SANDBOX_NO_SIGNER")
        .env_remove("GROUNDCREW_SANDBOX_PSP")
        .env_remove("GROUNDCREW_SANDBOX_SLOW")
        .env_remove("GROUNDCREW_TEST_CORE");
    let version = &options.kubernetes;
    if options.core {
        up::run(&sandbox(CORE, version, 3, RealNode::No, true))?;
        command
            .args(["--package", "groundcrew-tests", "--test", "it"])
            .env("GROUNDCREW_SANDBOX", CORE)
            .env("GROUNDCREW_TEST_CORE", "1");
    } else {
        up::run(&sandbox(MAIN, version, 3, RealNode::IfFree, true))?;
        command.arg("--workspace").env("GROUNDCREW_SANDBOX", MAIN);
        if own_control_planes {
            up::run(&sandbox(NO_SIGNER, version, 1, RealNode::No, false))?;
            let policies = WITH_POD_SECURITY_POLICY;
            up::run(&sandbox(POLICIES, policies, 1, RealNode::No, true))?;
            up::run(&up::Options {
                slow_controllers: true,
                ..sandbox(SLOW, version, 1, RealNode::No, true)
            })?;
            command
                .env("GROUNDCREW_SANDBOX_NO_SIGNER", NO_SIGNER)
                .env("GROUNDCREW_SANDBOX_PSP", POLICIES)
                .env("GROUNDCREW_SANDBOX_SLOW", SLOW);
        }
    }
    command.env("GROUNDCREW_BIN_DIR", cargo::build_workspace()?);
    if let Some(filter) = &options.filter {
        command.arg("--").arg(filter);
    }
    fs::write(&skips, "").context(|| format!("cannot write {}", skips.display()))?;
    away_from_own_clusters(&mut command);
    let status = cargo::attend(&mut command)?;
    report_skips(&fs::read_to_string(&skips).unwrap_or_default());
    let code = status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1);
    Ok(ExitCode::from(code))
}

fn sandbox(
    name: &str,
    version: &str,
    nodes: u32,
    real_node: RealNode,
    signer: bool,
) -> up::Options {
    up::Options {
        name: name.to_owned(),
        nodes,
        real_node,
        // Only where there is a real node are they built and started.
        addons: if real_node == RealNode::No {
            Addons::default()
        } else {
            Addons::asked_or_built(&env::var(WITH).unwrap_or_default())
        },
        kubernetes: version.to_owned(),
        signer,
        slow_controllers: false,
    }
}

/// No test is to find the cluster a person works with.
fn away_from_own_clusters(command: &mut Command) {
    command.env_remove("KUBECONFIG").env("KUBERC", "off");
}

fn report_skips(text: &str) {
    for line in summary(text) {
        ui::status(&line);
    }
}

/// Groups lines of `NAME<TAB>REASON` by reason.
fn summary(text: &str) -> Vec<String> {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut count = 0;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (name, reason) = line.split_once('\t').unwrap_or((line, "no reason given"));
        by_reason.entry(reason).or_default().push(name);
        count += 1;
    }
    if count == 0 {
        return Vec::new();
    }
    let mut lines = vec![format!("skipped {count}:")];
    for (reason, names) in by_reason {
        lines.push(format!("  {} {reason}: {}", names.len(), names.join(", ")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_tests_are_counted_and_grouped_by_reason() {
        let text = "a\tneeds root\nb\tneeds a signer\nc\tneeds root\n";
        let expected = [
            "skipped 3:",
            "  1 needs a signer: b",
            "  2 needs root: a, c",
        ]
        .map(str::to_owned);
        assert_eq!(summary(text), expected);
        assert!(summary("").is_empty());
    }

    #[test]
    fn a_skip_without_a_reason_still_counts() {
        assert_eq!(summary("a\n")[0], "skipped 1:");
    }
}
