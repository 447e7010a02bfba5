//! A right, as people and the API say it.

use std::fmt;

use k8s_openapi::api::authorization::v1::ResourceAttributes;

use crate::client::errors::doing::Doing;

/// A right: a verb on a resource, cluster-wide or in a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Access {
    /// The verb as RBAC knows it: `get`, `create`, `bind`, …
    pub verb: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// The resource in plural: `rolebindings`.
    pub resource: String,
    /// The subresource: `log`, `approval`.
    pub subresource: Option<String>,
    /// The one object it is about; `None` for any. The verb `create` never has a name.
    pub name: Option<String>,
    /// The namespace; `None` means cluster-wide, which is every namespace for namespaced
    /// resources.
    pub namespace: Option<String>,
}

impl Access {
    /// Returns a cluster-wide right; `resource` has its group: `roles.rbac.authorization.k8s.io`,
    /// and may have a subresource: `certificatesigningrequests.certificates.k8s.io/approval`.
    #[must_use]
    pub fn new(verb: &str, resource: &str) -> Self {
        let (resource, subresource) = match resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (resource, None),
        };
        let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
        Self {
            verb: verb.to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource,
            ..Self::default()
        }
    }

    /// Limits it to one object.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..self
        }
    }

    /// Limits it to one namespace.
    #[must_use]
    pub fn within(self, namespace: impl Into<String>) -> Self {
        Self {
            namespace: Some(namespace.into()),
            ..self
        }
    }

    /// Returns `resource.group/subresource` as kubectl writes it.
    #[must_use]
    pub fn full_resource(&self) -> String {
        let mut text = self.resource.clone();
        if !self.group.is_empty() {
            text.extend([".", &self.group]);
        }
        if let Some(subresource) = &self.subresource {
            text.extend(["/", subresource]);
        }
        text
    }

    pub(super) fn scope(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("in namespace {namespace}"),
            None => "cluster-wide".to_owned(),
        }
    }

    pub(super) fn what(&self) -> String {
        match &self.name {
            Some(name) => format!("{} \"{name}\"", self.full_resource()),
            None => self.full_resource(),
        }
    }
}

impl fmt::Display for Access {
    /// Prints `create namespaces cluster-wide`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.verb, self.what(), self.scope())
    }
}

impl From<&Access> for ResourceAttributes {
    /// Returns the question as the reviews of `authorization.k8s.io/v1` take it.
    fn from(access: &Access) -> Self {
        Self {
            verb: Some(access.verb.clone()),
            group: Some(access.group.clone()),
            resource: Some(access.resource.clone()),
            subresource: access.subresource.clone(),
            name: access.name.clone(),
            namespace: access.namespace.clone(),
            ..Self::default()
        }
    }
}

impl From<&Doing> for Access {
    fn from(doing: &Doing) -> Self {
        let access = Self::new(doing.verb, &doing.resource);
        Self {
            subresource: doing.subresource.map(str::to_owned),
            name: doing.name.clone().filter(|_| doing.verb != "create"),
            namespace: doing.namespace.clone(),
            ..access
        }
    }
}
