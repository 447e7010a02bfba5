//! What a policy asks of each container.

use serde_json::Value;

use super::super::errors::{boolean, forbidden, go_list, invalid, required};
use super::super::kinds::array;
use super::super::mutate::APP_ARMOR_ALLOWED;
use super::super::policy::Policy;
use super::super::prepare::seccomp_annotation;
use super::super::strategies::{groups, ranges_text, se_linux, seccomp};
use crate::model::pod::{APP_ARMOR_ANNOTATION, SECCOMP_ANNOTATION, SECCOMP_POD_ANNOTATION};
use crate::model::text::go_quote;

pub(super) fn validate(
    policy: &Policy,
    pod: &Value,
    container: &Value,
    path: &str,
    errors: &mut Vec<String>,
) {
    let spec = &policy.spec;
    let own = &container["securityContext"];
    let of_pod = &pod["spec"]["securityContext"];
    let effective = |field: &str| {
        if own[field].is_null() {
            &of_pod[field]
        } else {
            &own[field]
        }
    };
    let context = format!("{path}.securityContext");
    user(
        policy,
        &context,
        effective("runAsNonRoot"),
        effective("runAsUser"),
        errors,
    );
    if let Some(rule) = &spec.run_as_group {
        let group = effective("runAsGroup").as_i64().map(|group| vec![group]);
        groups(rule, &context, group, errors);
    }
    let options = effective("seLinuxOptions");
    se_linux(
        policy,
        &format!("{context}.seLinuxOptions"),
        options,
        errors,
    );
    app_armor(policy, pod, container, errors);
    let name = container["name"].as_str().unwrap_or_default();
    let annotation = format!("pod.metadata.annotations[{SECCOMP_ANNOTATION}{name}]");
    seccomp(policy, &annotation, &profile(pod, container), errors);
    if own["privileged"] == true && !spec.privileged {
        let detail = "Privileged containers are not allowed";
        errors.push(invalid(&format!("{context}.privileged"), "true", detail));
    }
    // The field of policies that allows others is dropped by 1.24: its gate is off.
    let mount = own["procMount"].as_str().unwrap_or("Default");
    if mount != "Default" {
        let detail = "ProcMountType is not allowed";
        errors.push(invalid(
            &format!("{context}.procMount"),
            &go_quote(mount),
            detail,
        ));
    }
    capabilities(
        policy,
        &format!("{context}.capabilities"),
        &own["capabilities"],
        errors,
    );
    ports(policy, container, path, errors);
    let read_only = own["readOnlyRootFilesystem"].as_bool();
    if spec.read_only_root_filesystem && read_only != Some(true) {
        let detail = match read_only {
            None => "ReadOnlyRootFilesystem may not be nil and must be set to true",
            Some(_) => "ReadOnlyRootFilesystem must be set to true",
        };
        let path = format!("{context}.readOnlyRootFilesystem");
        errors.push(invalid(&path, &boolean(read_only), detail));
    }
    let escalation = own["allowPrivilegeEscalation"].as_bool();
    if !policy.allows_escalation() && escalation != Some(false) {
        let path = format!("{context}.allowPrivilegeEscalation");
        let detail = "Allowing privilege escalation for containers is not allowed";
        errors.push(invalid(&path, &boolean(escalation), detail));
    }
}

/// `user/mustrunas.go` and `user/nonroot.go`.
fn user(policy: &Policy, path: &str, non_root: &Value, uid: &Value, errors: &mut Vec<String>) {
    let rule = &policy.spec.run_as_user;
    let (non_root, uid) = (non_root.as_bool(), uid.as_i64());
    match rule.rule.as_str() {
        "MustRunAs" => match uid {
            None => errors.push(required(&format!("{path}.runAsUser"), "")),
            Some(uid) if !rule.ranges.iter().any(|range| range.contains(uid)) => {
                let detail = format!("must be in the ranges: {}", ranges_text(&rule.ranges));
                errors.push(invalid(
                    &format!("{path}.runAsUser"),
                    &uid.to_string(),
                    &detail,
                ));
            }
            Some(_) => {}
        },
        "MustRunAsNonRoot" => {
            if non_root.is_none() && uid.is_none() {
                errors.push(required(&format!("{path}.runAsNonRoot"), "must be true"));
            } else if non_root == Some(false) {
                errors.push(invalid(
                    &format!("{path}.runAsNonRoot"),
                    "false",
                    "must be true",
                ));
            } else if uid == Some(0) {
                let detail = "running with the root UID is forbidden";
                errors.push(invalid(&format!("{path}.runAsUser"), "0", detail));
            }
        }
        _ => {}
    }
}

