//! The user's namespace and what limits them in it.

use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::Result;
use groundcrew::write::Object;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;

use crate::cluster::onboarding::run::Run;
use crate::cluster::onboarding::undo::Undo;
use crate::model::change::Change;

impl Run<'_> {
    /// Makes the namespace, or brings its labels and annotations up to date.
    pub(super) async fn namespace(
        &self,
        object: &Namespace,
        change: Change,
        undo: &mut Undo,
    ) -> Result<Change> {
        let name = object.metadata.name.as_deref().unwrap_or_default();
        let api = self.cluster_api::<Namespace>();
        if change == Change::Configured {
            let doing = Doing::new("patch", "namespaces").named(name);
            let found = self.observed.namespace.as_ref();
            let read = found.map(|found| &found.metadata);
            let labeled = self.writer.label(&api, object, read).await;
            labeled.map_err(|error| self.raced(error, &doing))?;
            return Ok(change);
        }
        let doing = Doing::new("create", "namespaces").named(name);
        let is_ours = |found: &Namespace| found.metadata.annotations == object.metadata.annotations;
        let made = self.writer.create(&api, object, is_ours).await;
        let made = made.map_err(|error| self.raced(error, &doing))?;
        undo.made(&made, "namespace", self.options.dry_run);
        Ok(Change::Created)
    }

    /// Applies what limits the namespace.
    pub(super) async fn apply<K>(
        &self,
        object: &K,
        (kind, resource): (&'static str, &'static str),
        change: Change,
        undo: &mut Undo,
    ) -> Result<Change>
    where
        K: Object + kube::Resource<Scope = NamespaceResourceScope>,
    {
        let name = object.meta().name.clone().unwrap_or_default();
        let namespace = object.meta().namespace.clone().unwrap_or_default();
        let doing = Doing::new("patch", resource)
            .named(&name)
            .within(&namespace);
        let kept = self
            .writer
            .apply(&self.namespaced_api::<K>(&namespace), object)
            .await;
        let kept = kept.map_err(|error| explain(error, &doing))?;
        if change == Change::Created {
            undo.made(&kept, kind, self.options.dry_run);
        }
        Ok(change)
    }
}
