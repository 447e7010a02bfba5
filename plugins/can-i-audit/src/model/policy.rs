//! The objects that decide who may do what, as they are stored, and what of them is missing.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::model::catalog::Catalog;
use crate::model::gap::{Gap, Read};

/// Everything that was read of one cluster or one set of manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Policy {
    /// ClusterRoles.
    pub cluster_roles: Vec<Role>,
    /// Roles.
    pub roles: Vec<Role>,
    /// ClusterRoleBindings.
    pub cluster_role_bindings: Vec<Binding>,
    /// RoleBindings.
    pub role_bindings: Vec<Binding>,
    /// Namespaces.
    pub namespaces: Vec<Named>,
    /// Service accounts.
    pub service_accounts: Vec<Named>,
    /// The resources that the server knows; empty when it was not asked.
    pub catalog: Catalog,
    /// The lists that could not be read. A snapshot made before the field had this name must not
    /// seem complete.
    #[serde(alias = "gaps")]
    pub unseen: Vec<Gap>,
    /// It is a cluster's and not that of manifests, so that what is not there does not exist.
    pub from_cluster: bool,
    /// Rules that manifests give to aggregated ClusterRoles and that none of their parts has, by the
    /// name of the role. The controller overwrites them, so that a cluster never shows any.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub overwritten: BTreeMap<String, Vec<Rule>>,
    /// The minor version of a server of major version 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_minor: Option<u32>,
    /// The revision that each list is of, by its plural; empty for manifests.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub resource_versions: BTreeMap<String, String>,
}

/// An object of which the metadata alone counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Name, namespace, labels.
    #[serde(default)]
    pub metadata: Meta,
}

/// The part of the metadata that counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Meta {
    /// Name.
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    /// Namespace; empty for objects of the cluster.
    #[serde(
        deserialize_with = "nullable",
        skip_serializing_if = "String::is_empty"
    )]
    pub namespace: String,
    /// Labels, which aggregation selects by.
    #[serde(
        deserialize_with = "nullable",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub labels: BTreeMap<String, String>,
}

/// A Role or a ClusterRole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Role {
    /// Name, namespace, labels.
    pub metadata: Meta,
    /// Its rules.
    #[serde(deserialize_with = "nullable")]
    pub rules: Vec<Rule>,
    /// From which ClusterRoles the rules are collected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregation_rule: Option<AggregationRule>,
}

/// One rule; an empty list matches nothing, except that no resource names are all names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// Verbs, or `*`.
    #[serde(deserialize_with = "nullable")]
    pub verbs: Vec<String>,
    /// API groups, or `*`.
    #[serde(
        rename = "apiGroups",
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub api_groups: Vec<String>,
    /// `pods`, `pods/log`, `*/scale`, `*`.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Names of objects; none means all.
    #[serde(
        rename = "resourceNames",
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub resource_names: Vec<String>,
    /// Paths other than resources, with an optional `*` at the end.
    #[serde(
        rename = "nonResourceURLs",
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub non_resource_urls: Vec<String>,
}

/// How an aggregated ClusterRole finds its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AggregationRule {
    /// A ClusterRole that one of these selects is a part.
    #[serde(deserialize_with = "nullable")]
    pub cluster_role_selectors: Vec<LabelSelector>,
}

/// A label selector; an empty one selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// Labels that have to be there with these values.
    #[serde(
        deserialize_with = "nullable",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub match_labels: BTreeMap<String, String>,
    /// Further requirements.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<Requirement>,
}

/// One requirement of a label selector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Requirement {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// Values for the first two.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

impl LabelSelector {
    /// Says whether it selects an object with these labels.
    #[must_use]
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        let all = self
            .match_labels
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value));
        all && self.match_expressions.iter().all(|one| {
            let value = labels.get(&one.key);
            match one.operator.as_str() {
                "In" => value.is_some_and(|value| one.values.contains(value)),
                "NotIn" => value.is_none_or(|value| !one.values.contains(value)),
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
    }
}

/// A RoleBinding or a ClusterRoleBinding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Binding {
    /// Name, namespace, labels.
    pub metadata: Meta,
    /// The role that it gives.
    pub role_ref: RoleRef,
    /// The subjects that it is granted to.
    #[serde(deserialize_with = "nullable")]
    pub subjects: Vec<Subject>,
}

/// The role of a binding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct RoleRef {
    /// `Role` or `ClusterRole`.
    #[serde(deserialize_with = "nullable")]
    pub kind: String,
    /// Name; a Role is the one in the binding's namespace.
    #[serde(deserialize_with = "nullable")]
    pub name: String,
}

/// One subject of a binding, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Subject {
    /// `User`, `Group` or `ServiceAccount`.
    #[serde(deserialize_with = "nullable")]
    pub kind: String,
    /// Namespace of a service account.
    #[serde(
        deserialize_with = "nullable",
        skip_serializing_if = "String::is_empty"
    )]
    pub namespace: String,
    /// Name.
    #[serde(deserialize_with = "nullable")]
    pub name: String,
}

impl Policy {
    /// Says whether everything was read.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unseen.is_empty()
    }

    /// Says whether all of a list was read.
    #[must_use]
    pub fn has_read(&self, list: &Read) -> bool {
        !self.unseen.iter().any(|gap| gap.resource == *list)
    }

    /// Says whether all of it is of one moment. Otherwise what changed between two lists can be
    /// seen in one of them and not in the other.
    #[must_use]
    pub fn is_of_one_moment(&self) -> bool {
        let mut moments = self.resource_versions.values();
        let first = moments.next();
        moments.all(|moment| Some(moment) == first)
    }

    /// Says whether "no" is an answer for a namespace, or (empty) for the whole cluster.
    #[must_use]
    pub fn can_deny_in(&self, namespace: &str) -> bool {
        !self.unseen.iter().any(|gap| gap.matters_in(namespace))
    }

    /// Says whether "nobody else, anywhere" is an answer.
    #[must_use]
    pub fn can_deny_everywhere(&self) -> bool {
        !self.unseen.iter().any(|gap| gap.resource.is_rbac())
    }

    /// Puts everything into one order, so that two runs give the same answer.
    pub fn sort(&mut self) {
        fn by(meta: &Meta) -> (&str, &str) {
            (&meta.namespace, &meta.name)
        }
        self.cluster_roles
            .sort_by(|a, b| by(&a.metadata).cmp(&by(&b.metadata)));
        self.roles
            .sort_by(|a, b| by(&a.metadata).cmp(&by(&b.metadata)));
        self.cluster_role_bindings
            .sort_by(|a, b| by(&a.metadata).cmp(&by(&b.metadata)));
        self.role_bindings
            .sort_by(|a, b| by(&a.metadata).cmp(&by(&b.metadata)));
        self.namespaces
            .sort_by(|a, b| by(&a.metadata).cmp(&by(&b.metadata)));
        self.service_accounts
            .sort_by(|a, b| by(&a.metadata).cmp(&by(&b.metadata)));
        self.unseen.sort();
    }
}

/// Reads `null` as the empty value: Go writes one where it means the other.
fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_one_revision_are_of_one_moment_and_so_are_manifests() {
        let at = |moments: &[(&str, &str)]| Policy {
            resource_versions: moments
                .iter()
                .map(|(list, at)| ((*list).to_owned(), (*at).to_owned()))
                .collect(),
            ..Policy::default()
        };
        assert!(at(&[]).is_of_one_moment());
        assert!(at(&[("roles", "7"), ("rolebindings", "7")]).is_of_one_moment());
        assert!(!at(&[("roles", "7"), ("rolebindings", "8")]).is_of_one_moment());
    }
}
