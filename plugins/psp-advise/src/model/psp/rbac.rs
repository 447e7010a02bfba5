//! Who may `use` a policy, and by which binding, role and rule.

use serde::{Deserialize, Serialize};

use crate::model::pod::nullable;

/// A user who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct User {
    /// Name.
    pub name: String,
    /// Groups.
    pub groups: Vec<String>,
}

impl User {
    /// Returns a service account with its groups.
    ///
    /// Source: `UserInfo` in `k8s.io/apiserver/pkg/authentication/serviceaccount`.
    #[must_use]
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self {
            name: format!("system:serviceaccount:{namespace}:{name}"),
            groups: vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".to_owned(),
            ],
        }
    }
}

/// Why a user may use a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Who: the service account or the user.
    pub user: String,
    /// The binding; `system:masters` needs none.
    pub binding: String,
    /// The role.
    pub role: String,
    /// The rule, by its position from 0.
    pub rule: usize,
}

macro_rules! model {
    ($(#[$meta:meta])* $name:ident { $($(#[$field:meta])* $key:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct $name {
            $($(#[$field])* #[serde(deserialize_with = "nullable")] $key: $type,)*
        }
    };
}

model! {
    /// An object of `rbac.authorization.k8s.io`, any of the four kinds.
    Object {
        kind: String,
        metadata: Meta,
        rules: Vec<Rule>,
        role_ref: RoleRef,
        subjects: Vec<Subject>,
    }
}

model! { Meta { name: String, namespace: String, } }
model! { Rule {
    verbs: Vec<String>, api_groups: Vec<String>, resources: Vec<String>, resource_names: Vec<String>,
} }
model! { RoleRef { kind: String, name: String, } }
model! { Subject { kind: String, name: String, namespace: String, } }

/// Roles and bindings.
#[derive(Clone, Debug, Default)]
pub struct Rbac(Vec<Object>);

impl Rbac {
    /// Returns whether a kind is one that is read here.
    #[must_use]
    pub fn takes(kind: &str) -> bool {
        matches!(
            kind,
            "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding"
        )
    }

    /// Adds an object of one of the four kinds.
    ///
    /// # Errors
    ///
    /// A field of another type.
    pub fn add<'de, D: serde::Deserializer<'de>>(&mut self, object: D) -> Result<(), D::Error> {
        self.0.push(Object::deserialize(object)?);
        Ok(())
    }

    /// Returns by what a user may use a policy in a namespace.
    #[must_use]
    pub fn grant(&self, user: &User, namespace: &str, policy: &str) -> Option<Grant> {
        if user.groups.iter().any(|group| group == "system:masters") {
            return Some(Grant {
                user: user.name.clone(),
                binding: "group system:masters".to_owned(),
                role: "everything".to_owned(),
                rule: 0,
            });
        }
        let bindings = self.0.iter().filter(|object| match object.kind.as_str() {
            "ClusterRoleBinding" => true,
            "RoleBinding" => object.metadata.namespace == namespace,
            _ => false,
        });
        bindings
            .filter(|binding| {
                let inside = &binding.metadata.namespace;
                binding
                    .subjects
                    .iter()
                    .any(|subject| subject.is(user, inside))
            })
            .find_map(|binding| {
                let role = self.0.iter().find(|role| {
                    role.kind == binding.role_ref.kind
                        && role.metadata.name == binding.role_ref.name
                        && (role.kind == "ClusterRole" || role.metadata.namespace == namespace)
                })?;
                let rule = role.rules.iter().position(|rule| rule.allows(policy))?;
                let full = |object: &Object| match object.metadata.namespace.as_str() {
                    "" => format!("{}/{}", object.kind.to_lowercase(), object.metadata.name),
                    inside => {
                        format!(
                            "{}/{inside}/{}",
                            object.kind.to_lowercase(),
                            object.metadata.name
                        )
                    }
                };
                Some(Grant {
                    user: user.name.clone(),
                    binding: full(binding),
                    role: full(role),
                    rule,
                })
            })
    }
}

impl Subject {
    fn is(&self, user: &User, binding_namespace: &str) -> bool {
        match self.kind.as_str() {
            "User" => self.name == user.name,
            "Group" => user.groups.contains(&self.name),
            "ServiceAccount" => {
                let namespace = if self.namespace.is_empty() {
                    binding_namespace
                } else {
                    &self.namespace
                };
                user.name == format!("system:serviceaccount:{namespace}:{}", self.name)
            }
            _ => false,
        }
    }
}

impl Rule {
    fn allows(&self, policy: &str) -> bool {
        let has = |list: &[String], wanted: &[&str]| {
            list.iter()
                .any(|item| item == "*" || wanted.contains(&item.as_str()))
        };
        has(&self.verbs, &["use"])
            && has(&self.api_groups, &["policy", "extensions"])
            && has(&self.resources, &["podsecuritypolicies"])
            && (self.resource_names.is_empty()
                || self.resource_names.iter().any(|name| name == policy))
    }
}
