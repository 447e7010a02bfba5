//! The table of checks: what is asked from which version on.

use super::checks::{host, privilege, profile, user, volume};
use super::finding::{Found, Looking};
use crate::model::level::{Level, Server};

/// A check of the standards.
#[derive(Debug)]
pub struct Check {
    /// The name that the standards' own code has for it.
    pub id: &'static str,
    /// The level that brings it.
    pub level: Level,
    /// The first minor version of the standards with it.
    pub since: u32,
    /// Minor versions in which its rule changed.
    pub changed: &'static [u32],
    /// The check of the baseline level that it replaces within the restricted level.
    pub overrides: Option<&'static str>,
    /// The fields that it reads.
    pub fields: &'static [&'static str],
    /// What the fields may be.
    pub allowed: &'static str,
    /// One sentence on what it keeps out.
    pub summary: &'static str,
    pub(super) run: fn(&Looking<'_>) -> Option<Found>,
}

impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Check {}

/// Returns the checks of a level at a minor version of the standards, in the server's order.
///
/// Servers before 1.24 replaced nothing, so two checks could say the same.
pub fn active(level: Level, version: u32, server: Server) -> impl Iterator<Item = &'static Check> {
    let overridden = move |check: &Check| {
        level == Level::Restricted
            && server.minor() >= 24
            && CHECKS
                .iter()
                .any(|other| other.overrides == Some(check.id) && other.since <= version)
    };
    CHECKS
        .iter()
        .filter(move |check| check.level <= level && check.since <= version && !overridden(check))
}

macro_rules! of_containers {
    ($field:literal) => {
        concat!(
            "spec.{initContainers,containers,ephemeralContainers}[*].",
            $field
        )
    };
}

