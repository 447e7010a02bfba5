//! The command that grants rights.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::right::Access;
use crate::output::shell_word as word;

/// Who the API server takes a request for that brings no credential.
pub const ANONYMOUS: &str = "system:anonymous";

/// Returns what an admin who may grant the rights pastes into a shell.
///
/// One right is a `kubectl create` pair; several, and the rights that `kubectl create clusterrole`
/// cannot express, are a manifest. `role` names what is created.
#[must_use]
pub fn grant_command(missing: &[Access], user: &str, role: &str) -> String {
    // The name comes from a server; it must not become more than a word in an admin's shell.
    let user = if user.is_empty() || user.chars().any(char::is_control) {
        "USER"
    } else {
        user
    };
    let role = role_name(role);
    match missing {
        // kubectl looks resources up, and signers are no resource that is served.
        [one] if one.resource != "signers" => pair(one, user, &role),
        many => manifest(many, user, &role),
    }
}

/// A role's name may hold anything but `/` and `%`; this one stays a plain word.
fn role_name(text: &str) -> String {
    text.to_lowercase().replace(
        |c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-',
        "-",
    )
}

fn pair(access: &Access, user: &str, role: &str) -> String {
    let resource = word(&access.full_resource());
    let verb = word(&access.verb);
    let name = access
        .name
        .as_ref()
        .map(|name| format!(" --resource-name={}", word(name)));
    let name = name.unwrap_or_default();
    let to = match user.strip_prefix("system:serviceaccount:") {
        Some(account) => format!("--serviceaccount={}", word(account)),
        None => format!("--user={}", word(user)),
    };
    match &access.namespace {
        None => format!(
            "kubectl create clusterrole {role} --verb={verb} --resource={resource}{name} && \
             kubectl create clusterrolebinding {role} --clusterrole={role} {to}"
        ),
        Some(namespace) => {
            let namespace = word(namespace);
            format!(
                "kubectl create role {role} --verb={verb} --resource={resource}{name} \
                 -n {namespace} && \
                 kubectl create rolebinding {role} --role={role} {to} -n {namespace}"
            )
        }
    }
}

/// Wraps the manifest into what a shell applies.
fn manifest(missing: &[Access], user: &str, role: &str) -> String {
    let documents = grant_manifest(missing, user, role);
    format!("kubectl apply -f - <<'EOF'\n{documents}---\nEOF")
}

/// Returns the YAML documents that grant the rights: one role and binding for cluster-wide rights
/// and one for each namespace.
#[must_use]
pub fn grant_manifest(missing: &[Access], user: &str, role: &str) -> String {
    let role = &role_name(role);
    let mut scopes: BTreeMap<Option<&str>, Vec<&Access>> = BTreeMap::new();
    for access in missing {
        scopes
            .entry(access.namespace.as_deref())
            .or_default()
            .push(access);
    }
    let mut text = String::new();
    for (namespace, rights) in scopes {
        // Writing into a string cannot fail.
        let _ = document(&mut text, namespace, &rights, user, role);
    }
    let text = text.trim_start().trim_end_matches("\n---");
    format!("{text}\n")
}

fn document(
    text: &mut String,
    namespace: Option<&str>,
    rights: &[&Access],
    user: &str,
    role: &str,
) -> std::fmt::Result {
    let kind = if namespace.is_some() {
        "Role"
    } else {
        "ClusterRole"
    };
    let mut metadata = format!("{{name: {}", json(role));
    if let Some(namespace) = namespace {
        write!(metadata, ", namespace: {}", json(namespace))?;
    }
    metadata.push('}');
    let group = "rbac.authorization.k8s.io";

    write!(
        text,
        "\napiVersion: {group}/v1\nkind: {kind}\nmetadata: {metadata}\nrules:"
    )?;
    let mut rules: BTreeMap<(&str, String, Option<&str>), Vec<&str>> = BTreeMap::new();
    for access in rights {
        let resource = match &access.subresource {
            Some(subresource) => format!("{}/{subresource}", access.resource),
            None => access.resource.clone(),
        };
        let verbs = rules
            .entry((&access.group, resource, access.name.as_deref()))
            .or_default();
        if !verbs.contains(&access.verb.as_str()) {
            verbs.push(&access.verb);
        }
    }
    for ((group, resource, name), verbs) in rules {
        let verbs: Vec<String> = verbs.into_iter().map(json).collect();
        write!(
            text,
            "\n- {{apiGroups: [{}], resources: [{}], verbs: [{}]",
            json(group),
            json(&resource),
            verbs.join(", ")
        )?;
        if let Some(name) = name {
            write!(text, ", resourceNames: [{}]", json(name))?;
        }
        text.push('}');
    }
    let subject = match user
        .strip_prefix("system:serviceaccount:")
        .and_then(|rest| rest.split_once(':'))
    {
        Some((namespace, name)) => {
            format!(
                "{{kind: ServiceAccount, name: {}, namespace: {}}}",
                json(name),
                json(namespace)
            )
        }
        None => format!("{{kind: User, apiGroup: {group}, name: {}}}", json(user)),
    };
    write!(
        text,
        "\n---\napiVersion: {group}/v1\nkind: {kind}Binding\nmetadata: {metadata}\n\
         roleRef: {{apiGroup: {group}, kind: {kind}, name: {}}}\nsubjects:\n- {subject}\n---",
        json(role)
    )
}

/// A JSON string is a YAML string, whatever is in it; and it has no line of its own, so no text
/// can end the document that the shell reads.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns the hint that says what grants the rights, ready to be pasted.
pub(in crate::client) fn grant_hint(missing: &[Access], user: &str, role: &str) -> String {
    if user == ANONYMOUS {
        // A grant to it would be a grant to everybody.
        return "the server saw no credential at all: something in between may end TLS and drop a \
                client certificate; see who you are with  kubectl auth whoami"
            .to_owned();
    }
    if user.starts_with("system:") && !user.starts_with("system:serviceaccount:") {
        return format!("{user} is a user of Kubernetes itself; use a credential of your own");
    }
    let command = grant_command(missing, user, role);
    let gap = if command.contains('\n') { '\n' } else { ' ' };
    format!("someone who may grant this can run:{gap}{command}")
}
