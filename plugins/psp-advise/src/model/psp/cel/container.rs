//! What a policy asks of each container, `c`.

use super::super::mutate::APP_ARMOR_ALLOWED;
use super::super::policy::Policy;
use super::expression::{Condition, text, texts, within};
use super::pod::{app_armor, one, se_linux, seccomp};

/// A field of the container, else of the pod.
fn effective(field: &str) -> String {
    format!("c.?securityContext.?{field}.or(object.spec.?securityContext.?{field})")
}

pub(super) fn conditions(policy: &Policy) -> Vec<Condition> {
    let spec = &policy.spec;
    let mut all: Vec<Condition> = Vec::new();
    let (uid, non_root) = (effective("runAsUser"), effective("runAsNonRoot"));
    match spec.run_as_user.rule.as_str() {
        "MustRunAs" => all.extend(one(&spec.run_as_user, &uid).map(|it| ("runAsUser", it))),
        "MustRunAsNonRoot" => all.push((
            "runAsUser",
            format!(
                "(({uid}.hasValue() || {non_root}.hasValue()) && {non_root}.orValue(true) && \
                 {uid}.orValue(1) != 0)"
            ),
        )),
        _ => {}
    }
    if let Some(rule) = &spec.run_as_group {
        all.extend(one(rule, &effective("runAsGroup")).map(|it| ("runAsGroup", it)));
    }
    all.extend(se_linux(policy, &effective("seLinuxOptions")));
    if let Some(list) = policy.metadata.annotations.get(APP_ARMOR_ALLOWED) {
        all.push(app_armor(list));
    }
    all.extend(seccomp(policy, &effective("seccompProfile")));
    let own = |field: &str| format!("c.?securityContext.?{field}");
    if !spec.privileged {
        all.push((
            "privileged",
            format!("!{}.orValue(false)", own("privileged")),
        ));
    }
    all.push((
        "procMount",
        format!("{}.orValue(\"Default\") == \"Default\"", own("procMount")),
    ));
    all.extend(capabilities(policy).map(|it| ("capabilities", it)));
    let ports = within("p.hostPort", &spec.host_ports);
    all.push((
        "hostPorts",
        format!("c.?ports.orValue([]).all(p, p.?hostPort.orValue(0) == 0 || {ports})"),
    ));
    if spec.read_only_root_filesystem {
        let field = own("readOnlyRootFilesystem");
        all.push(("readOnlyRootFilesystem", format!("{field}.orValue(false)")));
    }
    if !policy.allows_escalation() {
        let field = own("allowPrivilegeEscalation");
        all.push((
            "allowPrivilegeEscalation",
            format!("!{field}.orValue(true)"),
        ));
    }
    all
}

/// `*` skips everything but that the field has to be there.
fn capabilities(policy: &Policy) -> Option<String> {
    let spec = &policy.spec;
    let own = "c.?securityContext.?capabilities";
    let needed =
        !spec.default_add_capabilities.is_empty() || !spec.required_drop_capabilities.is_empty();
    let mut parts = Vec::new();
    if needed {
        parts.push(format!("{own}.hasValue()"));
    }
    if !spec.allowed_capabilities.iter().any(|it| it == "*") {
        let allowed = spec
            .default_add_capabilities
            .iter()
            .chain(&spec.allowed_capabilities);
        let allowed = texts(allowed.map(String::as_str));
        parts.push(format!("{own}.?add.orValue([]).all(a, a in {allowed})"));
        for wanted in &spec.required_drop_capabilities {
            parts.push(format!("{} in {own}.?drop.orValue([])", text(wanted)));
        }
    }
    (!parts.is_empty()).then(|| format!("({})", parts.join(" && ")))
}