/// Every check, in the server's order: baseline by name, then restricted by name.
pub static CHECKS: [Check; 19] = [
    Check {
        id: "appArmorProfile",
        level: Level::Baseline,
        since: 0,
        changed: &[],
        overrides: None,
        fields: &[
            "metadata.annotations[container.apparmor.security.beta.kubernetes.io/*]",
            "spec.securityContext.appArmorProfile.type",
            of_containers!("securityContext.appArmorProfile.type"),
        ],
        allowed: "RuntimeDefault, Localhost, unset; annotations: runtime/default, localhost/*, empty",
        summary: "The default AppArmor profile may be replaced, but not disabled.",
        run: profile::app_armor,
    },
    Check {
        id: "capabilities_baseline",
        level: Level::Baseline,
        since: 0,
        changed: &[],
        overrides: None,
        fields: &[of_containers!("securityContext.capabilities.add")],
        allowed: privilege::BASELINE_CAPABILITIES,
        summary: "Capabilities beyond the container runtime's defaults may not be added.",
        run: privilege::capabilities_baseline,
    },
    Check {
        id: "hostNamespaces",
        level: Level::Baseline,
        since: 0,
        changed: &[],
        overrides: None,
        fields: &["spec.hostNetwork", "spec.hostPID", "spec.hostIPC"],
        allowed: "false, unset",
        summary: "A pod may not share the node's network, processes or IPC.",
        run: host::namespaces,
    },
    Check {
        id: "hostPathVolumes",
        level: Level::Baseline,
        since: 0,
        changed: &[],
        overrides: None,
        fields: &["spec.volumes[*].hostPath"],
        allowed: "unset",
        summary: "A pod may not mount files of the node.",
        run: volume::host_path,
    },
    Check {
        id: "hostPorts",
        level: Level::Baseline,
        since: 0,
        changed: &[],
        overrides: None,
        fields: &[of_containers!("ports[*].hostPort")],
        allowed: "0, unset",
        summary: "A container may not use a port of the node.",
        run: host::ports,
    },
    Check {
        id: "hostProbesAndHostLifecycle",
        level: Level::Baseline,
        since: 34,
        changed: &[],
        overrides: None,
        fields: &[
            of_containers!("{livenessProbe,readinessProbe,startupProbe}.{httpGet,tcpSocket}.host"),
            of_containers!("lifecycle.{postStart,preStop}.{httpGet,tcpSocket}.host"),
        ],
        allowed: "empty, unset",
        summary: "A probe or hook may not make the kubelet connect to another host.",
        run: host::probes,
    },
    Check {
        id: "privileged",
        level: Level::Baseline,
        since: 0,
        changed: &[],
        overrides: None,
        fields: &[of_containers!("securityContext.privileged")],
        allowed: "false, unset",
        summary: "A container may not be privileged.",
        run: privilege::privileged,
    },
    Check {
        id: "procMount",
        level: Level::Baseline,
        since: 0,
        changed: &[35],
        overrides: None,
        fields: &[of_containers!("securityContext.procMount")],
        allowed: "Default, unset; since v1.35 anything with hostUsers: false",
        summary: "The masks over /proc stay, except in a user namespace.",
        run: profile::proc_mount_baseline,
    },
    Check {
        id: "seLinuxOptions",
        level: Level::Baseline,
        since: 0,
        changed: &[31],
        overrides: None,
        fields: &[
            "spec.securityContext.seLinuxOptions.{type,user,role}",
            of_containers!("securityContext.seLinuxOptions.{type,user,role}"),
        ],
        allowed: "type: container_t, container_init_t, container_kvm_t, since v1.31 container_engine_t, unset; user, role: unset",
        summary: "Only SELinux types that confine a container are allowed.",
        run: profile::se_linux,
    },
    Check {
        id: "seccompProfile_baseline",
        level: Level::Baseline,
        since: 0,
        changed: &[19],
        overrides: None,
        fields: &[
            "spec.securityContext.seccompProfile.type",
            of_containers!("securityContext.seccompProfile.type"),
            "before v1.19: metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]",
            "before v1.19: metadata.annotations[container.seccomp.security.alpha.kubernetes.io/*]",
        ],
        allowed: "RuntimeDefault, Localhost, unset; annotations: runtime/default, docker/default, localhost/*",
        summary: "Seccomp may not be disabled.",
        run: profile::seccomp_baseline,
    },
    Check {
        id: "sysctls",
        level: Level::Baseline,
        since: 0,
        changed: &[27, 29, 32, 37],
        overrides: None,
        fields: &["spec.securityContext.sysctls[*].name"],
        allowed: "kernel.shm_rmid_forced, net.ipv4.{ip_local_port_range, ip_unprivileged_port_start, tcp_syncookies, ping_group_range}; since v1.27 net.ipv4.ip_local_reserved_ports; since v1.29 net.ipv4.{tcp_keepalive_time, tcp_fin_timeout, tcp_keepalive_intvl, tcp_keepalive_probes}; since v1.32 net.ipv4.{tcp_rmem, tcp_wmem}; since v1.37 net.ipv4.{tcp_slow_start_after_idle, tcp_notsent_lowat}",
        summary: "Only kernel parameters that affect nothing outside the pod may be set.",
        run: host::sysctls,
    },
    Check {
        id: "windowsHostProcess",
        level: Level::Baseline,
        since: 0,
        changed: &[],
        overrides: None,
        fields: &[
            "spec.securityContext.windowsOptions.hostProcess",
            of_containers!("securityContext.windowsOptions.hostProcess"),
        ],
        allowed: "false, unset",
        summary: "A Windows container may not run as a process of the node.",
        run: host::windows_process,
    },
    Check {
        id: "allowPrivilegeEscalation",
        level: Level::Restricted,
        since: 8,
        changed: &[25],
        overrides: None,
        fields: &[of_containers!("securityContext.allowPrivilegeEscalation")],
        allowed: "false; since v1.25 anything with os.name: windows",
        summary: "A process may not gain more privileges than its parent.",
        run: privilege::escalation,
    },
    Check {
        id: "capabilities_restricted",
        level: Level::Restricted,
        since: 22,
        changed: &[25],
        overrides: Some("capabilities_baseline"),
        fields: &[
            of_containers!("securityContext.capabilities.drop"),
            of_containers!("securityContext.capabilities.add"),
        ],
        allowed: "drop: with ALL; add: NET_BIND_SERVICE; since v1.25 anything with os.name: windows",
        summary: "All capabilities must be dropped; only NET_BIND_SERVICE may be added back.",
        run: privilege::capabilities_restricted,
    },
    Check {
        id: "procMount_restricted",
        level: Level::Restricted,
        since: 35,
        changed: &[],
        overrides: Some("procMount"),
        fields: &[of_containers!("securityContext.procMount")],
        allowed: "Default, unset",
        summary: "The masks over /proc stay, even in a user namespace.",
        run: profile::proc_mount,
    },
    Check {
        id: "restrictedVolumes",
        level: Level::Restricted,
        since: 0,
        changed: &[],
        overrides: Some("hostPathVolumes"),
        fields: &["spec.volumes[*]"],
        allowed: "configMap, csi, downwardAPI, emptyDir, ephemeral, image (servers since v1.33), persistentVolumeClaim, projected, secret",
        summary: "Volumes must come from the API or from a claim.",
        run: volume::restricted,
    },
    Check {
        id: "runAsNonRoot",
        level: Level::Restricted,
        since: 0,
        changed: &[35],
        overrides: None,
        fields: &[
            "spec.securityContext.runAsNonRoot",
            of_containers!("securityContext.runAsNonRoot"),
        ],
        allowed: "true, or unset in a container if the pod has true; since v1.35 anything with hostUsers: false",
        summary: "Containers must not run as root.",
        run: user::non_root,
    },
    Check {
        id: "runAsUser",
        level: Level::Restricted,
        since: 23,
        changed: &[35],
        overrides: None,
        fields: &[
            "spec.securityContext.runAsUser",
            of_containers!("securityContext.runAsUser"),
        ],
        allowed: "anything but 0, unset; since v1.35 anything with hostUsers: false",
        summary: "Nothing may set runAsUser to 0.",
        run: user::uid,
    },
    Check {
        id: "seccompProfile_restricted",
        level: Level::Restricted,
        since: 19,
        changed: &[25],
        overrides: Some("seccompProfile_baseline"),
        fields: &[
            "spec.securityContext.seccompProfile.type",
            of_containers!("securityContext.seccompProfile.type"),
        ],
        allowed: "RuntimeDefault, Localhost; unset in a container if the pod has one; since v1.25 anything with os.name: windows",
        summary: "A seccomp profile must be set.",
        run: profile::seccomp_restricted,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(level: Level, version: u32, server: u32) -> Vec<&'static str> {
        active(level, version, Server::new(server).unwrap())
            .map(|check| check.id)
            .collect()
    }

    #[test]
    fn the_order_is_baseline_by_name_then_restricted_by_name() {
        let key = |check: &Check| (check.level, check.id);
        assert!(CHECKS.is_sorted_by_key(key));
        assert_eq!(
            CHECKS
                .iter()
                .filter(|check| check.level == Level::Baseline)
                .count(),
            12
        );
    }

    #[test]
    fn a_restricted_check_replaces_its_baseline_one_from_its_own_version_on() {
        assert!(ids(Level::Restricted, 18, 36).contains(&"seccompProfile_baseline"));
        assert!(!ids(Level::Restricted, 19, 36).contains(&"seccompProfile_baseline"));
        assert!(ids(Level::Restricted, 34, 36).contains(&"procMount"));
        assert!(!ids(Level::Restricted, 35, 36).contains(&"procMount"));
        assert!(ids(Level::Baseline, 36, 36).contains(&"procMount"));
    }

    #[test]
    fn servers_before_1_24_replaced_nothing() {
        assert!(ids(Level::Restricted, 23, 23).contains(&"capabilities_baseline"));
        assert!(!ids(Level::Restricted, 23, 24).contains(&"capabilities_baseline"));
    }
}
