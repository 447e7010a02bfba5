//! What policies decide about a pod that is not completed: what a ValidatingAdmissionPolicy can say.

use serde_json::{Value, json};

use super::mutate::mutate;
use super::policy::Policy;
use super::prepare::{LISTS, items, map, prepare, seccomp_annotation, seccomp_field};
use super::validate::validate;
use crate::model::pod::{APP_ARMOR_ANNOTATION, SECCOMP_ANNOTATION, SECCOMP_POD_ANNOTATION};

/// Returns what a policy says of a pod of today as it is: fields for AppArmor count as their
/// annotations did, annotations for seccomp count no more (1.27).
#[must_use]
pub fn faults_as_is(policy: &Policy, pod: &Value) -> Vec<String> {
    let mut pod = pod.clone();
    to_annotations(&mut pod);
    prepare(&mut pod);
    validate(policy, &pod)
}

/// Returns a pod of today with everything that a policy would set, said by today's fields.
#[must_use]
pub fn completed(policy: &Policy, pod: &Value) -> Value {
    let mut pod = pod.clone();
    to_annotations(&mut pod);
    mutate(policy, &mut pod);
    to_fields(&mut pod);
    pod
}

fn to_annotations(pod: &mut Value) {
    if let Some(annotations) = pod["metadata"]["annotations"].as_object_mut() {
        annotations
            .retain(|key, _| key != SECCOMP_POD_ANNOTATION && !key.starts_with(SECCOMP_ANNOTATION));
    }
    let of_pod = pod["spec"]["securityContext"]["appArmorProfile"].clone();
    let mut profiles = Vec::new();
    for list in LISTS {
        for container in items(&mut pod["spec"], list) {
            let own = &container["securityContext"]["appArmorProfile"];
            let profile = seccomp_annotation(if own.is_null() { &of_pod } else { own });
            if !profile.is_empty() {
                let name = container["name"].as_str().unwrap_or_default();
                profiles.push((format!("{APP_ARMOR_ANNOTATION}{name}"), profile));
            }
        }
    }
    if !profiles.is_empty() {
        let annotations = map(&mut pod["metadata"], "annotations");
        annotations.extend(
            profiles
                .into_iter()
                .map(|(key, profile)| (key, json!(profile))),
        );
    }
}

fn to_fields(pod: &mut Value) {
    let Some(mut annotations) = pod["metadata"]["annotations"].as_object().cloned() else {
        return;
    };
    let mut take = |key: &str| {
        let profile = annotations.remove(key)?;
        seccomp_field(profile.as_str().unwrap_or_default())
    };
    if let Some(profile) = take(SECCOMP_POD_ANNOTATION) {
        let context = map(&mut pod["spec"], "securityContext");
        context.entry("seccompProfile").or_insert(profile);
    }
    let of_pod = pod["spec"]["securityContext"]["appArmorProfile"].clone();
    for list in LISTS {
        for container in items(&mut pod["spec"], list) {
            let name = container["name"].as_str().unwrap_or_default();
            if let Some(profile) = take(&format!("{APP_ARMOR_ANNOTATION}{name}"))
                && (profile != of_pod || !container["securityContext"]["appArmorProfile"].is_null())
            {
                map(container, "securityContext").insert("appArmorProfile".to_owned(), profile);
            }
        }
    }
    if annotations.is_empty() {
        if let Some(metadata) = pod["metadata"].as_object_mut() {
            metadata.remove("annotations");
        }
    } else {
        pod["metadata"]["annotations"] = Value::Object(annotations);
    }
}
