//! What a policy asks of a pod, in the server's order and words. Source: `ValidatePod` in
//! `provider.go` and the strategies beside it.

mod container;

use serde_json::Value;

use super::errors::{forbidden, go_list, invalid, required};
use super::mutate::SECCOMP_ALLOWED;
use super::policy::{IdRange, Policy, Rule};
use super::prepare::{LISTS, seccomp_annotation};
use crate::pod::SECCOMP_POD_ANNOTATION;
use crate::text::go_quote;

/// Returns what is wrong with a pod.
pub(super) fn validate(policy: &Policy, pod: &Value) -> Vec<String> {
    let spec = &policy.spec;
    let context = &pod["spec"]["securityContext"];
    let mut errors = Vec::new();
    let fs_group = context["fsGroup"].as_i64().map(|group| vec![group]);
    groups(
        &spec.fs_group,
        "spec.securityContext.fsGroup",
        fs_group,
        &mut errors,
    );
    let groups_of_pod = context["supplementalGroups"]
        .as_array()
        .map(|list| list.iter().filter_map(Value::as_i64).collect());
    let path = "spec.securityContext.supplementalGroups";
    groups(&spec.supplemental_groups, path, groups_of_pod, &mut errors);
    let profile = pod_profile(pod);
    let path = format!("pod.metadata.annotations[{SECCOMP_POD_ANNOTATION}]");
    seccomp(policy, &path, &profile, &mut errors);
    let path = "spec.securityContext.seLinuxOptions";
    se_linux(policy, path, &context["seLinuxOptions"], &mut errors);
    for (field, name, allowed) in [
        ("hostNetwork", "network", spec.host_network),
        ("hostPID", "PID", spec.host_pid),
        ("hostIPC", "IPC", spec.host_ipc),
    ] {
        if pod["spec"][field] == true && !allowed {
            let detail = format!("Host {name} is not allowed to be used");
            errors.push(invalid(
                &format!("spec.securityContext.{field}"),
                "true",
                &detail,
            ));
        }
    }
    sysctls(policy, &context["sysctls"], &mut errors);
    volumes(policy, pod, &mut errors);
    if let Some(classes) = &spec.runtime_class
        && let Some(class) = pod["spec"]["runtimeClassName"].as_str()
        && !classes
            .allowed_runtime_class_names
            .iter()
            .any(|allowed| allowed == "*" || allowed == class)
    {
        errors.push(invalid("spec.runtimeClassName", &go_quote(class), ""));
    }
    for list in LISTS {
        for (index, container) in array(&pod["spec"][list]).iter().enumerate() {
            let path = format!("spec.{list}[{index}]");
            container::validate(policy, pod, container, &path, &mut errors);
        }
    }
    errors
}

pub(super) fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Prints ranges as `%v` does: `[{1 5} {7 9}]`.
fn ranges_text(ranges: &[IdRange]) -> String {
    let parts: Vec<String> = ranges
        .iter()
        .map(|range| format!("{{{} {}}}", range.min, range.max))
        .collect();
    format!("[{}]", parts.join(" "))
}

/// `group/mustrunas.go` and `group/mayrunas.go`.
fn groups(rule: &Rule, path: &str, groups: Option<Vec<i64>>, errors: &mut Vec<String>) {
    if rule.rule != "MustRunAs" && rule.rule != "MayRunAs" {
        return;
    }
    let printed = go_list(
        "int64",
        groups
            .as_ref()
            .map(|groups| groups.iter().map(ToString::to_string).collect()),
    );
    let groups = groups.unwrap_or_default();
    if rule.rule == "MustRunAs" && groups.is_empty() {
        let detail = "unable to validate empty groups against required ranges";
        errors.push(invalid(path, &printed, detail));
    }
    for group in groups {
        if !rule.ranges.iter().any(|range| range.contains(group)) {
            let ranges = ranges_text(&rule.ranges);
            let detail = format!("group {group} must be in the ranges: {ranges}");
            errors.push(invalid(path, &printed, &detail));
        }
    }
}

fn pod_profile(pod: &Value) -> String {
    let annotation = pod["metadata"]["annotations"][SECCOMP_POD_ANNOTATION].as_str();
    match annotation {
        Some(annotation) if !annotation.is_empty() => annotation.to_owned(),
        _ => seccomp_annotation(&pod["spec"]["securityContext"]["seccompProfile"]),
    }
}

