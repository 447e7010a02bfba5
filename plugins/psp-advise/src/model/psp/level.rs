//! Which level of the Pod Security Standards a policy guarantees by itself.
//!
//! Source: "Mapping PodSecurityPolicies to Pod Security Standards" of kubernetes.io, with the gaps
//! that it leaves filled: what is asked of fields that policies do not know (probe hosts, Windows
//! host processes, AppArmor fields) is never guaranteed and listed as such.

use serde::Serialize;

use super::mutate::{APP_ARMOR_ALLOWED, APP_ARMOR_DEFAULT, SECCOMP_ALLOWED, SECCOMP_DEFAULT};
use super::policy::Policy;
use crate::model::standards::{Level, RESTRICTED_VOLUMES};

/// What becomes of a policy under the standards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Guaranteed {
    /// The strictest level that every pod passes which the policy admits.
    pub level: Level,
    /// Fields that keep it from baseline.
    pub not_baseline: Vec<&'static str>,
    /// Fields that keep it from restricted, those for baseline aside.
    pub not_restricted: Vec<&'static str>,
    /// Fields that no level expresses.
    pub lost: Vec<&'static str>,
    /// Fields that change pods, which admission by levels never does: templates have to say it.
    pub mutating: Vec<&'static str>,
}

const BASELINE_CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Returns what a policy guarantees.
#[must_use]
pub fn guaranteed(policy: &Policy) -> Guaranteed {
    let spec = &policy.spec;
    let added = || {
        spec.allowed_capabilities
            .iter()
            .chain(&spec.default_add_capabilities)
    };
    let profiles = |key: &str| {
        let list = policy.metadata.annotations.get(key);
        list.map(|list| list.split(',').map(str::to_owned).collect::<Vec<_>>())
    };
    let confining = |list: &[String]| {
        list.iter().all(|profile| {
            matches!(profile.as_str(), "" | "runtime/default" | "docker/default")
                || profile.starts_with("localhost/")
        })
    };
    let options = spec.se_linux.se_linux_options.clone().unwrap_or_default();
    let text = |field: &str| options[field].as_str().unwrap_or_default().to_owned();
    let se_linux = spec.se_linux.rule == "MustRunAs"
        && matches!(
            text("type").as_str(),
            "" | "container_t" | "container_init_t" | "container_kvm_t"
        )
        && text("user").is_empty()
        && text("role").is_empty();
    let seccomp = profiles(SECCOMP_ALLOWED);
    let app_armor = profiles(APP_ARMOR_ALLOWED);
    let volumes = |allowed: &[&str]| {
        spec.volumes
            .iter()
            .all(|volume| allowed.contains(&volume.as_str()))
    };
    let node = |volume: &String| volume == "hostPath" || volume == "*";
    let not_baseline = chosen(&[
        ("privileged", spec.privileged),
        ("hostNetwork", spec.host_network),
        ("hostPID", spec.host_pid),
        ("hostIPC", spec.host_ipc),
        ("hostPorts", !spec.host_ports.is_empty()),
        ("volumes", spec.volumes.iter().any(node)),
        (
            "allowedCapabilities",
            added().any(|name| !BASELINE_CAPABILITIES.contains(&name.as_str())),
        ),
        ("seLinux", !se_linux),
        (
            "allowedUnsafeSysctls",
            !spec.allowed_unsafe_sysctls.is_empty(),
        ),
        (
            "seccomp allowedProfileNames",
            seccomp.as_ref().is_some_and(|list| !confining(list)),
        ),
        (
            "AppArmor allowedProfileNames",
            !app_armor.as_ref().is_some_and(|list| confining(list)),
        ),
    ]);
    let drops_all = spec
        .required_drop_capabilities
        .iter()
        .any(|drop| drop == "ALL");
    let set = seccomp
        .as_ref()
        .is_some_and(|list| confining(list) && !list.iter().any(String::is_empty));
    let not_restricted = chosen(&[
        ("requiredDropCapabilities", !drops_all),
        (
            "allowedCapabilities",
            added().any(|name| name != "NET_BIND_SERVICE"),
        ),
        ("volumes", !volumes(&RESTRICTED_VOLUMES)),
        // A range without 0 keeps root out and does not make pods say so.
        ("runAsUser", spec.run_as_user.rule != "MustRunAsNonRoot"),
        ("allowPrivilegeEscalation", policy.allows_escalation()),
        ("seccomp allowedProfileNames", !set),
    ]);
    let must = |rule: &super::policy::Rule| rule.rule == "MustRunAs";
    let any = |rule: &super::policy::Rule| rule.rule == "RunAsAny";
    let group = spec.run_as_group.as_ref();
    let annotated = |key: &str| policy.metadata.annotations.contains_key(key);
    let classes = spec.runtime_class.as_ref();
    Guaranteed {
        level: match (not_baseline.is_empty(), not_restricted.is_empty()) {
            (true, true) => Level::Restricted,
            (true, false) => Level::Baseline,
            (false, _) => Level::Privileged,
        },
        lost: chosen(&[
            ("runAsUser ranges", must(&spec.run_as_user)),
            ("runAsGroup", group.is_some_and(|rule| !any(rule))),
            ("fsGroup", !any(&spec.fs_group)),
            ("supplementalGroups", !any(&spec.supplemental_groups)),
            ("readOnlyRootFilesystem", spec.read_only_root_filesystem),
            ("allowedHostPaths", !spec.allowed_host_paths.is_empty()),
            ("allowedFlexVolumes", !spec.allowed_flex_volumes.is_empty()),
            ("allowedCSIDrivers", !spec.allowed_csi_drivers.is_empty()),
            ("forbiddenSysctls", !spec.forbidden_sysctls.is_empty()),
            ("runtimeClass", classes.is_some()),
        ]),
        mutating: chosen(&[
            ("runAsUser", spec.run_as_user.rule != "RunAsAny"),
            ("runAsGroup", group.is_some_and(must)),
            ("fsGroup", must(&spec.fs_group)),
            ("supplementalGroups", must(&spec.supplemental_groups)),
            ("seLinux", spec.se_linux.rule == "MustRunAs"),
            (
                "defaultAddCapabilities",
                !spec.default_add_capabilities.is_empty(),
            ),
            (
                "requiredDropCapabilities",
                !spec.required_drop_capabilities.is_empty(),
            ),
            ("readOnlyRootFilesystem", spec.read_only_root_filesystem),
            (
                "allowPrivilegeEscalation",
                !policy.allows_escalation() || spec.default_allow_privilege_escalation.is_some(),
            ),
            ("seccomp defaultProfileName", annotated(SECCOMP_DEFAULT)),
            ("AppArmor defaultProfileName", annotated(APP_ARMOR_DEFAULT)),
            (
                "runtimeClass default",
                classes.is_some_and(|classes| classes.default_runtime_class_name.is_some()),
            ),
        ]),
        not_baseline,
        not_restricted,
    }
}

