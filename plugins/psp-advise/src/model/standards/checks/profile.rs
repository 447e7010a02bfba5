//! AppArmor, seccomp, SELinux and the masks over `/proc`.

use crate::model::pod::{
    APP_ARMOR_ANNOTATION, SECCOMP_ANNOTATION, SECCOMP_POD_ANNOTATION, SeLinuxOptions,
};
use crate::model::standards::finding::{Faults, Found, Looking};
use crate::model::text::{Names, containers, go_quote, join_quote, plural};

const PROFILES: &str = "RuntimeDefault or Localhost";

fn is_confining(kind: &str) -> bool {
    matches!(kind, "RuntimeDefault" | "Localhost")
}

/// `check_appArmorProfile.go`; servers before 1.30 knew only the annotations, in other words.
pub(in crate::model::standards) fn app_armor(looking: &Looking<'_>) -> Option<Found> {
    const FIELD: &str = "securityContext.appArmorProfile.type";
    let spec = &looking.pod.spec;
    let with_fields = looking.server.minor() >= 30;
    let mut faults = Faults::default();
    let mut setters = Vec::new();
    let mut values = Names::new();
    let of_pod = spec.security_context.as_ref();
    let of_pod = of_pod.and_then(|context| context.app_armor_profile.as_ref());
    if let Some(profile) = of_pod
        && with_fields
        && !is_confining(&profile.kind)
    {
        faults.pod(
            format!("spec.{FIELD}"),
            Some(profile.kind.clone()),
            PROFILES,
        );
        setters.push("pod".to_owned());
        values.insert(&profile.kind);
    }
    let mut bad = Vec::new();
    for place in spec.all_containers().filter(|_| with_fields) {
        let context = place.2.security_context.as_ref();
        if let Some(profile) = context.and_then(|context| context.app_armor_profile.as_ref())
            && !is_confining(&profile.kind)
        {
            faults.container(place, FIELD, Some(profile.kind.clone()), PROFILES);
            bad.push(place.2.name.as_str());
            values.insert(&profile.kind);
        }
    }
    if !bad.is_empty() {
        setters.push(containers(&bad));
    }
    let mut annotations: Vec<String> = Vec::new();
    for (key, value) in &looking.pod.metadata.annotations {
        let allowed =
            value.is_empty() || value == "runtime/default" || value.starts_with("localhost/");
        if key.starts_with(APP_ARMOR_ANNOTATION) && !allowed {
            faults.pod(
                format!("metadata.annotations[{key}]"),
                Some(value.clone()),
                "runtime/default or localhost/*",
            );
            annotations.push(format!("{key}={}", go_quote(value)));
        }
    }
    annotations.sort_unstable();
    if !annotations.is_empty() {
        setters.push(plural(annotations.len(), "annotation", "annotations").to_owned());
    }
    if setters.is_empty() {
        return None;
    }
    let reason = plural(
        values.len() + annotations.len(),
        "forbidden AppArmor profile",
        "forbidden AppArmor profiles",
    );
    let detail = if with_fields {
        let values = values
            .iter()
            .copied()
            .chain(annotations.iter().map(String::as_str));
        format!(
            "{} must not set AppArmor profile type to {}",
            setters.join(" and "),
            join_quote(values)
        )
    } else {
        annotations.join(", ")
    };
    Some(Found {
        reason: reason.to_owned(),
        detail,
        faults: faults.0,
    })
}

/// `check_procMount_baseline.go`.
pub(in crate::model::standards) fn proc_mount_baseline(looking: &Looking<'_>) -> Option<Found> {
    if looking.relaxed() {
        return None;
    }
    proc_mount(looking)
}

/// `check_procMount_restricted.go`.
pub(in crate::model::standards) fn proc_mount(looking: &Looking<'_>) -> Option<Found> {
    const FIELD: &str = "securityContext.procMount";
    let mut faults = Faults::default();
    let (mut bad, mut kinds) = (Vec::new(), Names::new());
    for place in looking.pod.spec.all_containers() {
        let context = place.2.security_context.as_ref();
        if let Some(mount) = context.and_then(|context| context.proc_mount.as_ref())
            && mount != "Default"
        {
            faults.container(place, FIELD, Some(mount.clone()), "Default");
            bad.push(place.2.name.as_str());
            kinds.insert(mount);
        }
    }
    (!bad.is_empty()).then(|| Found {
        reason: "procMount".to_owned(),
        detail: format!(
            "{} must not set securityContext.procMount to {}",
            containers(&bad),
            join_quote(&kinds)
        ),
        faults: faults.0,
    })
}

