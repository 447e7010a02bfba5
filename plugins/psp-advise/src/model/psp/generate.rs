//! The smallest policy that admits a set of pods and changes none of them, with its proof.

use std::collections::BTreeSet;

use serde_json::Value;

use super::admit::{Outcome, Request, decide};
use super::kinds::{SAFE_SYSCTLS, array, is_token, volume_kind};
use super::mutate::{APP_ARMOR_ALLOWED, SECCOMP_ALLOWED};
use super::policy::{
    CsiDriver, FlexVolume, HostPath, IdRange, Policy, Rule, RuntimeClass, SeLinuxRule,
};
use super::prepare::{LISTS, prepare, seccomp_annotation};
use super::tighten::tightenings;
use super::validate::has_prefix;
use crate::model::pod::{APP_ARMOR_ANNOTATION, SECCOMP_ANNOTATION, SECCOMP_POD_ANNOTATION};

/// A policy and what was verified about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// The policy.
    pub policy: Policy,
    /// Pods that it does not admit, or changes, with the reasons: none, or it is not to be used.
    pub refused: Vec<(usize, Vec<String>)>,
    /// Single tightenings that were tried.
    pub tightenings: usize,
    /// Those that would still admit every pod: none, or it is not the smallest.
    pub loose: Vec<String>,
}

/// What containers say, gathered from all pods.
#[derive(Default)]
struct Seen {
    containers: usize,
    users: Vec<Option<i64>>,
    non_root: Vec<bool>,
    groups: Vec<Option<i64>>,
    fs_groups: Vec<Option<i64>>,
    supplemental: Vec<Vec<i64>>,
    drops: Option<BTreeSet<String>>,
    seccomp: BTreeSet<String>,
    app_armor: BTreeSet<String>,
    read_only: bool,
    no_escalation: bool,
}

/// Makes the smallest policy for pods as they would be sent; the same pods make the same policy.
#[must_use]
pub fn generate(name: &str, pods: &[Value]) -> Generated {
    let prepared: Vec<Value> = pods
        .iter()
        .map(|pod| {
            let mut pod = pod.clone();
            prepare(&mut pod);
            pod
        })
        .collect();
    let policy = aggregate(name, &prepared);
    let refused = pods
        .iter()
        .enumerate()
        .filter_map(|(index, pod)| {
            let outcome = ask(&policy, pod);
            let reasons = outcome.reasons.into_values().flatten().collect();
            let good = outcome.policy.is_some() && !changes(outcome.mutated, pod);
            (!good).then_some((index, reasons))
        })
        .collect();
    let tightenings = tightenings(&policy);
    let loose = tightenings
        .iter()
        .filter(|(_, tighter)| {
            pods.iter().all(|pod| {
                let outcome = ask(tighter, pod);
                outcome.policy.is_some() && !changes(outcome.mutated, pod)
            })
        })
        .map(|(what, _)| what.clone())
        .collect();
    Generated {
        policy,
        refused,
        tightenings: tightenings.len(),
        loose,
    }
}

fn ask(policy: &Policy, pod: &Value) -> Outcome {
    let request = Request {
        pod,
        namespace: "default",
        user: None,
        rbac: None,
    };
    decide(std::slice::from_ref(policy), &request)
}

/// A pod's seccomp field without its annotation is completed by every policy: that change does not
/// count.
fn changes(mutated: bool, pod: &Value) -> bool {
    let field = &pod["spec"]["securityContext"]["seccompProfile"];
    let annotation = &pod["metadata"]["annotations"][SECCOMP_POD_ANNOTATION];
    mutated && (field.is_null() || !annotation.is_null())
}

