//! Her namespace and what limits her in it.

use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::Result;
use groundcrew::write::Object;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;

use super::Run;
use super::undo::Undo;
use crate::objects;
use crate::plan::NamespaceStep;

impl Run<'_> {
    /// Makes the namespace, or brings its labels and annotations up to date.
    pub(super) async fn namespace(&self, undo: &mut Undo) -> Result<()> {
        self.check_interrupt()?;
        let (options, plan) = (self.options, self.plan);
        let object = objects::namespace(&plan.namespace, &options.user, &plan.settings);
        let api = self.cluster_api::<Namespace>();
        let what = match plan.namespace_step {
            NamespaceStep::Keep => "unchanged",
            NamespaceStep::Update => {
                let doing = Doing::new("patch", "namespaces").named(&plan.namespace);
                let read = self
                    .observed
                    .namespace
                    .as_ref()
                    .map(|found| &found.metadata);
                self.writer
                    .label(&api, &object, read)
                    .await
                    .map_err(|error| self.raced(error, &doing))?;
                "configured"
            }
            NamespaceStep::Create => {
                let doing = Doing::new("create", "namespaces").named(&plan.namespace);
                let owner = object.metadata.annotations.clone();
                let made = self
                    .writer
                    .create(&api, &object, |found| found.metadata.annotations == owner)
                    .await
                    .map_err(|error| self.raced(error, &doing))?;
                undo.made(&made, "namespace", options.dry_run);
                "created"
            }
        };
        let team = plan
            .settings
            .team
            .as_ref()
            .map(|team| format!(", team {team}"));
        self.done(
            format_args!("namespace/{} {what}", plan.namespace),
            format_args!(
                "owner {}{}, pod security baseline",
                options.user,
                team.unwrap_or_default()
            ),
        );
        Ok(())
    }

    /// The LimitRange goes before the quota: with a quota alone every pod without resources is
    /// refused.
    pub(super) async fn limits(&self, undo: &mut Undo) -> Result<()> {
        let (user, namespace) = (&self.options.user, self.plan.namespace.as_str());
        let mut applied = Vec::new();
        if let Some(profile) = &self.plan.profile {
            if let Some(spec) = profile.limit_range() {
                let object = objects::limit_range(spec, namespace, user);
                self.apply(&object, "limitrange", "limitranges", undo)
                    .await?;
                applied.push("limitrange");
            }
            if let Some(spec) = profile.quota() {
                let object = objects::quota(spec, namespace, user);
                self.apply(&object, "resourcequota", "resourcequotas", undo)
                    .await?;
                applied.push("resourcequota");
            }
            if !applied.is_empty() {
                self.done(
                    format_args!("{} applied", applied.join(", ")),
                    profile.summary(),
                );
            }
        }
        if let Some(object) = objects::network_policy(self.plan.network, namespace, user) {
            let resource = "networkpolicies.networking.k8s.io";
            self.apply(&object, "networkpolicy", resource, undo).await?;
            self.done(
                format_args!("networkpolicy/{} applied", objects::DEFAULT_DENY),
                self.plan.network.summary(),
            );
        }
        Ok(())
    }

    async fn apply<K>(
        &self,
        object: &K,
        kind: &'static str,
        resource: &'static str,
        undo: &mut Undo,
    ) -> Result<()>
    where
        K: Object + kube::Resource<Scope = NamespaceResourceScope>,
    {
        self.check_interrupt()?;
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
        if !self.observed.existing.contains(&kind) {
            undo.made(&kept, kind, self.options.dry_run);
        }
        Ok(())
    }
}
