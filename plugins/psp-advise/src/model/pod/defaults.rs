//! What the API server does to a pod before any policy sees it.
//!
//! Admission looks at the object after decoding, defaulting and the strategy's preparation; a
//! manifest is none of that yet, and a check of the bare manifest is wrong. Sources are named at
//! each rule; paths are those of `k8s.io/kubernetes`.

use super::annotations::{APP_ARMOR_ANNOTATION, SECCOMP_ANNOTATION, SECCOMP_POD_ANNOTATION};
use super::model::{AppArmorProfile, Pod, SeccompProfile};
use crate::model::level::Server;

/// What contains a pod specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a pod, which the server prepares in full.
    Pod,
    /// In the template of a controller.
    Template,
}

/// Applies the defaults of a server that change a verdict or a message.
pub fn apply_defaults(pod: &mut Pod, origin: Origin, server: Server) {
    volumes(pod, server);
    if pod.spec.host_network && (origin == Origin::Pod || server.minor() < 28) {
        host_ports(pod);
    }
    if server.minor() < 33 {
        proc_mounts(pod);
    }
    if origin == Origin::Pod {
        if server.minor() < 27 {
            seccomp(pod);
        }
        if server.minor() >= 30 && !pod.spec.is_windows() {
            app_armor(pod);
        }
    }
}

/// `SetDefaults_Volume` in `pkg/apis/core/v1/defaults.go`: no source is an `emptyDir`. A source
/// that the server does not know yet is dropped while decoding.
fn volumes(pod: &mut Pod, server: Server) {
    for volume in &mut pod.spec.volumes {
        if server.minor() < 31 {
            volume.sources.retain(|source| *source != "image");
        }
        if volume.sources.is_empty() {
            volume.sources.push("emptyDir");
        }
    }
}

/// `defaultHostNetworkPorts` in `pkg/apis/core/v1/defaults.go`; in templates only before 1.28.
fn host_ports(pod: &mut Pod) {
    let spec = &mut pod.spec;
    for container in spec.init_containers.iter_mut().chain(&mut spec.containers) {
        for port in &mut container.ports {
            if port.host_port == 0 {
                port.host_port = port.container_port;
            }
        }
    }
}

/// `dropDisabledProcMountField` in `pkg/api/pod/util.go`: the gate `ProcMountType` is on by default
/// since 1.33; without it the value becomes `Default`.
fn proc_mounts(pod: &mut Pod) {
    for container in pod.spec.all_containers_mut() {
        if let Some(context) = &mut container.security_context
            && let Some(mount) = &mut context.proc_mount
        {
            "Default".clone_into(mount);
        }
    }
}

/// `applyAppArmorVersionSkew` in `pkg/registry/core/pod/strategy.go`, since 1.30.
fn app_armor(pod: &mut Pod) {
    let of_pod = pod
        .spec
        .security_context
        .as_ref()
        .and_then(|context| context.app_armor_profile.clone());
    let annotations = &pod.metadata.annotations;
    for container in pod.spec.all_containers_mut() {
        let key = format!("{APP_ARMOR_ANNOTATION}{}", container.name);
        let Some(profile) = annotations
            .get(&key)
            .and_then(|value| app_armor_field(value))
        else {
            continue;
        };
        let context = container.security_context.get_or_insert_default();
        if context.app_armor_profile.is_none() && of_pod.as_ref() != Some(&profile) {
            context.app_armor_profile = Some(profile);
        }
    }
}

/// `ApparmorFieldForAnnotation` in `pkg/api/pod/util.go`, with what validation then refuses.
fn app_armor_field(annotation: &str) -> Option<AppArmorProfile> {
    let (kind, localhost_profile) = match annotation {
        "unconfined" => ("Unconfined", None),
        "runtime/default" => ("RuntimeDefault", None),
        _ => {
            let profile = annotation.strip_prefix("localhost/")?;
            let valid = !profile.is_empty() && profile.trim() == profile && profile.len() <= 4095;
            if !valid {
                return None;
            }
            ("Localhost", Some(profile.to_owned()))
        }
    };
    Some(AppArmorProfile {
        kind: kind.to_owned(),
        localhost_profile,
    })
}