fn aggregate(name: &str, pods: &[Value]) -> Policy {
    let mut policy = Policy::default();
    name.clone_into(&mut policy.metadata.name);
    let mut seen = Seen {
        read_only: true,
        no_escalation: true,
        ..Seen::default()
    };
    let (mut volumes, mut ports) = (BTreeSet::new(), BTreeSet::new());
    let (mut adds, mut sysctls) = (BTreeSet::new(), BTreeSet::new());
    let (mut flex, mut csi, mut classes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut paths: Vec<HostPath> = Vec::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for pod in pods {
        let spec = &pod["spec"];
        policy.spec.host_network |= spec["hostNetwork"] == true;
        policy.spec.host_pid |= spec["hostPID"] == true;
        policy.spec.host_ipc |= spec["hostIPC"] == true;
        if let Some(class) = spec["runtimeClassName"].as_str() {
            classes.insert(class.to_owned());
        }
        for sysctl in array(&spec["securityContext"]["sysctls"]) {
            let name = text(&sysctl["name"]);
            if !SAFE_SYSCTLS.contains(&name.as_str()) {
                // A policy cannot name one with slashes: validation refuses that, not a pattern.
                sysctls.insert(match name.split_once('/') {
                    Some((first, _)) => format!("{first}*"),
                    None => name,
                });
            }
        }
        seen.fs_groups
            .push(spec["securityContext"]["fsGroup"].as_i64());
        seen.supplemental.push(
            array(&spec["securityContext"]["supplementalGroups"])
                .iter()
                .filter_map(Value::as_i64)
                .collect(),
        );
        for volume in array(&spec["volumes"]) {
            let Some(kind) = volume_kind(volume) else {
                continue;
            };
            let token = kind == "projected" && is_token(&volume["projected"]);
            volumes.insert(if token { "(token)" } else { kind }.to_owned());
            match kind {
                "hostPath" => paths.push(path(pod, volume)),
                "flexVolume" => {
                    flex.insert(text(&volume["flexVolume"]["driver"]));
                }
                "csi" => {
                    csi.insert(text(&volume["csi"]["driver"]));
                }
                _ => {}
            }
        }
        seen.seccomp.insert(profile_of_pod(pod));
        for list in LISTS {
            for container in array(&spec[list]) {
                policy.spec.privileged |= container["securityContext"]["privileged"] == true;
                ports.extend(
                    array(&container["ports"])
                        .iter()
                        .filter_map(|port| port["hostPort"].as_i64())
                        .filter(|port| *port > 0),
                );
                let own = &container["securityContext"];
                adds.extend(array(&own["capabilities"]["add"]).iter().map(text));
                look(&mut seen, pod, container);
            }
        }
    }
    // Secrets cover the token; where there are none, `projected` is the narrower word.
    if volumes.remove("(token)") && !volumes.contains("secret") {
        volumes.insert("projected".to_owned());
    }
    let spec = &mut policy.spec;
    spec.volumes = volumes.into_iter().collect();
    spec.host_ports = ranges(ports);
    spec.allowed_capabilities = adds.into_iter().collect();
    spec.required_drop_capabilities = seen
        .drops
        .take()
        .unwrap_or_default()
        .into_iter()
        // What one container adds cannot be dropped everywhere.
        .filter(|drop| !spec.allowed_capabilities.contains(drop))
        .collect();
    spec.allowed_unsafe_sysctls = sysctls.into_iter().collect();
    spec.allowed_host_paths = covering(paths);
    spec.allowed_flex_volumes = flex
        .into_iter()
        .map(|driver| FlexVolume { driver })
        .collect();
    spec.allowed_csi_drivers = csi.into_iter().map(|name| CsiDriver { name }).collect();
    spec.runtime_class = Some(RuntimeClass {
        default_runtime_class_name: None,
        allowed_runtime_class_names: classes.into_iter().collect(),
    });
    spec.read_only_root_filesystem = seen.containers > 0 && seen.read_only;
    spec.allow_privilege_escalation = Some(seen.containers == 0 || !seen.no_escalation);
    spec.se_linux = SeLinuxRule {
        rule: "RunAsAny".to_owned(),
        se_linux_options: None,
    };
    spec.run_as_user = user(&seen);
    spec.run_as_group = Some(identity(&seen.groups));
    spec.fs_group = identity(&seen.fs_groups);
    spec.supplemental_groups = supplemental(&seen.supplemental);
    annotations(&mut policy, &seen);
    policy
}

fn look(seen: &mut Seen, pod: &Value, container: &Value) {
    let own = &container["securityContext"];
    let of_pod = &pod["spec"]["securityContext"];
    let effective = |field: &str| {
        if own[field].is_null() {
            &of_pod[field]
        } else {
            &own[field]
        }
    };
    seen.containers += 1;
    let uid = effective("runAsUser").as_i64();
    let refuses_root = effective("runAsNonRoot").as_bool();
    seen.users.push(uid);
    seen.non_root.push(match (refuses_root, uid) {
        (Some(false), _) | (None, None) | (_, Some(0)) => false,
        (Some(true), _) | (None, Some(_)) => true,
    });
    seen.groups.push(effective("runAsGroup").as_i64());
    seen.read_only &= own["readOnlyRootFilesystem"] == true;
    seen.no_escalation &= own["allowPrivilegeEscalation"] == false;
    let drops: BTreeSet<String> = array(&own["capabilities"]["drop"])
        .iter()
        .filter_map(|drop| drop.as_str().map(str::to_owned))
        .collect();
    seen.drops = Some(match seen.drops.take() {
        Some(known) => known.intersection(&drops).cloned().collect(),
        None => drops,
    });
    let annotations = &pod["metadata"]["annotations"];
    let text = |key: String| annotations[key].as_str().unwrap_or_default().to_owned();
    let name = container["name"].as_str().unwrap_or_default();
    seen.app_armor
        .insert(text(format!("{APP_ARMOR_ANNOTATION}{name}")));
    let field = &own["seccompProfile"];
    let annotation = text(format!("{SECCOMP_ANNOTATION}{name}"));
    seen.seccomp.insert(if !field.is_null() {
        seccomp_annotation(field)
    } else if !annotation.is_empty() {
        annotation
    } else {
        profile_of_pod(pod)
    });
}

fn profile_of_pod(pod: &Value) -> String {
    let annotation = pod["metadata"]["annotations"][SECCOMP_POD_ANNOTATION].as_str();
    match annotation {
        Some(annotation) if !annotation.is_empty() => annotation.to_owned(),
        _ => seccomp_annotation(&pod["spec"]["securityContext"]["seccompProfile"]),
    }
}

fn path(pod: &Value, volume: &Value) -> HostPath {
    let name = &volume["name"];
    let read_only = LISTS.iter().all(|list| {
        array(&pod["spec"][*list]).iter().all(|container| {
            array(&container["volumeMounts"])
                .iter()
                .filter(|mount| mount["name"] == *name)
                .all(|mount| mount["readOnly"] == true)
        })
    });
    HostPath {
        path_prefix: volume["hostPath"]["path"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        read_only,
    }
}

/// Leaves out paths that another entry covers.
fn covering(mut paths: Vec<HostPath>) -> Vec<HostPath> {
    paths.sort_by(|one, other| {
        (&one.path_prefix, one.read_only).cmp(&(&other.path_prefix, other.read_only))
    });
    paths.dedup_by(|later, earlier| later.path_prefix == earlier.path_prefix);
    let all = paths.clone();
    paths.retain(|one| {
        !all.iter().any(|other| {
            other != one
                && has_prefix(&one.path_prefix, &other.path_prefix)
                && (one.read_only || !other.read_only)
        })
    });
    paths
}

/// Joins numbers that follow each other.
fn ranges(numbers: BTreeSet<i64>) -> Vec<IdRange> {
    let mut ranges: Vec<IdRange> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some(last) if last.max + 1 == number => last.max = number,
            _ => ranges.push(IdRange {
                min: number,
                max: number,
            }),
        }
    }
    ranges
}

