//! Objects in manifests: which of them count, and what of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use can_i_audit::model::catalog::Entry;
use can_i_audit::model::gap::{Gap, Read};
use can_i_audit::model::permissions::ORDINARY;
use can_i_audit::model::policy::{
    AggregationRule, Binding, Meta, Named, Policy, Role, RoleRef, Rule, Subject,
};
use groundcrew::manifest::{self, Fault, Node, unknown_fields};
use serde::Deserialize;

/// The fields of every kind that counts; what is not named here is skipped.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Manifest {
    metadata: Meta,
    rules: Option<Vec<Rule>>,
    aggregation_rule: Option<AggregationRule>,
    role_ref: Option<RoleRef>,
    subjects: Option<Vec<Subject>>,
    spec: Option<serde_json::Value>,
}

/// The contents of the files.
#[derive(Default)]
pub(super) struct Found {
    pub(super) policy: Policy,
    pub(super) resources: Vec<Entry>,
    pub(super) others: usize,
    pub(super) files: usize,
    /// What is odd about what was read, each with its place.
    pub(super) notes: Vec<String>,
    /// Where everything that counts stands, by kind, namespace and name.
    seen: HashMap<(String, String, String), String>,
}

/// Groups whose kinds count. Others have kinds of the same names: Crossplane, ACK, OpenShift.
const RBAC: &str = "rbac.authorization.k8s.io";
const CORE: &str = "";
const EXTENSIONS: &str = "apiextensions.k8s.io";

impl Found {
    /// Notes that a document, or an object in it, is not part of the answer.
    pub(super) fn miss(&mut self, file: &str, line: usize, why: impl Into<String>) {
        self.policy.unseen.push(Gap {
            resource: Read::Manifest(format!("{file}:{line}")),
            except_namespace: None,
            why: why.into(),
        });
    }

    /// Adds an object.
    pub(super) fn add(&mut self, object: &Node, file: &str, namespace: &str) {
        for note in unknown_fields(object) {
            self.notes
                .push(format!("{file}:{}: {}", note.line, note.message));
        }
        if let Err(fault) = self.try_add(object, file, namespace) {
            self.miss(file, fault.line, fault.message);
        }
    }

    fn try_add(&mut self, object: &Node, file: &str, namespace: &str) -> Result<(), Fault> {
        let line = object.place.line;
        let refuse = |message: String| Err(Fault { line, message });
        let text = |key: &str| object.get(key).and_then(Node::as_str).unwrap_or_default();
        let (version, kind) = (text("apiVersion"), text("kind"));
        if version.is_empty() {
            return refuse(format!("the {kind} has no apiVersion"));
        }
        let group = version.split_once('/').map_or(CORE, |(group, _)| group);
        let known = match kind {
            "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding" => group == RBAC,
            "Namespace" | "ServiceAccount" => group == CORE,
            "CustomResourceDefinition" => group == EXTENSIONS,
            _ => false,
        };
        if !known {
            self.others += 1;
            return Ok(());
        }
        let Manifest {
            mut metadata,
            rules,
            aggregation_rule,
            role_ref,
            subjects,
            spec,
        } = manifest::read(object).map_err(|error| Fault {
            line: error.line.max(1),
            message: error.message,
        })?;
        let namespaced = matches!(kind, "Role" | "RoleBinding" | "ServiceAccount");
        if namespaced && metadata.namespace.is_empty() {
            namespace.clone_into(&mut metadata.namespace);
        } else if !namespaced {
            metadata.namespace.clear();
        }
        if metadata.name.is_empty() && kind != "CustomResourceDefinition" {
            return refuse(format!("the {kind} has no name"));
        }
        if group == RBAC {
            self.check_twice(kind, &metadata, file, line)?;
        }
        let policy = &mut self.policy;
        match kind {
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
                    return refuse(format!("{kind} {:?} has no roleRef", metadata.name));
                };
                into.push(Binding {
                    metadata,
                    role_ref,
                    subjects: subjects.unwrap_or_default(),
                });
            }
            "Namespace" => policy.namespaces.push(Named { metadata }),
            "ServiceAccount" => policy.service_accounts.push(Named { metadata }),
            _ => self.resources.extend(spec.as_ref().and_then(custom)),
        }
        Ok(())
    }

    /// Of two objects of one name the first is in the answer: which one is applied last depends on
    /// the order of files.
    fn check_twice(
        &mut self,
        kind: &str,
        metadata: &Meta,
        file: &str,
        line: usize,
    ) -> Result<(), Fault> {
        let key = (
            kind.to_owned(),
            metadata.namespace.clone(),
            metadata.name.clone(),
        );
        match self.seen.entry(key) {
            Slot::Vacant(slot) => {
                slot.insert(format!("{file}:{line}"));
                Ok(())
            }
            Slot::Occupied(first) => Err(Fault {
                line,
                message: format!(
                    "{kind} {:?} is defined twice, first at {}",
                    metadata.name,
                    first.get()
                ),
            }),
        }
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
