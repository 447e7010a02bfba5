//! What a policy sets in a pod. Source: `MutatePod` in `provider.go`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::policy::Policy;
use super::prepare::{LISTS, map, seccomp_annotation};
use crate::model::pod::{APP_ARMOR_ANNOTATION, SECCOMP_POD_ANNOTATION};

/// Annotation of a policy: what pods get that name no seccomp profile.
pub(super) const SECCOMP_DEFAULT: &str = "seccomp.security.alpha.kubernetes.io/defaultProfileName";
/// Annotation of a policy: seccomp profiles that are allowed.
pub(super) const SECCOMP_ALLOWED: &str = "seccomp.security.alpha.kubernetes.io/allowedProfileNames";
/// Annotation of a policy: what containers get that name no AppArmor profile.
pub(super) const APP_ARMOR_DEFAULT: &str =
    "apparmor.security.beta.kubernetes.io/defaultProfileName";
/// Annotation of a policy: AppArmor profiles that are allowed.
pub(super) const APP_ARMOR_ALLOWED: &str =
    "apparmor.security.beta.kubernetes.io/allowedProfileNames";

/// Sets what the policy sets; returns whether anything changed.
pub(super) fn mutate(policy: &Policy, pod: &mut Value) -> bool {
    let spec = &policy.spec;
    let mut changed = false;
    let mut set = |pod: &mut Value, field: &str, value: Value| {
        if pod["spec"]["securityContext"][field].is_null() {
            map(&mut pod["spec"], "securityContext").insert(field.to_owned(), value);
            changed = true;
        }
    };
    if spec.supplemental_groups.rule == "MustRunAs" {
        let least = spec
            .supplemental_groups
            .ranges
            .first()
            .map(|range| range.min);
        set(pod, "supplementalGroups", json!([least]));
    }
    if spec.fs_group.rule == "MustRunAs" {
        let least = spec.fs_group.ranges.first().map(|range| range.min);
        set(pod, "fsGroup", json!(least));
    }
    if spec.se_linux.rule == "MustRunAs" {
        let options = spec.se_linux.se_linux_options.clone().unwrap_or_default();
        set(pod, "seLinuxOptions", options);
    }
    changed |= seccomp(policy, pod);
    if let Some(classes) = &spec.runtime_class
        && let Some(class) = &classes.default_runtime_class_name
        && pod["spec"]["runtimeClassName"].is_null()
    {
        pod["spec"]["runtimeClassName"] = json!(class);
        changed = true;
    }
    for list in LISTS {
        let count = pod["spec"][list].as_array().map_or(0, Vec::len);
        for index in 0..count {
            changed |= container(policy, pod, list, index);
        }
    }
    changed
}

/// Only of the pod; a field without its annotation gets one, whatever the policy says.
fn seccomp(policy: &Policy, pod: &mut Value) -> bool {
    let annotation = pod["metadata"]["annotations"][SECCOMP_POD_ANNOTATION].as_str();
    if annotation.is_some_and(|annotation| !annotation.is_empty()) {
        return false;
    }
    let field = &pod["spec"]["securityContext"]["seccompProfile"];
    let profile = if field.is_null() {
        let default = policy.metadata.annotations.get(SECCOMP_DEFAULT);
        default.cloned().unwrap_or_default()
    } else {
        seccomp_annotation(field)
    };
    if profile.is_empty() {
        return false;
    }
    map(&mut pod["metadata"], "annotations")
        .insert(SECCOMP_POD_ANNOTATION.to_owned(), json!(profile));
    true
}

fn container(policy: &Policy, pod: &mut Value, list: &str, index: usize) -> bool {
    let spec = &policy.spec;
    let of_pod = pod["spec"]["securityContext"].clone();
    let own = pod["spec"][list][index]["securityContext"].clone();
    let unset = |field: &str| own[field].is_null() && of_pod[field].is_null();
    let mut sets: Vec<(&str, Value)> = Vec::new();
    let least = |rule: &super::policy::Rule| rule.ranges.first().map(|range| range.min);
    if unset("runAsUser") && spec.run_as_user.rule == "MustRunAs" {
        sets.push(("runAsUser", json!(least(&spec.run_as_user))));
    }
    if let Some(rule) = &spec.run_as_group
        && rule.rule == "MustRunAs"
        && unset("runAsGroup")
    {
        sets.push(("runAsGroup", json!(least(rule))));
    }
    let non_root = spec.run_as_user.rule == "MustRunAsNonRoot";
    if non_root && unset("runAsNonRoot") && unset("runAsUser") {
        sets.push(("runAsNonRoot", json!(true)));
    }
    if let Some(capabilities) = capabilities(policy, &own["capabilities"]) {
        sets.push(("capabilities", capabilities));
    }
    if spec.read_only_root_filesystem && own["readOnlyRootFilesystem"].is_null() {
        sets.push(("readOnlyRootFilesystem", json!(true)));
    }
    if own["allowPrivilegeEscalation"].is_null() {
        if let Some(default) = spec.default_allow_privilege_escalation {
            sets.push(("allowPrivilegeEscalation", json!(default)));
        } else if !policy.allows_escalation() {
            sets.push(("allowPrivilegeEscalation", json!(false)));
        }
    }
    let mut changed = !sets.is_empty();
    for (field, value) in sets {
        map(&mut pod["spec"][list][index], "securityContext").insert(field.to_owned(), value);
    }
    let name = pod["spec"][list][index]["name"]
        .as_str()
        .unwrap_or_default();
    let key = format!("{APP_ARMOR_ANNOTATION}{name}");
    let annotation = pod["metadata"]["annotations"][&key]
        .as_str()
        .unwrap_or_default();
    let default = policy.metadata.annotations.get(APP_ARMOR_DEFAULT);
    if let Some(default) = default.filter(|default| !default.is_empty())
        && annotation.is_empty()
    {
        map(&mut pod["metadata"], "annotations").insert(key, json!(default));
        changed = true;
    }
    changed
}

/// `capabilities/capabilities.go`: sorted lists, but only when something is new.
fn capabilities(policy: &Policy, own: &Value) -> Option<Value> {
    let set = |list: &Value| -> BTreeSet<String> {
        list.as_array()
            .into_iter()
            .flatten()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect()
    };
    let (add, drop) = (set(&own["add"]), set(&own["drop"]));
    let defaults = policy.spec.default_add_capabilities.iter();
    let mut all_add = add.clone();
    all_add.extend(
        defaults
            .filter(|capability| !drop.contains(*capability))
            .cloned(),
    );
    let mut all_drop = drop.clone();
    all_drop.extend(policy.spec.required_drop_capabilities.iter().cloned());
    if all_add.len() == add.len() && all_drop.len() == drop.len() {
        return None;
    }
    let mut capabilities = json!({});
    if !all_add.is_empty() {
        capabilities["add"] = json!(all_add);
    }
    if !all_drop.is_empty() {
        capabilities["drop"] = json!(all_drop);
    }
    Some(capabilities)
}
