//! Pods as JSON has them, without what no check reads.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::volume::Volume;

/// Reads `null` as the default, as the API server does.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

macro_rules! model {
    ($(#[$meta:meta])* $name:ident { $($(#[$field:meta])* $key:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $(
                $(#[$field])*
                #[serde(deserialize_with = "nullable")]
                pub $key: $type,
            )*
        }
    };
}

model! {
    /// A pod, or a pod template.
    Pod {
        /// Metadata; a template's own.
        metadata: Meta,
        /// The specification.
        spec: PodSpec,
    }
}

model! {
    /// Metadata of an object or a template.
    Meta {
        /// Name.
        name: String,
        /// Namespace.
        namespace: String,
        /// UID.
        uid: String,
        /// Annotations.
        annotations: BTreeMap<String, String>,
        /// Labels.
        labels: BTreeMap<String, String>,
        /// Owners.
        owner_references: Vec<OwnerReference>,
    }
}

model! {
    /// An owner of an object.
    OwnerReference {
        /// Group and version.
        api_version: String,
        /// Kind.
        kind: String,
        /// Name.
        name: String,
        /// UID.
        uid: String,
        /// Whether it is the managing controller.
        controller: bool,
    }
}

model! {
    /// `spec` of a pod.
    PodSpec {
        /// Containers.
        containers: Vec<Container>,
        /// Init containers, restartable ones among them.
        init_containers: Vec<Container>,
        /// Ephemeral containers.
        ephemeral_containers: Vec<Container>,
        /// Volumes.
        volumes: Vec<Volume>,
        /// The pod's security context.
        security_context: Option<PodSecurityContext>,
        /// Whether the pod uses the node's network.
        host_network: bool,
        /// Whether the pod sees the node's processes.
        #[serde(rename = "hostPID")]
        host_pid: bool,
        /// Whether the pod shares the node's IPC.
        #[serde(rename = "hostIPC")]
        host_ipc: bool,
        /// `false` puts the pod in a user namespace.
        host_users: Option<bool>,
        /// The operating system.
        os: Option<Os>,
        /// The service account.
        service_account_name: String,
        /// The runtime class.
        runtime_class_name: Option<String>,
    }
}

model! {
    /// `spec.os`.
    Os {
        /// `linux` or `windows`.
        name: String,
    }
}

model! {
    /// A container of any of the three sorts.
    Container {
        /// Name.
        name: String,
        /// Image.
        image: String,
        /// Security context.
        security_context: Option<SecurityContext>,
        /// Ports.
        ports: Vec<ContainerPort>,
        /// Liveness probe.
        liveness_probe: Option<Probe>,
        /// Readiness probe.
        readiness_probe: Option<Probe>,
        /// Startup probe.
        startup_probe: Option<Probe>,
        /// Lifecycle hooks.
        lifecycle: Option<Lifecycle>,
    }
}

model! {
    /// A port of a container.
    ContainerPort {
        /// Port of the container.
        container_port: i32,
        /// Port of the node; 0 is none.
        host_port: i32,
    }
}

model! {
    /// A probe, or a handler of a lifecycle hook: both have the same two hosts.
    Probe {
        /// HTTP request.
        http_get: Option<Handler>,
        /// TCP connection.
        tcp_socket: Option<Handler>,
    }
}

model! {
    /// Where a probe connects to.
    Handler {
        /// Host; empty is the pod itself.
        host: String,
    }
}

model! {
    /// Lifecycle hooks.
    Lifecycle {
        /// After the start.
        post_start: Option<Probe>,
        /// Before the end.
        pre_stop: Option<Probe>,
    }
}

model! {
    /// `spec.securityContext`.
    PodSecurityContext {
        /// Whether root is refused.
        run_as_non_root: Option<bool>,
        /// User.
        run_as_user: Option<i64>,
        /// SELinux labels.
        se_linux_options: Option<SeLinuxOptions>,
        /// Seccomp profile.
        seccomp_profile: Option<SeccompProfile>,
        /// AppArmor profile.
        app_armor_profile: Option<AppArmorProfile>,
        /// Windows options.
        windows_options: Option<WindowsOptions>,
        /// Kernel parameters.
        sysctls: Vec<Sysctl>,
    }
}

model! {
    /// `securityContext` of a container.
    SecurityContext {
        /// Whether it is privileged.
        privileged: Option<bool>,
        /// Whether a process may gain more than its parent has.
        allow_privilege_escalation: Option<bool>,
        /// Capabilities.
        capabilities: Option<Capabilities>,
        /// How `/proc` is mounted.
        proc_mount: Option<String>,
        /// Whether root is refused.
        run_as_non_root: Option<bool>,
        /// User.
        run_as_user: Option<i64>,
        /// SELinux labels.
        se_linux_options: Option<SeLinuxOptions>,
        /// Seccomp profile.
        seccomp_profile: Option<SeccompProfile>,
        /// AppArmor profile.
        app_armor_profile: Option<AppArmorProfile>,
        /// Windows options.
        windows_options: Option<WindowsOptions>,
    }
}

model! {
    /// Capabilities that are added and dropped.
    Capabilities {
        /// Added.
        add: Vec<String>,
        /// Dropped.
        drop: Vec<String>,
    }
}

model! {
    /// SELinux labels.
    SeLinuxOptions {
        /// Level.
        level: String,
        /// Role.
        role: String,
        /// Type.
        #[serde(rename = "type")]
        kind: String,
        /// User.
        user: String,
    }
}

model! {
    /// Seccomp profile.
    SeccompProfile {
        /// `RuntimeDefault`, `Localhost` or `Unconfined`.
        #[serde(rename = "type")]
        kind: String,
        /// Path of a profile on the node.
        localhost_profile: Option<String>,
    }
}

model! {
    /// AppArmor profile.
    AppArmorProfile {
        /// `RuntimeDefault`, `Localhost` or `Unconfined`.
        #[serde(rename = "type")]
        kind: String,
        /// Name of a profile on the node.
        localhost_profile: Option<String>,
    }
}

model! {
    /// Windows options.
    WindowsOptions {
        /// Whether it runs as a process of the node.
        host_process: Option<bool>,
    }
}

model! {
    /// A kernel parameter.
    Sysctl {
        /// Name.
        name: String,
        /// Value.
        value: String,
    }
}

impl PodSpec {
    /// Returns every container in the server's order, with the name of its list and its index.
    ///
    /// Source: `policy/visitor.go` of `k8s.io/pod-security-admission`.
    pub fn all_containers(&self) -> impl Iterator<Item = (&'static str, usize, &Container)> {
        [
            ("initContainers", &self.init_containers),
            ("containers", &self.containers),
            ("ephemeralContainers", &self.ephemeral_containers),
        ]
        .into_iter()
        .flat_map(|(list, containers)| {
            containers
                .iter()
                .enumerate()
                .map(move |(index, container)| (list, index, container))
        })
    }

    /// Returns every container for changes, in the same order.
    pub fn all_containers_mut(&mut self) -> impl Iterator<Item = &mut Container> {
        self.init_containers
            .iter_mut()
            .chain(&mut self.containers)
            .chain(&mut self.ephemeral_containers)
    }

    /// Returns whether the pod says that it is for Windows; a node selector does not count.
    #[must_use]
    pub fn is_windows(&self) -> bool {
        self.os.as_ref().is_some_and(|os| os.name == "windows")
    }
}