/// `applySeccompVersionSkew` in `pkg/registry/core/pod/strategy.go`, 1.19 to 1.26: field and
/// annotation say the same.
fn seccomp(pod: &mut Pod) {
    let annotations = &mut pod.metadata.annotations;
    let mut sync = |key: String, field: Option<&SeccompProfile>| match field {
        Some(field) => {
            if !annotations.contains_key(&key)
                && let Some(value) = seccomp_annotation(field)
            {
                annotations.insert(key, value);
            }
            None
        }
        None => annotations.get(&key).and_then(|value| seccomp_field(value)),
    };
    let context = pod.spec.security_context.as_ref();
    let of_pod = context.and_then(|context| context.seccomp_profile.as_ref());
    if let Some(profile) = sync(SECCOMP_POD_ANNOTATION.to_owned(), of_pod) {
        pod.spec
            .security_context
            .get_or_insert_default()
            .seccomp_profile = Some(profile);
    }
    for container in pod.spec.all_containers_mut() {
        let key = format!("{SECCOMP_ANNOTATION}{}", container.name);
        let context = container.security_context.as_ref();
        let field = context.and_then(|context| context.seccomp_profile.as_ref());
        if let Some(profile) = sync(key, field) {
            container
                .security_context
                .get_or_insert_default()
                .seccomp_profile = Some(profile);
        }
    }
}

/// `SeccompAnnotationForField` in `pkg/api/pod/util.go`.
fn seccomp_annotation(field: &SeccompProfile) -> Option<String> {
    match field.kind.as_str() {
        "Unconfined" => Some("unconfined".to_owned()),
        "RuntimeDefault" => Some("runtime/default".to_owned()),
        "Localhost" => field
            .localhost_profile
            .as_ref()
            .map(|profile| format!("localhost/{profile}")),
        _ => None,
    }
}

/// `SeccompFieldForAnnotation` in `pkg/api/pod/util.go`.
fn seccomp_field(annotation: &str) -> Option<SeccompProfile> {
    let (kind, localhost_profile) = match annotation {
        "unconfined" => ("Unconfined", None),
        "runtime/default" | "docker/default" => ("RuntimeDefault", None),
        _ => {
            let profile = annotation.strip_prefix("localhost/")?;
            if profile.is_empty() {
                return None;
            }
            ("Localhost", Some(profile.to_owned()))
        }
    };
    Some(SeccompProfile {
        kind: kind.to_owned(),
        localhost_profile,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(json: &str) -> Pod {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_template_keeps_its_host_ports_since_1_28() {
        let text =
            r#"{"spec":{"hostNetwork":true,"containers":[{"ports":[{"containerPort":80}]}]}}"#;
        for (origin, minor, port) in [
            (Origin::Pod, 36, 80),
            (Origin::Template, 36, 0),
            (Origin::Template, 27, 80),
        ] {
            let mut pod = pod(text);
            apply_defaults(&mut pod, origin, Server::new(minor).unwrap());
            assert_eq!(pod.spec.containers[0].ports[0].host_port, port);
        }
    }

    #[test]
    fn an_image_volume_is_unknown_to_old_servers() {
        let text = r#"{"spec":{"volumes":[{"name":"v","image":{"reference":"r"}}]}}"#;
        for (minor, source) in [(30, "emptyDir"), (31, "image"), (36, "image")] {
            let mut pod = pod(text);
            apply_defaults(&mut pod, Origin::Pod, Server::new(minor).unwrap());
            assert_eq!(pod.spec.volumes[0].source(), Some(source), "1.{minor}");
        }
    }

    #[test]
    fn an_annotation_becomes_a_field_only_where_it_differs_from_the_pods() {
        let text = r#"{"metadata":{"annotations":{
            "container.apparmor.security.beta.kubernetes.io/a":"unconfined",
            "container.apparmor.security.beta.kubernetes.io/b":"localhost/"}},
            "spec":{"securityContext":{"appArmorProfile":{"type":"Unconfined"}},
            "containers":[{"name":"a"},{"name":"b"}]}}"#;
        let mut same = pod(text);
        apply_defaults(&mut same, Origin::Pod, Server::new(36).unwrap());
        let field = |pod: &Pod, index: usize| {
            let context = pod.spec.containers[index].security_context.clone();
            context.and_then(|context| context.app_armor_profile)
        };
        assert_eq!((field(&same, 0), field(&same, 1)), (None, None));
        let mut differs = pod(&text.replace("Unconfined", "RuntimeDefault"));
        apply_defaults(&mut differs, Origin::Pod, Server::new(36).unwrap());
        assert_eq!(field(&differs, 0).unwrap().kind, "Unconfined");
    }

    #[test]
    fn seccomp_annotations_are_fields_before_1_27() {
        let text = r#"{"metadata":{"annotations":{
            "container.seccomp.security.alpha.kubernetes.io/a":"unconfined"}},
            "spec":{"containers":[{"name":"a"}]}}"#;
        for (minor, synced) in [(26, true), (27, false)] {
            let mut pod = pod(text);
            apply_defaults(&mut pod, Origin::Pod, Server::new(minor).unwrap());
            assert_eq!(pod.spec.containers[0].security_context.is_some(), synced);
        }
    }
}