/// `seccomp/strategy.go`: no list allows only what is not set; an empty element of the list is that
/// as well; `docker/default` and `runtime/default` are one.
fn seccomp(policy: &Policy, path: &str, profile: &str, errors: &mut Vec<String>) {
    let list = policy.metadata.annotations.get(SECCOMP_ALLOWED);
    let text = list.map(String::as_str).unwrap_or_default();
    let elements: Vec<&str> = list
        .map(|list| list.split(',').collect())
        .unwrap_or_default();
    let any = elements.contains(&"*");
    let named: Vec<&str> = elements
        .into_iter()
        .filter(|element| *element != "*")
        .collect();
    if any {
        return;
    }
    if named.is_empty() {
        if !profile.is_empty() {
            errors.push(forbidden(path, "seccomp may not be set"));
        }
        return;
    }
    let is_default = |profile: &str| matches!(profile, "docker/default" | "runtime/default");
    let allowed = named.contains(&profile)
        || (is_default(profile) && named.iter().any(|element| is_default(element)));
    if !allowed {
        let detail =
            format!("{profile} is not an allowed seccomp profile. Valid values are {text}");
        errors.push(forbidden(path, &detail));
    }
}

/// `selinux/mustrunas.go`: categories are a set, ranges of them are not opened.
fn se_linux(policy: &Policy, path: &str, options: &Value, errors: &mut Vec<String>) {
    let rule = &policy.spec.se_linux;
    if rule.rule != "MustRunAs" {
        return;
    }
    if options.is_null() {
        errors.push(required(path, ""));
        return;
    }
    let wanted = rule.se_linux_options.clone().unwrap_or_default();
    for field in ["level", "role", "type", "user"] {
        let is = options[field].as_str().unwrap_or_default();
        let must = wanted[field].as_str().unwrap_or_default();
        let equal = if field == "level" {
            equal_levels(must, is)
        } else {
            must == is
        };
        if !equal {
            let detail = format!("must be {must}");
            errors.push(invalid(&format!("{path}.{field}"), &go_quote(is), &detail));
        }
    }
}

fn equal_levels(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let (Some((sensitivity, categories)), Some((other, others))) =
        (one.split_once(':'), other.split_once(':'))
    else {
        return false;
    };
    let sorted = |list: &str| {
        let mut list: Vec<String> = list.split(',').map(str::to_owned).collect();
        list.sort_unstable();
        list
    };
    sensitivity == other && sorted(categories) == sorted(others)
}

/// Kernel parameters that every policy allows: `SafeSysctlAllowlist`.
pub(super) const SAFE_SYSCTLS: [&str; 5] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
];

/// `sysctl/mustmatchpatterns.go`.
fn sysctls(policy: &Policy, list: &Value, errors: &mut Vec<String>) {
    let fits = |patterns: &[String], name: &str| {
        patterns
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => name == pattern,
            })
    };
    for (index, sysctl) in array(list).iter().enumerate() {
        let name = sysctl["name"].as_str().unwrap_or_default();
        let path = format!("pod.spec.securityContext.sysctls[{index}]");
        if fits(&policy.spec.forbidden_sysctls, name) {
            let detail = format!("sysctl {} is not allowed", go_quote(name));
            errors.push(forbidden(&path, &detail));
        } else if !SAFE_SYSCTLS.contains(&name) && !fits(&policy.spec.allowed_unsafe_sysctls, name)
        {
            let detail = format!("unsafe sysctl {} is not allowed", go_quote(name));
            errors.push(forbidden(&path, &detail));
        }
    }
}

/// Sorts of volumes in the order in which `GetVolumeFSType` of `util/util.go` looks for them.
pub(super) const VOLUMES: [&str; 29] = [
    "hostPath",
    "emptyDir",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "persistentVolumeClaim",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "downwardAPI",
    "fc",
    "azureFile",
    "configMap",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "storageos",
    "projected",
    "portworxVolume",
    "scaleIO",
    "csi",
    "ephemeral",
];

/// Returns the sort of a volume as policies call it.
pub(super) fn volume_kind(volume: &Value) -> Option<&'static str> {
    let kind = VOLUMES.iter().find(|kind| !volume[**kind].is_null())?;
    // One is spelt otherwise in policies.
    Some(if *kind == "cephfs" { "cephFS" } else { *kind })
}

