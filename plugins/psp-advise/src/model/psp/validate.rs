//! What a policy asks of a pod, in the server's order and words. Source: `ValidatePod` in
//! `provider.go` and the strategies beside it.

mod container;

use serde_json::Value;

use super::errors::{forbidden, invalid};
use super::kinds::{SAFE_SYSCTLS, array, is_token, volume_kind};
use super::policy::Policy;
use super::prepare::{LISTS, seccomp_annotation};
use super::strategies::{groups, se_linux, seccomp};
use crate::model::pod::SECCOMP_POD_ANNOTATION;
use crate::model::text::go_quote;

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

fn pod_profile(pod: &Value) -> String {
    let annotation = pod["metadata"]["annotations"][SECCOMP_POD_ANNOTATION].as_str();
    match annotation {
        Some(annotation) if !annotation.is_empty() => annotation.to_owned(),
        _ => seccomp_annotation(&pod["spec"]["securityContext"]["seccompProfile"]),
    }
}

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