/// `check_seLinuxOptions.go`.
pub(in crate::model::standards) fn se_linux(looking: &Looking<'_>) -> Option<Found> {
    const FIELD: &str = "securityContext.seLinuxOptions";
    const TYPES: &str = "container_t, container_init_t, container_kvm_t or unset";
    let version = looking.version;
    let is_allowed = |kind: &str| match kind {
        "" | "container_t" | "container_init_t" | "container_kvm_t" => true,
        "container_engine_t" => version >= 31,
        _ => false,
    };
    // Field, value, what is allowed, of each part that is wrong.
    let wrong = |options: &SeLinuxOptions| {
        [
            (
                "type",
                options.kind.clone(),
                !is_allowed(&options.kind),
                TYPES,
            ),
            (
                "user",
                options.user.clone(),
                !options.user.is_empty(),
                "unset",
            ),
            (
                "role",
                options.role.clone(),
                !options.role.is_empty(),
                "unset",
            ),
        ]
        .into_iter()
        .filter(|(_, _, wrong, _)| *wrong)
        .map(|(field, value, _, allowed)| (field, value, allowed))
        .collect::<Vec<_>>()
    };
    let spec = &looking.pod.spec;
    let mut faults = Faults::default();
    let mut setters = Vec::new();
    let mut types = std::collections::BTreeSet::new();
    let (mut user, mut role) = (false, false);
    let mut note = |field: &str, value: &str| match field {
        "type" => {
            types.insert(value.to_owned());
        }
        "user" => user = true,
        _ => role = true,
    };
    let of_pod = spec.security_context.as_ref();
    if let Some(options) = of_pod.and_then(|context| context.se_linux_options.as_ref()) {
        let parts = wrong(options);
        if !parts.is_empty() {
            setters.push("pod".to_owned());
        }
        for (field, value, allowed) in parts {
            note(field, &value);
            faults.pod(format!("spec.{FIELD}.{field}"), Some(value), allowed);
        }
    }
    let mut bad = Vec::new();
    for place in spec.all_containers() {
        let context = place.2.security_context.as_ref();
        let Some(options) = context.and_then(|context| context.se_linux_options.as_ref()) else {
            continue;
        };
        let parts = wrong(options);
        if !parts.is_empty() {
            bad.push(place.2.name.as_str());
        }
        for (field, value, allowed) in parts {
            note(field, &value);
            faults.container(place, &format!("{FIELD}.{field}"), Some(value), allowed);
        }
    }
    if !bad.is_empty() {
        setters.push(containers(&bad));
    }
    if setters.is_empty() {
        return None;
    }
    let mut data = Vec::new();
    if !types.is_empty() {
        data.push(format!(
            "{} {}",
            plural(types.len(), "type", "types"),
            join_quote(&types)
        ));
    }
    if user {
        data.push("user may not be set".to_owned());
    }
    if role {
        data.push("role may not be set".to_owned());
    }
    Some(Found {
        reason: "seLinuxOptions".to_owned(),
        detail: format!(
            "{} set forbidden securityContext.seLinuxOptions: {}",
            setters.join(" and "),
            data.join("; ")
        ),
        faults: faults.0,
    })
}

/// `check_seccompProfile_baseline.go`: annotations before v1.19, fields since.
pub(in crate::model::standards) fn seccomp_baseline(looking: &Looking<'_>) -> Option<Found> {
    if looking.version < 19 {
        return seccomp_annotations(looking);
    }
    let seccomp = Seccomp::of(looking);
    if seccomp.setters.is_empty() {
        return None;
    }
    Some(Found {
        reason: "seccompProfile".to_owned(),
        detail: seccomp.explicit(),
        faults: seccomp.explicit.0,
    })
}

