//! The checks in CEL, each with its exceptions: one validation per check.

use serde_json::{Value, json};

use super::Except;
use crate::model::pod::APP_ARMOR_ANNOTATION;
use crate::model::standards::checks::{
    host::SYSCTLS, privilege::BASELINE_CAPABILITIES, volume::RESTRICTED_VOLUMES,
};
use crate::model::standards::registry::active;
use crate::model::vap::{self, CONTAINERS};

/// Lists of a container's handlers that may name a host.
const HANDLERS: [&str; 5] = [
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle.?postStart",
    "lifecycle.?preStop",
];

impl Except {
    /// Returns the policy as a ValidatingAdmissionPolicy.
    #[must_use]
    pub fn admission_policy(&self, name: &str) -> Value {
        let version = self.server.applied(self.policy.version);
        let validations: Vec<Value> = active(self.policy.level, version, self.server)
            .filter_map(|check| {
                let condition = self.condition(check.id, version)?;
                let mut message = format!("{}: allowed: {}", check.id, check.allowed);
                let more: Vec<&str> = self.values(check.id).collect();
                if !more.is_empty() {
                    message.push_str(&format!("; and here {}", more.join(", ")));
                }
                Some(json!({"expression": condition, "message": message, "reason": "Forbidden"}))
            })
            .collect();
        let variables = json!([
            {"name": "containers", "expression": CONTAINERS},
            {"name": "windows", "expression":
                "object.spec.?os.?name.orValue(\"\") == \"windows\""},
            {"name": "userNamespace", "expression":
                "!object.spec.?hostUsers.orValue(true)"},
        ]);
        vap::policy(name, &variables, &Value::Array(validations))
    }

    /// Returns what a check asks for; `None` when it asks for nothing any more.
    fn condition(&self, id: &'static str, version: u32) -> Option<String> {
        let exempt = self.has(id, "");
        let all = |condition: String| format!("variables.containers.all(c, {condition})");
        let relaxed = if version >= 35 {
            "variables.userNamespace || "
        } else {
            ""
        };
        let of_pod = "object.spec.?securityContext";
        let own = "c.?securityContext";
        Some(match id {
            "appArmorProfile" => self.app_armor(id),
            "capabilities_baseline" => {
                let allowed = self.list(id, BASELINE_CAPABILITIES.split(", "));
                all(format!(
                    "{own}.?capabilities.?add.orValue([]).all(a, a in {allowed})"
                ))
            }
            "capabilities_restricted" => {
                let allowed = self.list(id, ["NET_BIND_SERVICE"]);
                let mut condition =
                    format!("{own}.?capabilities.?add.orValue([]).all(a, a in {allowed})");
                if !self.has(id, "drop") {
                    condition.push_str(&format!(
                        " && \"ALL\" in {own}.?capabilities.?drop.orValue([])"
                    ));
                }
                format!("variables.windows || {}", all(condition))
            }
            "hostNamespaces" => {
                let fields = ["hostNetwork", "hostPID", "hostIPC"];
                let left = fields.iter().filter(|field| !self.has(id, field));
                let parts: Vec<String> = left
                    .map(|field| format!("!object.spec.?{field}.orValue(false)"))
                    .collect();
                return (!parts.is_empty()).then(|| parts.join(" && "));
            }
            "hostPathVolumes" => format!(
                "object.spec.?volumes.orValue([]).all(v, !has(v.hostPath) || v.hostPath.path in {})",
                self.list(id, [])
            ),
            "restrictedVolumes" => self.volumes(id),
            "hostPorts" => {
                let ports: Vec<&str> = ["0"].into_iter().chain(self.values(id)).collect();
                all(format!(
                    "c.?ports.orValue([]).all(p, p.?hostPort.orValue(0) in [{}])",
                    ports.join(", ")
                ))
            }
            "hostProbesAndHostLifecycle" => {
                let allowed = self.list(id, [""]);
                let parts: Vec<String> = HANDLERS
                    .iter()
                    .flat_map(|handler| ["httpGet", "tcpSocket"].map(|way| (handler, way)))
                    .map(|(handler, way)| {
                        format!("c.?{handler}.?{way}.?host.orValue(\"\") in {allowed}")
                    })
                    .collect();
                all(parts.join(" && "))
            }
            "privileged" if !exempt => all(format!("!{own}.?privileged.orValue(false)")),
            "procMount" | "procMount_restricted" => {
                let relaxed = if id == "procMount" { relaxed } else { "" };
                let allowed = self.list(id, ["Default"]);
                let condition = format!("{own}.?procMount.orValue(\"Default\") in {allowed}");
                format!("{relaxed}{}", all(condition))
            }
            "seLinuxOptions" => {
                let part = |of: &str| self.se_linux(id, of, version);
                format!("{} && {}", part(of_pod), all(part(own)))
            }
            "seccompProfile_baseline" => {
                let allowed = self.list(id, ["RuntimeDefault", "Localhost"]);
                let part = |of: &str| {
                    format!("{of}.?seccompProfile.?type.orValue(\"RuntimeDefault\") in {allowed}")
                };
                format!("{} && {}", part(of_pod), all(part(own)))
            }
            "seccompProfile_restricted" => self.seccomp(id),
            "sysctls" => {
                let safe = SYSCTLS.iter().filter(|(_, since)| *since <= version);
                let allowed = self.list(id, safe.map(|(name, _)| *name));
                format!("{of_pod}.?sysctls.orValue([]).all(s, s.name in {allowed})")
            }
            "windowsHostProcess" if !exempt => {
                let part = |of: &str| format!("!{of}.?windowsOptions.?hostProcess.orValue(false)");
                format!("{} && {}", part(of_pod), all(part(own)))
            }
            "allowPrivilegeEscalation" if !exempt => {
                let condition = format!("!{own}.?allowPrivilegeEscalation.orValue(true)");
                format!("variables.windows || {}", all(condition))
            }
            "runAsNonRoot" if !exempt => format!(
                "{relaxed}({of_pod}.?runAsNonRoot.orValue(true) && {})",
                all(format!(
                    "{own}.?runAsNonRoot.orValue({of_pod}.?runAsNonRoot.orValue(false))"
                ))
            ),
            "runAsUser" if !exempt => format!(
                "{relaxed}({of_pod}.?runAsUser.orValue(1) != 0 && {})",
                all(format!("{own}.?runAsUser.orValue(1) != 0"))
            ),
            _ => return None,
        })
    }

