//! The user's namespace and what limits them in it.

use groundcrew::error::Result;
use groundcrew::write::Object;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;

use crate::cluster::onboarding::run::Run;
use crate::cluster::onboarding::undo::Made;
use crate::model::change::Change;

impl Run<'_> {
    /// Makes the namespace, or brings its labels and annotations up to date.
    pub(super) async fn namespace(
        &self,
        object: &Namespace,
        change: Change,
    ) -> Result<(Change, Option<Made>)> {
        let namespaces = self.session.of::<Namespace>();
        if change == Change::Configured {
            let found = self.observed.namespace.as_ref();
            let read = found.map(|found| &found.metadata);
            let labeled = namespaces.label(&self.writer, object, read).await;
            labeled.map_err(|error| self.raced(error))?;
            return Ok((change, None));
        }
        let is_ours = |found: &Namespace| found.metadata.annotations == object.metadata.annotations;
        let made = namespaces.create(&self.writer, object, is_ours).await;
        let made = made.map_err(|error| self.raced(error))?;
        Ok((Change::Created, Some(Made::of(&made))))
    }

    /// Applies what limits the namespace.
    pub(super) async fn apply<K>(
        &self,
        object: &K,
        change: Change,
    ) -> Result<(Change, Option<Made>)>
    where
        K: Object + kube::Resource<Scope = NamespaceResourceScope>,
    {
        let namespace = object.meta().namespace.as_deref().unwrap_or_default();
        let objects = self.session.in_(namespace).of::<K>();
        let kept = objects.apply(&self.writer, object).await?;
        Ok((change, Some(Made::of(&kept))))
    }
}