/// `check_seccompProfile_restricted.go`: a bad profile of the pod does not count as set, and what
/// is set wrongly hides what is not set.
pub(in crate::model::standards) fn seccomp_restricted(looking: &Looking<'_>) -> Option<Found> {
    if looking.windows() {
        return None;
    }
    let seccomp = Seccomp::of(looking);
    let detail = if !seccomp.setters.is_empty() {
        seccomp.explicit()
    } else if !seccomp.unset.is_empty() {
        format!(
            "pod or {} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \
             \"Localhost\"",
            containers(&seccomp.unset)
        )
    } else {
        return None;
    };
    let mut faults = seccomp.explicit.0;
    faults.extend(seccomp.implicit.0);
    Some(Found {
        reason: "seccompProfile".to_owned(),
        detail,
        faults,
    })
}

/// What is wrong with the seccomp fields of a pod.
#[derive(Debug, Default)]
struct Seccomp<'a> {
    setters: Vec<String>,
    values: Names<'a>,
    unset: Vec<&'a str>,
    explicit: Faults,
    implicit: Faults,
}

impl<'a> Seccomp<'a> {
    fn of(looking: &Looking<'a>) -> Self {
        const FIELD: &str = "securityContext.seccompProfile.type";
        let spec = &looking.pod.spec;
        let mut found = Self::default();
        let context = spec.security_context.as_ref();
        let of_pod = context.and_then(|context| context.seccomp_profile.as_ref());
        let mut pod_is_set = false;
        if let Some(profile) = of_pod {
            pod_is_set = is_confining(&profile.kind);
            if !pod_is_set {
                let current = Some(profile.kind.clone());
                found
                    .explicit
                    .pod(format!("spec.{FIELD}"), current, PROFILES);
                found.setters.push("pod".to_owned());
                found.values.insert(&profile.kind);
            }
        }
        let mut bad = Vec::new();
        for place in spec.all_containers() {
            let context = place.2.security_context.as_ref();
            match context.and_then(|context| context.seccomp_profile.as_ref()) {
                Some(profile) if !is_confining(&profile.kind) => {
                    let current = Some(profile.kind.clone());
                    found.explicit.container(place, FIELD, current, PROFILES);
                    bad.push(place.2.name.as_str());
                    found.values.insert(&profile.kind);
                }
                None if !pod_is_set => {
                    found.implicit.container(place, FIELD, None, PROFILES);
                    found.unset.push(&place.2.name);
                }
                _ => {}
            }
        }
        if !bad.is_empty() {
            found.setters.push(containers(&bad));
        }
        found
    }

    fn explicit(&self) -> String {
        format!(
            "{} must not set securityContext.seccompProfile.type to {}",
            self.setters.join(" and "),
            join_quote(&self.values)
        )
    }
}

/// The annotations of a pod and of the containers that exist.
fn seccomp_annotations(looking: &Looking<'_>) -> Option<Found> {
    let annotations = &looking.pod.metadata.annotations;
    let mut forbidden = std::collections::BTreeSet::new();
    let mut faults = Faults::default();
    let names = looking
        .pod
        .spec
        .all_containers()
        .map(|(_, _, container)| format!("{SECCOMP_ANNOTATION}{}", container.name));
    for key in std::iter::once(SECCOMP_POD_ANNOTATION.to_owned()).chain(names) {
        let Some(value) = annotations.get(&key) else {
            continue;
        };
        let allowed = matches!(value.as_str(), "runtime/default" | "docker/default")
            || value.starts_with("localhost/");
        if !allowed && forbidden.insert(format!("{key}={}", go_quote(value))) {
            faults.pod(
                format!("metadata.annotations[{key}]"),
                Some(value.clone()),
                "runtime/default, docker/default or localhost/*",
            );
        }
    }
    let forbidden: Vec<String> = forbidden.into_iter().collect();
    (!forbidden.is_empty()).then(|| Found {
        reason: "seccompProfile".to_owned(),
        detail: format!(
            "forbidden {} {}",
            plural(forbidden.len(), "annotation", "annotations"),
            forbidden.join(", ")
        ),
        faults: faults.0,
    })
}
