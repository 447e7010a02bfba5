//! The objects of one kind in one place.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde::Serialize;

use crate::client::access::Access;
use crate::client::errors::{Doing, explain};
use crate::client::pages;
use crate::error::{Error, Result};
use crate::write::{AnyObject, Object, Writer};

/// The objects of one kind in one namespace, or cluster-wide.
///
/// Every method says in its error what it did to what, in kubectl's words, and what is missing
/// when a right is.
#[derive(Clone, Debug)]
pub struct Objects<K> {
    api: Api<K>,
    resource: Cow<'static, str>,
    namespace: Option<String>,
}

impl<K: Object> Objects<K> {
    pub(super) fn new(api: Api<K>, namespace: Option<String>) -> Self {
        Self {
            api,
            resource: full_name(K::plural(&()), &K::group(&())),
            namespace,
        }
    }
}

impl Objects<DynamicObject> {
    pub(super) fn of_kind(
        api: Api<DynamicObject>,
        kind: &ApiResource,
        namespace: Option<String>,
    ) -> Self {
        Self {
            api,
            resource: full_name(Cow::Owned(kind.plural.clone()), &kind.group),
            namespace,
        }
    }
}

/// Returns `rolebindings.rbac.authorization.k8s.io`; the core group has no name.
fn full_name(plural: Cow<'static, str>, group: &str) -> Cow<'static, str> {
    if group.is_empty() {
        plural
    } else {
        format!("{plural}.{group}").into()
    }
}

impl<K: AnyObject> Objects<K> {
    /// Returns kube's own handle, for what has no method here.
    #[must_use]
    pub fn api(&self) -> &Api<K> {
        &self.api
    }

    /// Returns the resource with its group.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// Describes doing something to all objects of this kind here.
    #[must_use]
    pub fn doing(&self, verb: &'static str) -> Doing {
        Doing {
            namespace: self.namespace.clone(),
            ..Doing::new(verb, self.resource.clone())
        }
    }

    /// Explains an error of doing something to one object here.
    #[must_use]
    pub fn explain(&self, verb: &'static str, name: &str, error: kube::Error) -> Error {
        explain(error, &self.doing(verb).named(name))
    }

    /// Returns the right to do something to any object of this kind here.
    #[must_use]
    pub fn right(&self, verb: &'static str) -> Access {
        Access::from(&self.doing(verb))
    }

    /// Reads an object; `None` when it (or its namespace) does not exist.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn find(&self, name: &str) -> Result<Option<K>> {
        let found = self.api.get_opt(name).await;
        found.map_err(|error| self.explain("get", name, error))
    }

    /// Reads an object that has to exist.
    ///
    /// # Errors
    ///
    /// What the server says, `NotFound` included.
    pub async fn get(&self, name: &str) -> Result<K> {
        let found = self.api.get(name).await;
        found.map_err(|error| self.explain("get", name, error))
    }

    /// Lists everything, page by page.
    ///
    /// # Errors
    ///
    /// What the server says; a list is whole or an error.
    pub async fn list(&self) -> Result<Vec<K>> {
        self.list_by(&ListParams::default()).await
    }

    /// Lists what has the labels.
    ///
    /// # Errors
    ///
    /// As [`list`](Self::list).
    pub async fn labelled(&self, selector: &str) -> Result<Vec<K>> {
        self.list_by(&ListParams::default().labels(selector)).await
    }

    /// Lists what the parameters choose.
    ///
    /// # Errors
    ///
    /// As [`list`](Self::list).
    pub async fn list_by(&self, params: &ListParams) -> Result<Vec<K>> {
        let found = pages::all(&self.api, params).await;
        found.map_err(|error| explain(error, &self.doing("list")))
    }

    /// Lists the metadata of what the parameters choose, and nothing else of it.
    ///
    /// # Errors
    ///
    /// As [`list`](Self::list).
    pub async fn list_metadata(&self, params: &ListParams) -> Result<Vec<ObjectMeta>> {
        let found = pages::metadata(&self.api, params).await;
        found.map_err(|error| explain(error, &self.doing("list")))
    }

    /// Creates an object; `is_mine` recognizes it after an answer was lost.
    ///
    /// # Errors
    ///
    /// As [`Writer::create`].
    pub async fn create(
        &self,
        writer: &Writer,
        object: &K,
        is_mine: impl Fn(&K) -> bool,
    ) -> Result<K> {
        let made = writer.create(&self.api, object, is_mine).await;
        made.map_err(|error| self.explain("create", &name_of(object), error))
    }

    /// Asks a question of the API, such as an access review: it creates what nobody keeps.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn ask(&self, question: &K) -> Result<K> {
        let answer = self.api.create(&PostParams::default(), question).await;
        answer.map_err(|error| explain(error, &self.doing("create")))
    }

    /// Applies an object (server-side apply).
    ///
    /// # Errors
    ///
    /// As [`Writer::apply`].
    pub async fn apply(&self, writer: &Writer, object: &K) -> Result<K> {
        let applied = writer.apply(&self.api, object).await;
        applied.map_err(|error| self.explain("patch", &name_of(object), error))
    }

    /// Adds the labels and annotations of `object` to one that was read.
    ///
    /// # Errors
    ///
    /// As [`Writer::label`].
    pub async fn label(&self, writer: &Writer, object: &K, read: Option<&ObjectMeta>) -> Result<K> {
        let written = writer.label(&self.api, object, read).await;
        written.map_err(|error| self.explain("patch", &name_of(object), error))
    }

    /// Changes some fields of an object that was read, if nobody changed it since.
    ///
    /// # Errors
    ///
    /// As [`Writer::merge`].
    pub async fn merge(
        &self,
        writer: &Writer,
        read: &ObjectMeta,
        patch: serde_json::Value,
    ) -> Result<K> {
        let name = read.name.clone().unwrap_or_default();
        let written = writer.merge(&self.api, read, patch).await;
        written.map_err(|error| self.explain("patch", &name, error))
    }

    /// Sends a patch as it is.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn patch<P: Serialize + std::fmt::Debug>(
        &self,
        name: &str,
        params: &PatchParams,
        patch: &Patch<P>,
    ) -> Result<K> {
        let written = self.api.patch(name, params, patch).await;
        written.map_err(|error| self.explain("patch", name, error))
    }

    /// Replaces an object at the version that it carries.
    ///
    /// # Errors
    ///
    /// As [`Writer::replace`].
    pub async fn replace(
        &self,
        writer: &Writer,
        object: &K,
        is_done: impl Fn(&K) -> bool,
    ) -> Result<K> {
        let written = writer.replace(&self.api, object, is_done).await;
        written.map_err(|error| self.explain("update", &name_of(object), error))
    }

    /// Deletes exactly the object that was read; `false` when it is gone already.
    ///
    /// # Errors
    ///
    /// As [`Writer::delete`].
    pub async fn delete(&self, writer: &Writer, read: &ObjectMeta) -> Result<bool> {
        let name = read.name.clone().unwrap_or_default();
        let deleted = writer.delete(&self.api, read).await;
        deleted.map_err(|error| self.explain("delete", &name, error))
    }
}

