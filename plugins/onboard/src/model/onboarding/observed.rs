//! What a run has found.

use std::collections::BTreeMap;

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, PolicyRule, RoleBinding};

use crate::model::found::{FoundNamespace, FoundRecord};
use crate::model::kubeconfig::{Endpoint, Existing};

/// Everything that the plan depends on.
#[derive(Debug)]
pub struct Observed {
    /// The record of earlier runs, with the metadata that a write has to match.
    pub record: Option<FoundRecord>,
    /// The user's namespace, if there is one of that name.
    pub namespace: Option<FoundNamespace>,
    /// The user's RoleBindings, where the user has a role or is to lose one.
    pub bindings: Vec<RoleBinding>,
    /// What a run has left that died while it gave the user another role.
    pub unfinished: Vec<RoleBinding>,
    /// The owner bindings of what the user has claimed.
    pub claims: Vec<RoleBinding>,
    /// The user's ClusterRoleBindings.
    pub wide: Vec<ClusterRoleBinding>,
    /// What limits the user's own namespace.
    pub existing: InNamespace,
    /// The user's certificate requests that are still there.
    pub requests: Vec<CertificateSigningRequest>,
    /// The rules of the roles that the user gets, by the role's name.
    pub role_rules: BTreeMap<String, Vec<PolicyRule>>,
    /// Where the user reaches the API server.
    pub endpoint: Endpoint,
    /// What stands at the output path.
    pub file: Existing,
}

/// The objects that limit a namespace, as far as they are there. A failed run takes back only
/// what it made, and what is as it should be is not written again.
#[derive(Debug, Default)]
pub struct InNamespace {
    /// The LimitRange.
    pub limits: Option<LimitRange>,
    /// The ResourceQuota.
    pub quota: Option<ResourceQuota>,
    /// The NetworkPolicy.
    pub policy: Option<NetworkPolicy>,
}
