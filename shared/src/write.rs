//! Writes whose outcome is never guessed.
//!
//! When the connection is lost after a write was sent, or the server answers 500 or 504, the
//! write may have happened or not. Repeating it blindly could do it twice, so every function
//! here reads the object back first and decides from what it finds.

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Error, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::outcome_unknown;

pub use crate::client::errors::{is_conflict, is_forbidden, is_not_found, status};

/// An object of any kind, also of one that is only known at run time.
pub trait AnyObject: Resource + Clone + Debug + Serialize + DeserializeOwned + Send + Sync {}

impl<K> AnyObject for K where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned + Send + Sync
{
}

/// What a plugin can read from and write to the API server.
pub trait Object: AnyObject + Resource<DynamicType = ()> {}

impl<K> Object for K where K: AnyObject + Resource<DynamicType = ()> {}

/// How writes are sent.
#[derive(Clone, Debug)]
pub struct Writer {
    /// Who owns the fields.
    pub field_manager: String,
    /// The server checks and does not keep.
    pub dry_run: bool,
    /// Applied fields are taken over from other managers instead of refused.
    pub force_conflicts: bool,
}

impl Writer {
    fn post_params(&self) -> PostParams {
        PostParams {
            dry_run: self.dry_run,
            field_manager: Some(self.field_manager.clone()),
        }
    }

    /// Creates an object. After an unknown outcome it reads back, and takes what it finds for its
    /// own when `is_mine` says so.
    ///
    /// # Errors
    ///
    /// The server's refusal, 409 `AlreadyExists` included; the unknown outcome itself when
    /// reading back fails too.
    pub async fn create<K: AnyObject>(
        &self,
        api: &Api<K>,
        object: &K,
        is_mine: impl Fn(&K) -> bool,
    ) -> Result<K, Error> {
        let lost = match api.create(&self.post_params(), object).await {
            Err(error) if outcome_unknown(&error) => error,
            result => return result,
        };
        let name = object.meta().name.as_deref().unwrap_or_default();
        match api.get_opt(name).await {
            Ok(Some(found)) if is_mine(&found) => Ok(found),
            // Somebody else's: the second try gets the server's own 409.
            Ok(_) => api.create(&self.post_params(), object).await,
            Err(_) => Err(lost),
        }
    }

    /// Applies an object (server-side apply).
    ///
    /// Applying the same object twice has the effect of applying it once, so after an unknown
    /// outcome it is repeated once if the object can be read at all.
    ///
    /// # Errors
    ///
    /// The server's refusal, 409 when another manager owns a field with another value; the
    /// unknown outcome itself when reading back fails too.
    pub async fn apply<K: AnyObject>(&self, api: &Api<K>, object: &K) -> Result<K, Error> {
        let name = object.meta().name.as_deref().unwrap_or_default();
        let mut params = PatchParams::apply(&self.field_manager);
        params.dry_run = self.dry_run;
        params.force = self.force_conflicts;
        let patch = Patch::Apply(object);
        let lost = match api.patch(name, &params, &patch).await {
            Err(error) if outcome_unknown(&error) => error,
            result => return result,
        };
        match api.get_opt(name).await {
            Ok(_) => api.patch(name, &params, &patch).await,
            Err(_) => Err(lost),
        }
    }

    /// Adds the labels and annotations of `object` to one that was read, and changes nothing else
    /// (JSON merge patch with the UID and resourceVersion of what was read).
    ///
    /// # Errors
    ///
    /// 409 `Conflict` when somebody changed it in the meantime; the server's refusal; an unknown
    /// outcome, because a second run sees what became of it.
    pub async fn label<K: AnyObject>(
        &self,
        api: &Api<K>,
        object: &K,
        read: Option<&ObjectMeta>,
    ) -> Result<K, Error> {
        let patch = serde_json::json!({"metadata": {
            "labels": object.meta().labels,
            "annotations": object.meta().annotations,
        }});
        let none = ObjectMeta {
            name: object.meta().name.clone(),
            ..ObjectMeta::default()
        };
        self.merge(api, read.unwrap_or(&none), patch).await
    }

    /// Changes some fields of an object that was read, and nothing else (JSON merge patch with
    /// the UID and resourceVersion of what was read).
    ///
    /// # Errors
    ///
    /// 409 `Conflict` when somebody changed it in the meantime; the server's refusal; an unknown
    /// outcome, because a second run sees what became of it.
    pub async fn merge<K: AnyObject>(
        &self,
        api: &Api<K>,
        read: &ObjectMeta,
        mut patch: serde_json::Value,
    ) -> Result<K, Error> {
        let name = read.name.as_deref().unwrap_or_default();
        patch["metadata"]["uid"] = serde_json::json!(read.uid);
        patch["metadata"]["resourceVersion"] = serde_json::json!(read.resource_version);
        let params = PatchParams {
            dry_run: self.dry_run,
            field_manager: Some(self.field_manager.clone()),
            ..PatchParams::default()
        };
        api.patch(name, &params, &Patch::Merge(patch)).await
    }

    /// Replaces an object that was read at the resourceVersion it carries. After an unknown
    /// outcome, `is_done` decides on what is read back.
    ///
    /// # Errors
    ///
    /// 409 `Conflict` when somebody changed it in the meantime; the server's refusal.
    pub async fn replace<K: AnyObject>(
        &self,
        api: &Api<K>,
        object: &K,
        is_done: impl Fn(&K) -> bool,
    ) -> Result<K, Error> {
        let name = object.meta().name.as_deref().unwrap_or_default();
        let lost = match api.replace(name, &self.post_params(), object).await {
            Err(error) if outcome_unknown(&error) => error,
            result => return result,
        };
        match api.get(name).await {
            Ok(found) if is_done(&found) => Ok(found),
            // The resourceVersion inside makes the second try safe: it fails if the first went
            // through.
            Ok(_) => api.replace(name, &self.post_params(), object).await,
            Err(_) => Err(lost),
        }
    }

    /// Deletes exactly the object that was read: same UID, same resourceVersion.
    ///
    /// Returns `false` when it is gone already. The preconditions make a repeat harmless.
    ///
    /// # Errors
    ///
    /// 409 `Conflict` when it was changed or recreated in the meantime; the server's refusal.
    pub async fn delete<K: AnyObject>(
        &self,
        api: &Api<K>,
        read: &ObjectMeta,
    ) -> Result<bool, Error> {
        let name = read.name.as_deref().unwrap_or_default();
        let params = DeleteParams {
            // With a body, `?dryRun=All` is ignored and the object really goes; kube puts this
            // into the body.
            dry_run: self.dry_run,
            preconditions: Some(Preconditions {
                uid: read.uid.clone(),
                resource_version: read.resource_version.clone(),
            }),
            ..DeleteParams::default()
        };
        let mut result = api.delete(name, &params).await.map(drop);
        if result.as_ref().is_err_and(outcome_unknown) {
            result = api.delete(name, &params).await.map(drop);
        }
        match result {
            Ok(()) => Ok(true),
            Err(error) if is_not_found(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
