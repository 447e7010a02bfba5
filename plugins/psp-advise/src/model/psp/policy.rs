//! Policies as the API has them; client libraries dropped the kind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::pod::nullable;

macro_rules! model {
    ($(#[$meta:meta])* $name:ident { $($(#[$field:meta])* $key:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
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
    /// A PodSecurityPolicy of `policy/v1beta1` or `extensions/v1beta1`.
    Policy {
        /// Metadata.
        metadata: PolicyMeta,
        /// What it allows and sets.
        spec: PolicySpec,
    }
}

model! {
    /// Metadata of a policy.
    PolicyMeta {
        /// Name.
        name: String,
        /// Annotations; those for seccomp and AppArmor are part of the policy.
        annotations: BTreeMap<String, String>,
    }
}

model! {
    /// `spec` of a policy.
    PolicySpec {
        /// Whether containers may be privileged.
        privileged: bool,
        /// Capabilities that every container gets.
        default_add_capabilities: Vec<String>,
        /// Capabilities that every container drops.
        required_drop_capabilities: Vec<String>,
        /// Capabilities that a container may add; `*` is any.
        allowed_capabilities: Vec<String>,
        /// Sorts of volumes; `*` is any, none is none.
        volumes: Vec<String>,
        /// Whether the node's network may be used.
        host_network: bool,
        /// Ports of the node.
        host_ports: Vec<IdRange>,
        /// Whether the node's processes may be seen.
        #[serde(rename = "hostPID")]
        host_pid: bool,
        /// Whether the node's IPC may be used.
        #[serde(rename = "hostIPC")]
        host_ipc: bool,
        /// SELinux.
        se_linux: SeLinuxRule,
        /// User.
        run_as_user: Rule,
        /// Group; unset is any.
        run_as_group: Option<Rule>,
        /// Supplemental groups.
        supplemental_groups: Rule,
        /// Group of volumes.
        fs_group: Rule,
        /// Whether the root file system has to be read-only.
        read_only_root_filesystem: bool,
        /// What containers get that say nothing.
        default_allow_privilege_escalation: Option<bool>,
        /// Whether more than the parent's privileges may be gained; unset is yes.
        allow_privilege_escalation: Option<bool>,
        /// Paths of the node; none is any.
        allowed_host_paths: Vec<HostPath>,
        /// Drivers of flex volumes; none is any.
        allowed_flex_volumes: Vec<FlexVolume>,
        /// Drivers of CSI; none is any.
        #[serde(rename = "allowedCSIDrivers")]
        allowed_csi_drivers: Vec<CsiDriver>,
        /// Unsafe kernel parameters that may be set.
        allowed_unsafe_sysctls: Vec<String>,
        /// Kernel parameters that may not.
        forbidden_sysctls: Vec<String>,
        /// Runtime classes.
        runtime_class: Option<RuntimeClass>,
    }
}

model! {
    /// How an identity is chosen.
    Rule {
        /// `MustRunAs`, `MayRunAs`, `MustRunAsNonRoot` or `RunAsAny`.
        rule: String,
        /// Ranges; the least of the first is the default.
        ranges: Vec<IdRange>,
    }
}

model! {
    /// How SELinux labels are chosen.
    SeLinuxRule {
        /// `MustRunAs` or `RunAsAny`.
        rule: String,
        /// The labels.
        se_linux_options: Option<serde_json::Value>,
    }
}

model! {
    /// From a number to a number, both included.
    IdRange {
        /// Least.
        min: i64,
        /// Greatest.
        max: i64,
    }
}

model! {
    /// A path of the node with everything below.
    HostPath {
        /// Path.
        path_prefix: String,
        /// Whether every mount has to be read-only.
        read_only: bool,
    }
}

model! {
    /// A driver of flex volumes.
    FlexVolume {
        /// Driver.
        driver: String,
    }
}

model! {
    /// A driver of CSI.
    CsiDriver {
        /// Name.
        name: String,
    }
}

model! {
    /// Runtime classes.
    RuntimeClass {
        /// What pods get that name none.
        default_runtime_class_name: Option<String>,
        /// What pods may name; `*` is any.
        allowed_runtime_class_names: Vec<String>,
    }
}

impl IdRange {
    /// Returns whether a number is in it.
    #[must_use]
    pub fn contains(&self, id: i64) -> bool {
        (self.min..=self.max).contains(&id)
    }
}

impl Policy {
    /// Returns why a policy can never admit anything; the API takes such policies and the plugin
    /// passes over them. Source: `factory.go`.
    #[must_use]
    pub fn dead(&self) -> Option<String> {
        let spec = &self.spec;
        match spec.run_as_user.rule.as_str() {
            "MustRunAs" if spec.run_as_user.ranges.is_empty() => {
                return Some("runAsUser: MustRunAs requires at least one range".to_owned());
            }
            "MustRunAs" | "MustRunAsNonRoot" | "RunAsAny" => {}
            other => return Some(format!("runAsUser: unknown rule {other:?}")),
        }
        let any = Rule {
            rule: "RunAsAny".to_owned(),
            ranges: Vec::new(),
        };
        for (field, rule) in [
            ("runAsGroup", spec.run_as_group.as_ref().unwrap_or(&any)),
            ("fsGroup", &spec.fs_group),
            ("supplementalGroups", &spec.supplemental_groups),
        ] {
            match rule.rule.as_str() {
                "MustRunAs" | "MayRunAs" if rule.ranges.is_empty() => {
                    return Some(format!(
                        "{field}: {} requires at least one range",
                        rule.rule
                    ));
                }
                "MustRunAs" | "MayRunAs" | "RunAsAny" => {}
                other => return Some(format!("{field}: unknown rule {other:?}")),
            }
        }
        match spec.se_linux.rule.as_str() {
            "MustRunAs" if spec.se_linux.se_linux_options.is_none() => {
                Some("seLinux: MustRunAs requires seLinuxOptions".to_owned())
            }
            "MustRunAs" | "RunAsAny" => None,
            other => Some(format!("seLinux: unknown rule {other:?}")),
        }
    }

    /// Returns whether more privileges may be gained.
    #[must_use]
    pub fn allows_escalation(&self) -> bool {
        self.spec.allow_privilege_escalation.unwrap_or(true)
    }
}
