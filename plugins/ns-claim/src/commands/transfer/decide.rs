//! What the previous owner would still have after a transfer. Pure.

use k8s_openapi::api::rbac::v1::{RoleBinding, Subject};
use serde::Serialize;

use crate::model::meta;

/// A binding that names the previous owner.
#[derive(Clone, Debug)]
pub struct Theirs {
    /// The binding as it was read.
    pub binding: RoleBinding,
    /// Those that it is for beside them; it goes when there are none.
    pub others: Vec<Subject>,
}

/// Somebody who keeps rights, or something that gives them: whether that is meant, a person decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leftover {
    /// `kind/namespace/name`.
    pub object: String,
    /// Who has what by it.
    pub why: String,
    /// What ends that.
    pub fix: String,
}

/// Says whether a subject is a user, by the name or by a certificate of `kubectl onboard`.
fn is_user(subject: &Subject, user: &str) -> bool {
    match subject.kind.as_str() {
        "User" => subject.name == user,
        "Group" => subject
            .name
            .strip_prefix("onboard:")
            .and_then(|rest| rest.strip_prefix(user))
            .is_some_and(|rest| rest.starts_with(":g")),
        _ => false,
    }
}

/// Returns the bindings that give the previous owner something, but for the owner's own.
#[must_use]
pub fn theirs(bindings: &[RoleBinding], previous: Option<&str>) -> Vec<Theirs> {
    let Some(previous) = previous else {
        return Vec::new();
    };
    let others = bindings
        .iter()
        .filter(|binding| binding.metadata.name.as_deref() != Some(meta::OWNER_BINDING));
    others
        .filter_map(|binding| {
            let subjects = binding.subjects.as_deref().unwrap_or_default();
            let (own, others): (Vec<_>, Vec<_>) = subjects
                .iter()
                .cloned()
                .partition(|subject| is_user(subject, previous));
            (!own.is_empty()).then(|| Theirs {
                binding: binding.clone(),
                others,
            })
        })
        .collect()
}

/// Returns who else has rights in the claim. `tokens` has the Secrets with tokens, each with the
/// account that it is of.
#[must_use]
pub fn leftovers(
    namespace: &str,
    bindings: &[RoleBinding],
    tokens: &[(String, String)],
    previous: Option<&str>,
    owner: &str,
) -> Vec<Leftover> {
    let mut left = Vec::new();
    let mut accounts = Vec::new();
    let everybody = format!("system:serviceaccounts:{namespace}");
    for binding in bindings {
        let name = binding.metadata.name.as_deref().unwrap_or_default();
        let subjects = binding.subjects.as_deref().unwrap_or_default();
        for subject in subjects {
            let is_gone = previous.is_some_and(|previous| is_user(subject, previous));
            let platform = subject.kind == "Group"
                && subject.name.starts_with("system:")
                && subject.name != everybody;
            if name == meta::OWNER_BINDING || is_gone || is_user(subject, owner) || platform {
                continue;
            }
            let who = match subject.kind.as_str() {
                "ServiceAccount" => {
                    accounts.push(subject.name.as_str());
                    format!("service account {}", subject.name)
                }
                kind => format!("{} {}", kind.to_lowercase(), subject.name),
            };
            left.push(Leftover {
                object: format!("rolebinding/{namespace}/{name}"),
                why: format!("gives {} to {who}", binding.role_ref.name),
                fix: format!("kubectl delete rolebinding {name} -n {namespace}"),
            });
        }
    }
    let has_rights = |account: &str| {
        let all = left.iter().any(|one| one.why.ends_with(&everybody));
        all || accounts.contains(&account)
    };
    let secrets: Vec<Leftover> = tokens
        .iter()
        .filter(|(_, account)| has_rights(account))
        .map(|(secret, account)| Leftover {
            object: format!("secret/{namespace}/{secret}"),
            why: format!("holds a token of service account {account}"),
            fix: format!("kubectl delete secret {secret} -n {namespace}"),
        })
        .collect();
    left.extend(secrets);
    left
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn binding(name: &str, role: &str, subjects: &serde_json::Value) -> RoleBinding {
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "a"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": subjects,
        }))
        .unwrap()
    }

    #[test]
    fn nothing_stays_with_the_previous_owner_and_what_others_have_is_named() {
        let user = |name: &str| json!({"kind": "User", "name": name});
        let bindings = [
            binding("claim-owner", "x", &json!([user("bo")])),
            binding("keep", "claim-owner", &json!([user("ana")])),
            binding(
                "both",
                "edit",
                &json!([{"kind": "Group", "name": "onboard:ana:g2"}, user("carol")]),
            ),
            binding(
                "robot",
                "edit",
                &json!([{"kind": "ServiceAccount", "name": "robot", "namespace": "a"}]),
            ),
            binding(
                "other",
                "edit",
                &json!([{"kind": "Group", "name": "onboard:anabel:g1"}]),
            ),
        ];
        let theirs = theirs(&bindings, Some("ana"));
        let named: Vec<(&str, usize)> = theirs
            .iter()
            .map(|one| {
                (
                    one.binding.metadata.name.as_deref().unwrap(),
                    one.others.len(),
                )
            })
            .collect();
        assert_eq!(named, [("keep", 0), ("both", 1)]);
        let tokens = [
            ("t1".to_owned(), "robot".to_owned()),
            ("t2".to_owned(), "default".to_owned()),
        ];
        let left = leftovers("a", &bindings, &tokens, Some("ana"), "bo");
        let lines: Vec<String> = left
            .iter()
            .map(|one| format!("{} {}", one.object, one.why))
            .collect();
        assert_eq!(
            lines,
            [
                "rolebinding/a/both gives edit to user carol",
                "rolebinding/a/robot gives edit to service account robot",
                "rolebinding/a/other gives edit to group onboard:anabel:g1",
                "secret/a/t1 holds a token of service account robot",
            ]
        );
    }

    #[test]
    fn when_it_is_not_known_who_had_it_everybody_is_named() {
        let ana = json!([{"kind": "User", "name": "ana"}]);
        let bindings = [binding("keep", "claim-owner", &ana)];
        assert!(theirs(&bindings, None).is_empty());
        assert_eq!(leftovers("a", &bindings, &[], None, "bo").len(), 1);
    }
}