fn name_of<K: AnyObject>(object: &K) -> String {
    object.meta().name.clone().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use k8s_openapi::api::rbac::v1::ClusterRole;
    use kube::core::Status;

    use crate::cluster::Cluster;

    fn cluster() -> Cluster {
        let config = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        Cluster::new(kube::Client::try_from(config).unwrap())
    }

    #[tokio::test]
    async fn an_error_names_verb_resource_and_scope_by_itself() {
        let here = cluster().in_("a").of::<ConfigMap>();
        assert_eq!(
            here.doing("get").named("x").to_string(),
            r#"get configmaps "x" in namespace "a""#
        );
        let roles = cluster().of::<ClusterRole>();
        assert_eq!(
            roles.doing("list").to_string(),
            "list clusterroles.rbac.authorization.k8s.io"
        );
        assert_eq!(
            cluster()
                .everywhere::<ConfigMap>()
                .right("list")
                .to_string(),
            "list configmaps cluster-wide"
        );
    }

    #[tokio::test]
    async fn the_answer_of_the_server_can_be_asked_of_the_error() {
        let here = cluster().in_("a").of::<ConfigMap>();
        let refusal = |code| {
            let status = Status::failure("no", "").with_code(code);
            here.explain("get", "x", kube::Error::Api(status.boxed()))
        };
        assert!(refusal(403).is_forbidden() && !refusal(403).is_not_found());
        assert!(refusal(404).is_not_found() && refusal(409).is_conflict());
    }
}
