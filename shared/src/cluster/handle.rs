//! A cluster, and one namespace of it.

use k8s_openapi::{ClusterResourceScope, NamespaceResourceScope};
use kube::api::{Api, ApiResource, DynamicObject};
use kube::{Client, Resource};

use super::objects::Objects;
use crate::client::Session;
use crate::write::Object;

/// A cluster as one user sees it.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
}

/// One namespace of a cluster; it need not exist.
#[derive(Clone)]
pub struct Place {
    client: Client,
    namespace: String,
}

impl Cluster {
    /// Returns the cluster behind a client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns the objects of a kind that has no namespace.
    #[must_use]
    pub fn of<K>(&self) -> Objects<K>
    where
        K: Object + Resource<Scope = ClusterResourceScope>,
    {
        Objects::new(Api::all(self.client.clone()), None)
    }

    /// Returns the objects of a kind in all namespaces, for lists.
    #[must_use]
    pub fn everywhere<K: Object>(&self) -> Objects<K> {
        Objects::new(Api::all(self.client.clone()), None)
    }

    /// Returns one namespace.
    #[must_use]
    pub fn in_(&self, namespace: impl Into<String>) -> Place {
        Place {
            client: self.client.clone(),
            namespace: namespace.into(),
        }
    }

    /// Returns the objects of a kind that is known only at run time, in a namespace or (without
    /// one) cluster-wide.
    #[must_use]
    pub fn dynamic(&self, kind: &ApiResource, namespace: Option<&str>) -> Objects<DynamicObject> {
        let client = self.client.clone();
        let api = match namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, kind),
            None => Api::all_with(client, kind),
        };
        Objects::of_kind(api, kind, namespace.map(str::to_owned))
    }
}

impl Place {
    /// Returns the name of the namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the objects of a kind in this namespace.
    #[must_use]
    pub fn of<K>(&self) -> Objects<K>
    where
        K: Object + Resource<Scope = NamespaceResourceScope>,
    {
        let api = Api::namespaced(self.client.clone(), &self.namespace);
        Objects::new(api, Some(self.namespace.clone()))
    }
}

impl Session {
    /// Returns the cluster of this connection.
    #[must_use]
    pub fn cluster(&self) -> Cluster {
        Cluster::new(self.client.clone())
    }

    /// Returns the objects of a kind that has no namespace.
    #[must_use]
    pub fn of<K>(&self) -> Objects<K>
    where
        K: Object + Resource<Scope = ClusterResourceScope>,
    {
        self.cluster().of()
    }

    /// Returns the objects of a kind in all namespaces, for lists.
    #[must_use]
    pub fn everywhere<K: Object>(&self) -> Objects<K> {
        self.cluster().everywhere()
    }

    /// Returns one namespace of the cluster.
    #[must_use]
    pub fn in_(&self, namespace: impl Into<String>) -> Place {
        self.cluster().in_(namespace)
    }
}
