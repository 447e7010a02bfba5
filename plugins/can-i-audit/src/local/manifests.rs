//! Objects in manifests: which of them count, and what of them.

use std::collections::HashSet;

use can_i_audit::model::catalog::Entry;
use can_i_audit::model::permissions::ORDINARY;
use can_i_audit::model::policy::{
    AggregationRule, Binding, Meta, Named, Policy, Role, RoleRef, Rule, Subject,
};
use groundcrew::error::{Error, Result};
use serde::Deserialize;

/// The fields of every kind that counts; what is not named here is skipped.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Manifest {
    kind: String,
    metadata: Meta,
    rules: Option<Vec<Rule>>,
    aggregation_rule: Option<AggregationRule>,
    role_ref: Option<RoleRef>,
    subjects: Option<Vec<Subject>>,
    items: Option<Vec<Manifest>>,
    spec: Option<serde_json::Value>,
}

/// The contents of the files.
#[derive(Default)]
pub(super) struct Found {
    pub(super) policy: Policy,
    pub(super) resources: Vec<Entry>,
    pub(super) others: usize,
    pub(super) files: usize,
    /// Kind, namespace and name of everything that counts.
    seen: HashSet<(String, String, String)>,
}

impl Found {
    /// Adds an object, or those of a list.
    ///
    /// # Errors
    ///
    /// What is wrong with it, at `place`.
    pub(super) fn add(&mut self, manifest: Manifest, place: &str, namespace: &str) -> Result<()> {
        let Manifest {
            kind,
            mut metadata,
            rules,
            aggregation_rule,
            role_ref,
            subjects,
            items,
            spec,
        } = manifest;
        if let Some(items) = items
            && kind.ends_with("List")
        {
            for (index, mut item) in items.into_iter().enumerate() {
                // Items of a typed list carry no kind of their own.
                if item.kind.is_empty() {
                    kind.trim_end_matches("List").clone_into(&mut item.kind);
                }
                self.add(item, &format!("{place} (item {index})"), namespace)?;
            }
            return Ok(());
        }
        if kind.is_empty() {
            return Err(Error::failed(format!("{place}: the object has no kind")));
        }
        let namespaced = matches!(kind.as_str(), "Role" | "RoleBinding" | "ServiceAccount");
        if namespaced && metadata.namespace.is_empty() {
            namespace.clone_into(&mut metadata.namespace);
        } else if !namespaced {
            metadata.namespace.clear();
        }
        let counts = matches!(
            kind.as_str(),
            "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding"
        );
        if counts {
            self.check_name(&kind, &metadata, place)?;
        }
        let policy = &mut self.policy;
        match kind.as_str() {
            "Role" | "ClusterRole" => {
                let into = if namespaced {
                    &mut policy.roles
                } else {
                    &mut policy.cluster_roles
                };
                into.push(Role {
                    metadata,
                    rules: rules.unwrap_or_default(),
                    aggregation_rule,
                });
            }
            "RoleBinding" | "ClusterRoleBinding" => {
                let into = if namespaced {
                    &mut policy.role_bindings
                } else {
                    &mut policy.cluster_role_bindings
                };
                let Some(role_ref) = role_ref else {
                    return Err(Error::failed(format!(
                        "{place}: {kind} {:?} has no roleRef",
                        metadata.name
                    )));
                };
                into.push(Binding {
                    metadata,
                    role_ref,
                    subjects: subjects.unwrap_or_default(),
                });
            }
            "Namespace" => policy.namespaces.push(Named { metadata }),
            "ServiceAccount" => policy.service_accounts.push(Named { metadata }),
            "CustomResourceDefinition" => self.resources.extend(spec.as_ref().and_then(custom)),
            _ => self.others += 1,
        }
        Ok(())
    }

    /// Two objects of one name would make the answer depend on the order of files.
    fn check_name(&mut self, kind: &str, metadata: &Meta, place: &str) -> Result<()> {
        if metadata.name.is_empty() {
            return Err(Error::failed(format!("{place}: the {kind} has no name")));
        }
        let key = (
            kind.to_owned(),
            metadata.namespace.clone(),
            metadata.name.clone(),
        );
        if self.seen.insert(key) {
            return Ok(());
        }
        Err(Error::failed(format!(
            "{place}: {kind} {:?} is defined twice",
            metadata.name
        )))
    }
}

fn custom(spec: &serde_json::Value) -> Option<Entry> {
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    Some(Entry {
        group: text(&spec["group"])?,
        resource: text(&spec["names"]["plural"])?,
        namespaced: spec["scope"] == "Namespaced",
        verbs: ORDINARY.map(str::to_owned).to_vec(),
        singular: text(&spec["names"]["singular"]).unwrap_or_default(),
        ..Entry::default()
    })
}