fn rule(rule: &str, ranges: Vec<IdRange>) -> Rule {
    Rule {
        rule: rule.to_owned(),
        ranges,
    }
}

fn user(seen: &Seen) -> Rule {
    let users: Option<BTreeSet<i64>> = seen.users.iter().copied().collect();
    match users {
        Some(users) if !users.is_empty() => rule("MustRunAs", ranges(users)),
        _ if seen.containers > 0 && seen.non_root.iter().all(|it| *it) => {
            rule("MustRunAsNonRoot", Vec::new())
        }
        _ => rule("RunAsAny", Vec::new()),
    }
}

/// `MustRunAs` where everything says something, else `MayRunAs`, which changes nothing.
fn identity(ids: &[Option<i64>]) -> Rule {
    let set: BTreeSet<i64> = ids.iter().flatten().copied().collect();
    if set.is_empty() {
        // One range is needed; root's group is not in it.
        return rule(
            "MayRunAs",
            vec![IdRange {
                min: 1,
                max: 65_535,
            }],
        );
    }
    let all = ids.iter().all(Option::is_some);
    rule(if all { "MustRunAs" } else { "MayRunAs" }, ranges(set))
}

fn supplemental(lists: &[Vec<i64>]) -> Rule {
    let all = lists.iter().all(|list| !list.is_empty());
    let mut ids: Vec<Option<i64>> = lists.iter().flatten().copied().map(Some).collect();
    if !all && !ids.is_empty() {
        ids.push(None);
    }
    identity(&ids)
}

/// An empty element in a list of profiles is refused by the API, so where some have a profile and
/// some have none, any has to be allowed.
fn annotations(policy: &mut Policy, seen: &Seen) {
    if seen.seccomp.contains("") {
        if seen.seccomp.len() > 1 {
            let any = "*".to_owned();
            policy
                .metadata
                .annotations
                .insert(SECCOMP_ALLOWED.to_owned(), any);
        }
    } else if !seen.seccomp.is_empty() {
        let list: Vec<&str> = seen.seccomp.iter().map(String::as_str).collect();
        policy
            .metadata
            .annotations
            .insert(SECCOMP_ALLOWED.to_owned(), list.join(","));
    }
    if !seen.app_armor.is_empty() && !seen.app_armor.contains("") {
        let list: Vec<&str> = seen.app_armor.iter().map(String::as_str).collect();
        policy
            .metadata
            .annotations
            .insert(APP_ARMOR_ALLOWED.to_owned(), list.join(","));
    }
}