/// `apparmor/strategy.go`: no list allows everything.
fn app_armor(policy: &Policy, pod: &Value, container: &Value, errors: &mut Vec<String>) {
    let Some(list) = policy.metadata.annotations.get(APP_ARMOR_ALLOWED) else {
        return;
    };
    let key = format!(
        "{APP_ARMOR_ANNOTATION}{}",
        container["name"].as_str().unwrap_or_default()
    );
    let path = format!("pod.metadata.annotations[{key}]");
    let profile = pod["metadata"]["annotations"][&key]
        .as_str()
        .unwrap_or_default();
    if profile.is_empty() {
        errors.push(forbidden(&path, "AppArmor profile must be set"));
    } else if !list.split(',').any(|allowed| allowed == profile) {
        let list = go_quote(list);
        let detail = format!("{profile} is not an allowed profile. Allowed values: {list}");
        errors.push(forbidden(&path, &detail));
    }
}

/// `profileForContainer` in `seccomp/strategy.go`.
fn profile(pod: &Value, container: &Value) -> String {
    let own = &container["securityContext"]["seccompProfile"];
    if !own.is_null() {
        return seccomp_annotation(own);
    }
    let name = container["name"].as_str().unwrap_or_default();
    let annotations = &pod["metadata"]["annotations"];
    if let Some(value) = annotations[format!("{SECCOMP_ANNOTATION}{name}")].as_str() {
        return value.to_owned();
    }
    let of_pod = &pod["spec"]["securityContext"]["seccompProfile"];
    if !of_pod.is_null() {
        return seccomp_annotation(of_pod);
    }
    annotations[SECCOMP_POD_ANNOTATION]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// `capabilities/capabilities.go`: `*` skips everything, required drops too.
fn capabilities(policy: &Policy, path: &str, own: &Value, errors: &mut Vec<String>) {
    let spec = &policy.spec;
    if own.is_null() {
        if !spec.default_add_capabilities.is_empty() || !spec.required_drop_capabilities.is_empty()
        {
            let detail = "required capabilities are not set on the securityContext";
            errors.push(invalid(path, &go_quote("null"), detail));
        }
        return;
    }
    if spec
        .allowed_capabilities
        .iter()
        .any(|allowed| allowed == "*")
    {
        return;
    }
    for added in array(&own["add"]).iter().filter_map(Value::as_str) {
        let mut allowed = spec
            .default_add_capabilities
            .iter()
            .chain(&spec.allowed_capabilities);
        if !allowed.any(|allowed| allowed == added) {
            let detail = "capability may not be added";
            errors.push(invalid(&format!("{path}.add"), &go_quote(added), detail));
        }
    }
    let dropped = own["drop"].as_array().map(|list| {
        list.iter()
            .filter_map(Value::as_str)
            .map(go_quote)
            .collect::<Vec<_>>()
    });
    for wanted in &spec.required_drop_capabilities {
        let quoted = go_quote(wanted);
        if !dropped
            .as_ref()
            .is_some_and(|dropped| dropped.contains(&quoted))
        {
            let detail = format!("{wanted} is required to be dropped but was not found");
            let printed = go_list("core.Capability", dropped.clone());
            errors.push(invalid(&format!("{path}.drop"), &printed, &detail));
        }
    }
}

fn ports(policy: &Policy, container: &Value, path: &str, errors: &mut Vec<String>) {
    let ranges = &policy.spec.host_ports;
    for port in array(&container["ports"]) {
        let Some(port) = port["hostPort"].as_i64().filter(|port| *port > 0) else {
            continue;
        };
        if ranges.iter().any(|range| range.contains(port)) {
            continue;
        }
        let list: Vec<String> = ranges
            .iter()
            .map(|range| match range.min == range.max {
                true => range.min.to_string(),
                false => format!("{}-{}", range.min, range.max),
            })
            .collect();
        let list = list.join(",");
        let detail = format!("Host port {port} is not allowed to be used. Allowed ports: [{list}]");
        errors.push(invalid(
            &format!("{path}.hostPort"),
            &port.to_string(),
            &detail,
        ));
    }
}
