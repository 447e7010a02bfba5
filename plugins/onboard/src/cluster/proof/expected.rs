//! What has to be true of a credential.

use std::time::Duration;

use groundcrew::client::access::{Access, granted};
use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::model::credential_kind::CredentialKind;
use crate::model::login::Asserted;
use crate::model::user::UserName;

/// How long a fresh binding may take to reach every API server; seen: about 0.1 s.
pub const PROPAGATION: Duration = Duration::from_secs(10);

/// What a user is expected to be able to do, the most telling first.
pub const TELLING: [(&str, &str); 8] = [
    ("create", "pods"),
    ("create", "deployments.apps"),
    ("get", "pods/log"),
    ("create", "services"),
    ("list", "pods"),
    ("get", "configmaps"),
    ("list", "deployments.apps"),
    ("get", "services"),
];

/// How many of those are asked for; the rest of a role depends on the same binding.
pub const ASKED: usize = 3;

/// What has to be true.
#[derive(Debug)]
pub struct Expected<'a> {
    /// The user's name.
    pub user: &'a UserName,
    /// The user's namespace.
    pub namespace: &'a str,
    /// The kind of credential in the user's file.
    pub kind: CredentialKind,
    /// The groups in the certificate.
    pub groups: &'a [String],
    /// SHA-256 of the certificate.
    pub sha256: Option<&'a str>,
    /// The rules of the user's role.
    pub rules: &'a [PolicyRule],
    /// Other namespaces where the user has a role, with its rules.
    pub also: Vec<(&'a str, &'a [PolicyRule])>,
    /// A LimitRange fills in resources that a pod leaves out.
    pub limited: bool,
    /// The user may claim namespaces: they may bind roles everywhere as far as RBAC goes, and the
    /// guard of `kubectl ns-claim` limits it to their claims.
    pub claims: bool,
    /// The name or group that a login gives the user, when no credential of theirs says it.
    pub asserted: Option<&'a Asserted>,
}

/// Returns what the user must not be able to do.
pub fn cannot(expected: &Expected<'_>) -> Vec<Access> {
    beyond(expected.namespace, expected.rules, expected.claims)
}

/// Returns what a user with these rules in that namespace alone must not be able to do. A user who
/// may claim namespaces may bind roles as far as RBAC goes; admission limits that to their claims.
#[must_use]
pub fn beyond(namespace: &str, rules: &[PolicyRule], claims: bool) -> Vec<Access> {
    let elsewhere = if namespace == "kube-system" {
        "kube-public"
    } else {
        "kube-system"
    };
    let mut all = vec![
        Access::new("get", "secrets").within(elsewhere),
        Access::new("*", "*.*"),
    ];
    let bind = Access::new("create", "rolebindings.rbac.authorization.k8s.io");
    if !claims && !granted(rules, &bind) {
        all.push(bind.within(namespace));
    }
    all
}

/// Returns what the user's role allows, as far as it is asked for.
pub fn can(expected: &Expected<'_>) -> Vec<Access> {
    let mut all = granted_in(expected.namespace, expected.rules);
    all.truncate(ASKED);
    all
}

/// Returns what a user does in a namespace, the most telling first.
#[must_use]
pub fn telling(namespace: &str) -> Vec<Access> {
    let inside = |(verb, resource)| Access::new(verb, resource).within(namespace);
    TELLING.into_iter().map(inside).collect()
}

pub fn granted_in(namespace: &str, rules: &[PolicyRule]) -> Vec<Access> {
    let mut all = telling(namespace);
    all.retain(|access| granted(rules, access));
    all
}
