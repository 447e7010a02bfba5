//! What a policy asks of the pod itself.

use super::super::kinds::SAFE_SYSCTLS;
use super::super::mutate::SECCOMP_ALLOWED;
use super::super::policy::{Policy, Rule};
use super::expression::{Condition, text, texts, within};

pub(super) fn conditions(policy: &Policy) -> Vec<Condition> {
    let spec = &policy.spec;
    let mut all: Vec<Condition> = Vec::new();
    let context = "object.spec.?securityContext";
    if let Some(condition) = one(&spec.fs_group, &format!("{context}.?fsGroup")) {
        all.push(("fsGroup", condition));
    }
    let groups = format!("{context}.?supplementalGroups.orValue([])");
    let inside = within("g", &spec.supplemental_groups.ranges);
    match spec.supplemental_groups.rule.as_str() {
        "MustRunAs" => all.push((
            "supplementalGroups",
            format!("({groups}.size() > 0 && {groups}.all(g, {inside}))"),
        )),
        "MayRunAs" => all.push(("supplementalGroups", format!("{groups}.all(g, {inside})"))),
        _ => {}
    }
    all.extend(seccomp(policy, &format!("{context}.?seccompProfile")));
    all.extend(se_linux(policy, &format!("{context}.?seLinuxOptions")));
    for (field, allowed) in [
        ("hostNetwork", spec.host_network),
        ("hostPID", spec.host_pid),
        ("hostIPC", spec.host_ipc),
    ] {
        if !allowed {
            all.push((field, format!("!object.spec.?{field}.orValue(false)")));
        }
    }
    all.push(("sysctls", sysctls(policy)));
    if let Some(classes) = &spec.runtime_class
        && !classes
            .allowed_runtime_class_names
            .iter()
            .any(|name| name == "*")
    {
        let names = texts(
            classes
                .allowed_runtime_class_names
                .iter()
                .map(String::as_str),
        );
        all.push((
            "runtimeClass",
            format!("object.spec.?runtimeClassName.optMap(n, n in {names}).orValue(true)"),
        ));
    }
    all
}

/// A rule about one number that may be unset.
pub(super) fn one(rule: &Rule, number: &str) -> Option<String> {
    let unset = match rule.rule.as_str() {
        "MustRunAs" => false,
        "MayRunAs" => true,
        _ => return None,
    };
    let inside = within("n", &rule.ranges);
    Some(format!("{number}.optMap(n, {inside}).orValue({unset})"))
}

/// A profile as annotations call it; the empty text is none. Since 1.27 only fields count.
fn profile(field: &str) -> String {
    format!(
        "{field}.optMap(p, p.type == \"Localhost\" ? \"localhost/\" + \
         p.?localhostProfile.orValue(\"\") : p.type == \"RuntimeDefault\" ? \"runtime/default\" : \
         \"unconfined\")"
    )
}

pub(super) fn seccomp(policy: &Policy, field: &str) -> Option<Condition> {
    let list = policy.metadata.annotations.get(SECCOMP_ALLOWED);
    let mut elements: Vec<&str> = list
        .map(|list| list.split(',').collect())
        .unwrap_or_default();
    if elements.contains(&"*") {
        return None;
    }
    if elements.contains(&"docker/default") {
        elements.push("runtime/default");
    }
    if elements.is_empty() {
        elements.push("");
    }
    let profile = profile(field);
    let allowed = texts(elements);
    Some(("seccomp", format!("{profile}.orValue(\"\") in {allowed}")))
}

/// The profile of a container: fields, else the annotation, which newer servers still read.
pub(super) fn app_armor(list: &str) -> Condition {
    let field = "c.?securityContext.?appArmorProfile\
        .or(object.spec.?securityContext.?appArmorProfile)";
    let key = "\"container.apparmor.security.beta.kubernetes.io/\" + c.name";
    let profile = format!(
        "{}.or(object.metadata.?annotations[?{key}]).orValue(\"\")",
        profile(field)
    );
    let allowed = texts(list.split(',').filter(|element| !element.is_empty()));
    ("AppArmor", format!("{profile} in {allowed}"))
}

pub(super) fn se_linux(policy: &Policy, field: &str) -> Option<Condition> {
    let rule = &policy.spec.se_linux;
    if rule.rule != "MustRunAs" {
        return None;
    }
    let wanted = rule.se_linux_options.clone().unwrap_or_default();
    let of = |field: &str| wanted[field].as_str().unwrap_or_default().to_owned();
    let mut parts = vec![level(&of("level"))];
    for field in ["role", "type", "user"] {
        parts.push(format!("o.?{field}.orValue(\"\") == {}", text(&of(field))));
    }
    Some((
        "seLinux",
        format!("{field}.optMap(o, {}).orValue(false)", parts.join(" && ")),
    ))
}

/// Categories are a set that is written in any order.
fn level(wanted: &str) -> String {
    let is = "o.?level.orValue(\"\")";
    let same = format!("{is} == {}", text(wanted));
    let Some((sensitivity, categories)) = wanted.split_once(':') else {
        return same;
    };
    let categories: Vec<&str> = categories.split(',').collect();
    let written = format!("{is}.substring({}).split(\",\")", sensitivity.len() + 1);
    let mut parts = vec![
        format!("{is}.startsWith({})", text(&format!("{sensitivity}:"))),
        format!("{written}.size() == {}", categories.len()),
    ];
    for category in &categories {
        let count = categories.iter().filter(|other| *other == category).count();
        parts.push(format!(
            "{written}.filter(x, x == {}).size() == {count}",
            text(category)
        ));
    }
    format!("({same} || ({}))", parts.join(" && "))
}

fn sysctls(policy: &Policy) -> String {
    let fits = |patterns: &[String]| -> Vec<String> {
        patterns
            .iter()
            .map(|pattern| match pattern.strip_suffix('*') {
                Some("") => "true".to_owned(),
                Some(prefix) => format!("s.name.startsWith({})", text(prefix)),
                None => format!("s.name == {}", text(pattern)),
            })
            .collect()
    };
    let mut allowed = vec![format!("s.name in {}", texts(SAFE_SYSCTLS))];
    allowed.extend(fits(&policy.spec.allowed_unsafe_sysctls));
    let mut parts = vec![format!("({})", allowed.join(" || "))];
    let forbidden = fits(&policy.spec.forbidden_sysctls);
    if !forbidden.is_empty() {
        parts.push(format!("!({})", forbidden.join(" || ")));
    }
    format!(
        "object.spec.?securityContext.?sysctls.orValue([]).all(s, {})",
        parts.join(" && ")
    )
}
