//! `kubectl psp-advise` against the real API server: the same verdicts, in the same words.

pub(crate) mod corpus;
pub(crate) mod policies;
pub(crate) mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use harness::{Case, Need, Suite};
use serde_json::Value;

use corpus::{Dice, controller, pod};
use world::{decided, list, namespaces};

/// Pods per policy; with every policy of two levels that makes thousands.
const PODS: usize = 40;
/// The corpus is the same in every run.
const SEED: u64 = 0x00C0_FFEE;

pub(crate) fn cases() -> Vec<Case> {
    let cluster = &[Need::Plugins, Need::Cluster, Need::Controllers];
    vec![
        Case::new(
            "the_servers_refusals_are_met_byte_for_byte",
            cluster,
            refusals,
        ),
        Case::new(
            "the_servers_warnings_about_templates_are_met_byte_for_byte",
            cluster,
            warnings,
        ),
        Case::new(
            "every_upstream_fixture_is_decided_right_by_the_right_check",
            &[Need::Plugins, Need::PodSecurityFixtures],
            fixtures,
        ),
    ]
}

/// Every policy that a namespace of this server can ask for.
fn all_policies(server: u64) -> Vec<(&'static str, String)> {
    let versions = (0..=server)
        .map(|minor| format!("v1.{minor}"))
        .chain(["latest".to_owned(), "v1.99".to_owned()]);
    versions
        .flat_map(|version| ["baseline", "restricted"].map(|level| (level, version.clone())))
        .collect()
}

fn refusals(suite: &Suite) {
    let mut dice = Dice::new(SEED);
    let policies = all_policies(suite.server_minor());
    let names = namespaces(suite, "enforce", &policies);
    let (mut valid, mut refused) = (0, 0);
    for (namespace, (level, version)) in names.iter().zip(&policies) {
        let pods: Vec<Value> = (0..PODS)
            .map(|index| pod(&mut dice, &format!("p{index}")))
            .collect();
        let server = suite
            .admin("create --dry-run=server --validate=false -f - -o name -n")
            .args([namespace])
            .stdin(&list(&pods))
            .run();
        let mut invalid = BTreeSet::new();
        let mut messages = BTreeMap::new();
        for line in server.stderr.lines() {
            if let Some((_, rest)) = line.split_once("pods \"")
                && let Some((name, message)) = rest.split_once("\" is forbidden: ")
            {
                messages.insert(name.to_owned(), message.to_owned());
            } else if let Some((_, rest)) = line.split_once("Pod \"")
                && let Some((name, _)) = rest.split_once("\" is invalid")
            {
                invalid.insert(name.to_owned());
            }
        }
        let mut expected = decided(suite, &pods, level, version);
        expected.retain(|name, _| !invalid.contains(name));
        valid += pods.len() - invalid.len();
        refused += messages.len();
        assert_eq!(expected, messages, "{level}:{version}\n{server}");
        let passed = server.stdout.lines().count();
        assert_eq!(
            passed,
            pods.len() - invalid.len() - messages.len(),
            "{server}"
        );
    }
    assert!(valid > 2000, "most of the corpus is valid: {valid}");
    assert!(refused > 1000 && refused < valid, "{refused} of {valid}");
}

fn warnings(suite: &Suite) {
    let mut dice = Dice::new(SEED + 1);
    let policies = all_policies(suite.server_minor());
    let names = namespaces(suite, "warn", &policies);
    let mut seen = 0;
    for (namespace, (level, version)) in names.iter().zip(&policies) {
        let objects: Vec<Value> = (0..PODS)
            .map(|index| {
                let pod = pod(&mut dice, &format!("p{index}"));
                if index % 4 == 0 {
                    pod
                } else {
                    controller(&mut dice, &pod)
                }
            })
            .collect();
        let server = suite
            .admin("create --dry-run=server --validate=false -f - -o name -n")
            .args([namespace])
            .stdin(&list(&objects))
            .run();
        let passed: BTreeSet<&str> = server
            .stdout
            .lines()
            .filter_map(|line| line.split_once('/').map(|(_, name)| name))
            .collect();
        let warned: BTreeSet<String> = server
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix("Warning: "))
            .filter(|text| text.starts_with("would violate PodSecurity"))
            .map(str::to_owned)
            .collect();
        let expected: BTreeSet<String> = decided(suite, &objects, level, version)
            .into_iter()
            .filter(|(name, _)| passed.contains(name.as_str()))
            .map(|(_, message)| message.replacen("violates", "would violate", 1))
            .collect();
        seen += warned.len();
        assert_eq!(expected, warned, "{level}:{version}\n{server}");
    }
    assert!(seen > 1000, "{seen} warnings");
}

fn fixtures(suite: &Suite) {
    let root = harness::pod_security_fixtures().expect("the case needs them");
    let mut count = 0;
    for level in ["baseline", "restricted"] {
        for version in sorted(&root.join(level)) {
            for verdict in ["pass", "fail"] {
                count += fixture_folder(suite, &version, level, verdict);
            }
        }
    }
    assert_eq!(count, 4241, "every fixture of the pinned version");
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the fixtures can be read");
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn fixture_folder(suite: &Suite, version: &Path, level: &str, verdict: &str) -> usize {
    let name = version
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let output = suite
        .program(&suite.plugin("kubectl-psp_advise"))
        .line("-o jsonl --fail-on never --server-version v1.36 --level")
        .args([level, "--version", &name, "-f"])
        .args([version.join(verdict)])
        .run();
    let lines: Vec<&str> = output.success().stdout.lines().collect();
    for line in &lines {
        let decision: Value = serde_json::from_str(line).expect("a line is a document");
        let file = Path::new(decision["file"].as_str().unwrap_or_default());
        assert_eq!(decision["allowed"], verdict == "pass", "{}", file.display());
        if verdict == "fail" {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            let wanted = stem.trim_end_matches(|c: char| c.is_ascii_digit());
            let checks = decision["checks"].as_array().cloned().unwrap_or_default();
            let ids: Vec<String> = checks
                .iter()
                .map(|check| check["id"].as_str().unwrap_or_default().to_lowercase())
                .collect();
            // Within restricted some checks replace their baseline ones.
            let replaced = match wanted {
                "hostpathvolumes" => "restrictedvolumes".to_owned(),
                "procmount" => "procmount_restricted".to_owned(),
                _ => wanted.replace("_baseline", "_restricted"),
            };
            assert!(
                ids.iter().any(|id| *id == wanted || *id == replaced),
                "{wanted}: {line}"
            );
        }
    }
    lines.len()
}
