//! The policies on what is inside of claims.

use serde_json::json;

use super::cel::{Policy, constraints, me, must, others_pass, policy, rule, variable, watched};
use crate::model::meta;

/// Says that the namespace is a claim of the one who asks.
pub const YOURS: &str = "namespaceObject != null && \
    namespaceObject.metadata.?labels[?'groundcrew.dev/claim'].orValue('') == 'true' && \
    namespaceObject.metadata.?annotations[?'groundcrew.dev/owner'].orValue('') == variables.me";

/// Limits, quotas and network policies only in one's own claim.
pub fn contents() -> Policy {
    let operations = ["CREATE", "UPDATE", "DELETE"];
    let mut conditions = watched("request.namespace");
    conditions.push(others_pass());
    let spec = json!({
        "matchConstraints": constraints(&[
            rule("", &["limitranges", "resourcequotas"], &operations),
            rule("networking.k8s.io", &["networkpolicies"], &operations),
        ]),
        "matchConditions": conditions,
        "variables": [me()],
        "validations": [must(
            YOURS,
            "you can create limits, quotas and network policies only in your own claims; kubectl ns-claim list --mine",
        )],
    });
    policy("contents", spec, None)
}

/// Roles only in one's own claim, and only the ones that a claim has.
pub fn role_bindings() -> Policy {
    let mut conditions = watched("request.namespace");
    conditions.push(others_pass());
    let owner = meta::OWNER_ROLE;
    let spec = json!({
        "matchConstraints": constraints(&[rule(
            "rbac.authorization.k8s.io",
            &["rolebindings"],
            &["CREATE", "UPDATE", "DELETE"],
        )]),
        "matchConditions": conditions,
        "variables": [
            me(),
            variable("role", "object == null ? oldObject.roleRef : object.roleRef"),
            variable("subjects", "object == null ? [] : object.?subjects.orValue([])"),
        ],
        "validations": [
            must(
                YOURS,
                "you can bind roles only in your own claims; kubectl ns-claim list --mine",
            ),
            must(
                format!("variables.role.kind == 'ClusterRole' && variables.role.name in ['{owner}', 'edit']"),
                format!("in a claim you can bind only {owner} and edit; kubectl ns-claim NAME --with USER"),
            ),
            must(
                format!(
                    "variables.role.name != '{owner}' || variables.subjects.all(s, \
                     (s.kind == 'User' && s.name == variables.me) || \
                     (s.kind == 'Group' && s.name.startsWith('onboard:') && s.name in request.userInfo.groups))"
                ),
                format!("you can bind {owner} only to yourself; kubectl ns-claim NAME --with USER"),
            ),
            must(
                format!(
                    "variables.role.name == '{owner}' || variables.subjects.all(s, \
                     s.kind in ['User', 'Group'] && !s.name.startsWith('system:'))"
                ),
                "a claim can be shared only with users and groups of people; kubectl ns-claim NAME --with USER",
            ),
        ],
    });
    policy("rolebindings", spec, None)
}
