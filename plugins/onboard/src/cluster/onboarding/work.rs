//! What changes while a run lasts.

use std::collections::BTreeMap;

use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};

use crate::cluster::onboarding::ledger::Ledger;
use crate::cluster::onboarding::run::Run;
use crate::cluster::onboarding::undo::Undo;

/// What changes while a run lasts.
pub struct Work {
    pub(super) ledger: Ledger,
    pub(super) undo: Undo,
    /// The user's bindings as they were last seen, by namespace.
    pub(super) bindings: BTreeMap<String, RoleBinding>,
    /// The user's ClusterRoleBindings as they were last seen, by name.
    pub(super) wide: BTreeMap<String, ClusterRoleBinding>,
}

impl Work {
    /// Begins with what was found.
    #[must_use]
    pub fn of(run: &Run<'_>) -> Self {
        let found = run.observed.bindings.iter();
        let place = |binding: &RoleBinding| binding.metadata.namespace.clone().unwrap_or_default();
        let name = |binding: &ClusterRoleBinding| binding.metadata.name.clone().unwrap_or_default();
        let wide = run.observed.wide.iter();
        Self {
            wide: wide
                .map(|binding| (name(binding), binding.clone()))
                .collect(),
            ledger: Ledger::open(run),
            undo: Undo::default(),
            bindings: found
                .map(|binding| (place(binding), binding.clone()))
                .collect(),
        }
    }
}
