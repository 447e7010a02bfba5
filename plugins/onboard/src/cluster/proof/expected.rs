//! What has to be true of a credential, and how single answers are told.

use std::time::Duration;

use groundcrew::client::access::{Access, granted};
use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::model::credential_kind::CredentialKind;
use crate::model::login::Asserted;
use crate::model::user::UserName;

/// How long a fresh binding may take to reach every API server; seen: about 0.1 s.
pub const PROPAGATION: Duration = Duration::from_secs(10);

/// What a working person is expected to be able to do, the most telling first.
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

/// How many of those are asked for; the rest of a role stands and falls with its binding.
pub const ASKED: usize = 3;

/// What has to be true.
#[derive(Debug)]
pub struct Expected<'a> {
    /// Her name.
    pub user: &'a UserName,
    /// Her namespace.
    pub namespace: &'a str,
    /// What her file holds.
    pub kind: CredentialKind,
    /// The groups inside her certificate.
    pub groups: &'a [String],
    /// SHA-256 of her certificate.
    pub sha256: Option<&'a str>,
    /// The rules of her role.
    pub rules: &'a [PolicyRule],
    /// Other namespaces where she has a role, with its rules.
    pub also: Vec<(&'a str, &'a [PolicyRule])>,
    /// A LimitRange fills in resources that a pod leaves out.
    pub limited: bool,
    /// She may claim namespaces: she holds the right to bind roles everywhere, and the guard of
    /// `kubectl ns-claim` keeps it to her claims.
    pub claims: bool,
    /// Whom a login makes her, when that is not in a credential of hers.
    pub asserted: Option<&'a Asserted>,
}

/// Returns what she must not be able to do.
pub fn cannot(expected: &Expected<'_>) -> Vec<Access> {
    beyond(expected.namespace, expected.rules, expected.claims)
}

/// Returns what nobody must be able to do who has these rules in that namespace alone. Whoever may
/// claim namespaces may bind roles as far as RBAC goes; admission keeps that to her claims.
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

/// Returns what her role says that she can do, as far as it is asked for.
pub fn can(expected: &Expected<'_>) -> Vec<Access> {
    let mut all = granted_in(expected.namespace, expected.rules);
    all.truncate(ASKED);
    all
}

/// Returns what a working person does in a namespace, the most telling first.
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