fn volumes(policy: &Policy, pod: &Value, errors: &mut Vec<String>) {
    let spec = &policy.spec;
    for (index, volume) in array(&pod["spec"]["volumes"]).iter().enumerate() {
        let path = format!("spec.volumes[{index}]");
        let Some(kind) = volume_kind(volume) else {
            continue;
        };
        let allows = |kind: &str| spec.volumes.iter().any(|allowed| allowed == kind);
        let allowed = allows("*")
            || allows(kind)
            || (kind == "projected" && allows("secret") && is_token(&volume["projected"]));
        if !allowed {
            let detail = format!("{kind} volumes are not allowed to be used");
            errors.push(invalid(&path, &go_quote(kind), &detail));
            continue;
        }
        let driver = |source: &str| volume[source]["driver"].as_str().unwrap_or_default();
        match kind {
            "hostPath" => host_path(policy, pod, volume, &path, errors),
            "flexVolume" if !spec.allowed_flex_volumes.is_empty() => {
                let driver = driver("flexVolume");
                if !spec
                    .allowed_flex_volumes
                    .iter()
                    .any(|allowed| allowed.driver == driver)
                {
                    let detail = "Flexvolume driver is not allowed to be used";
                    errors.push(invalid(
                        &format!("{path}.driver"),
                        &go_quote(driver),
                        detail,
                    ));
                }
            }
            "csi" if !spec.allowed_csi_drivers.is_empty() => {
                let driver = driver("csi");
                if !spec
                    .allowed_csi_drivers
                    .iter()
                    .any(|allowed| allowed.name == driver)
                {
                    let detail = "Inline CSI driver is not allowed to be used";
                    errors.push(invalid(
                        &format!("{path}.csi.driver"),
                        &go_quote(driver),
                        detail,
                    ));
                }
            }
            _ => {}
        }
    }
}

/// `AllowsHostVolumePath` in `util/util.go`: no list is every path, a writable entry wins.
fn host_path(policy: &Policy, pod: &Value, volume: &Value, path: &str, errors: &mut Vec<String>) {
    let paths = &policy.spec.allowed_host_paths;
    if paths.is_empty() {
        return;
    }
    let mounted = volume["hostPath"]["path"].as_str().unwrap_or_default();
    let fitting: Vec<bool> = paths
        .iter()
        .filter(|allowed| has_prefix(mounted, &allowed.path_prefix))
        .map(|allowed| allowed.read_only)
        .collect();
    if fitting.is_empty() {
        let path = format!("{path}.hostPath.pathPrefix");
        errors.push(invalid(
            &path,
            &go_quote(mounted),
            "is not allowed to be used",
        ));
    } else if fitting.iter().all(|read_only| *read_only) {
        for list in LISTS {
            for (index, container) in array(&pod["spec"][list]).iter().enumerate() {
                for (number, mount) in array(&container["volumeMounts"]).iter().enumerate() {
                    if mount["name"] == volume["name"] && mount["readOnly"] != true {
                        let path = format!("spec.{list}[{index}].volumeMounts[{number}].readOnly");
                        errors.push(invalid(&path, "false", "must be read-only"));
                    }
                }
            }
        }
    }
}

pub(super) fn has_prefix(path: &str, prefix: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// `IsOnlyServiceAccountTokenSources` in `util/util.go`.
pub(super) fn is_token(projected: &Value) -> bool {
    array(&projected["sources"]).iter().all(|source| {
        let (token, map, downward) = (
            &source["serviceAccountToken"],
            &source["configMap"],
            &source["downwardAPI"],
        );
        let known = !token.is_null() || !map.is_null() || !downward.is_null();
        let token = token.is_null()
            || (token["path"] == "token"
                && token["audience"].as_str().unwrap_or_default().is_empty());
        let map = map.is_null() || map["name"] == "kube-root-ca.crt";
        let downward = array(&downward["items"]).iter().all(|item| {
            let reference = &item["fieldRef"];
            // The version is defaulted.
            let version = reference["apiVersion"].as_str().unwrap_or("v1");
            item["path"] == "namespace"
                && version == "v1"
                && reference["fieldPath"] == "metadata.namespace"
        });
        known && token && map && downward
    })
}