fn chosen(fields: &[(&'static str, bool)]) -> Vec<&'static str> {
    fields
        .iter()
        .filter(|(_, wrong)| *wrong)
        .map(|(field, _)| *field)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(restricted: bool) -> Policy {
        let mut policy = json!({
            "metadata": {"name": "p", "annotations": {
                SECCOMP_ALLOWED: "runtime/default", APP_ARMOR_ALLOWED: "runtime/default"}},
            "spec": {"volumes": ["secret", "projected"], "requiredDropCapabilities": ["ALL"],
                "allowPrivilegeEscalation": false, "runAsUser": {"rule": "MustRunAsNonRoot"},
                "seLinux": {"rule": "MustRunAs", "seLinuxOptions": {}},
                "fsGroup": {"rule": "RunAsAny"}, "supplementalGroups": {"rule": "RunAsAny"}}});
        if !restricted {
            policy["spec"]["runAsUser"] =
                json!({"rule": "MustRunAs", "ranges": [{"min": 1, "max": 2}]});
        }
        serde_json::from_value(policy).unwrap()
    }

    #[test]
    fn a_range_without_root_is_baseline_because_pods_need_not_say_that_they_are_not_root() {
        assert_eq!(guaranteed(&policy(true)).level, Level::Restricted);
        let ranged = guaranteed(&policy(false));
        assert_eq!(
            (ranged.level, ranged.not_restricted),
            (Level::Baseline, vec!["runAsUser"])
        );
        assert_eq!(ranged.lost, ["runAsUser ranges"]);
    }

    #[test]
    fn any_label_of_selinux_and_no_list_for_apparmor_guarantee_nothing() {
        let mut any = policy(true);
        any.spec.se_linux.rule = "RunAsAny".to_owned();
        any.metadata.annotations.remove(APP_ARMOR_ALLOWED);
        let any = guaranteed(&any);
        assert_eq!(any.level, Level::Privileged);
        assert_eq!(
            any.not_baseline,
            ["seLinux", "AppArmor allowedProfileNames"]
        );
    }
}