    /// Writes the list of what a check allows, its exceptions included.
    fn list<'a>(&'a self, id: &'static str, allowed: impl IntoIterator<Item = &'a str>) -> String {
        let items: Vec<String> = allowed
            .into_iter()
            .chain(self.values(id))
            .map(|item| Value::from(item).to_string())
            .collect();
        format!("[{}]", items.join(", "))
    }

    fn app_armor(&self, id: &'static str) -> String {
        let allowed = self.list(id, ["RuntimeDefault", "Localhost"]);
        let part = |of: &str| {
            format!("{of}.?appArmorProfile.?type.orValue(\"RuntimeDefault\") in {allowed}")
        };
        let values = self.list(id, ["", "runtime/default"]);
        format!(
            "{} && variables.containers.all(c, {}) && \
             object.metadata.?annotations.orValue({{}}).all(k, \
             !k.startsWith(\"{APP_ARMOR_ANNOTATION}\") || object.metadata.annotations[k] in \
             {values} || object.metadata.annotations[k].startsWith(\"localhost/\"))",
            part("object.spec.?securityContext"),
            part("c.?securityContext")
        )
    }

    fn volumes(&self, id: &'static str) -> String {
        let mut parts: Vec<String> = RESTRICTED_VOLUMES
            .iter()
            .map(|kind| format!("has(v.{kind})"))
            .collect();
        if self.server.minor() >= 33 {
            parts.push("has(v.image)".to_owned());
        }
        let (paths, kinds): (Vec<&str>, Vec<&str>) =
            self.values(id).partition(|value| value.starts_with('/'));
        parts.extend(kinds.iter().map(|kind| format!("has(v.{kind})")));
        if !paths.is_empty() {
            let paths = json!(paths);
            parts.push(format!("(has(v.hostPath) && v.hostPath.path in {paths})"));
        }
        format!(
            "object.spec.?volumes.orValue([]).all(v, {})",
            parts.join(" || ")
        )
    }

    fn se_linux(&self, id: &'static str, of: &str, version: u32) -> String {
        let mut types = vec!["", "container_t", "container_init_t", "container_kvm_t"];
        if version >= 31 {
            types.push("container_engine_t");
        }
        let list = |field: &str, allowed: Vec<&str>| {
            let prefix = format!("{field}=");
            let more = self
                .values(id)
                .filter_map(|value| value.strip_prefix(&prefix));
            let all: Vec<&str> = allowed.into_iter().chain(more).collect();
            format!(
                "{of}.?seLinuxOptions.?{field}.orValue(\"\") in {}",
                json!(all)
            )
        };
        [
            list("type", types),
            list("user", vec![""]),
            list("role", vec![""]),
        ]
        .join(" && ")
    }

    /// A pod's own wrong profile counts as none for its containers.
    fn seccomp(&self, id: &'static str) -> String {
        let allowed = self.list(id, ["RuntimeDefault", "Localhost"]);
        let of_pod = "object.spec.?securityContext.?seccompProfile.?type";
        let inherited = if self.has(id, "unset") {
            "true".to_owned()
        } else {
            format!("{of_pod}.orValue(\"\") in [\"RuntimeDefault\", \"Localhost\"]")
        };
        format!(
            "variables.windows || ({of_pod}.orValue(\"RuntimeDefault\") in {allowed} && \
             variables.containers.all(c, c.?securityContext.?seccompProfile.?type.optMap(t, \
             t in {allowed}).orValue({inherited})))"
        )
    }
}
