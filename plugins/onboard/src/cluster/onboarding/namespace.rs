//! Her namespace and what limits her in it.

use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::Result;
use groundcrew::write::Object;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;

use crate::cluster::onboarding::run::Run;
use crate::cluster::onboarding::undo::Undo;
use crate::model::objects::{compare, namespace};
use crate::model::onboarding::plan::NamespaceStep;

impl Run<'_> {
    /// Makes the namespace, or brings its labels and annotations up to date.
    pub(super) async fn namespace(&self, undo: &mut Undo) -> Result<()> {
        self.check_interrupt()?;
        let (options, plan) = (self.options, self.plan);
        let object = namespace::namespace(&plan.namespace, &options.user, &plan.settings);
        let api = self.cluster_api::<Namespace>();
        let what = match plan.namespace_step {
            NamespaceStep::None => return Ok(()),
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
        if self.plan.namespace_step == NamespaceStep::None {
            return Ok(());
        }
        let (user, namespace) = (&self.options.user, self.plan.namespace.as_str());
        let found = &self.observed.existing;
        if let Some(profile) = &self.plan.profile {
            let mut kinds = Vec::new();
            let mut written = false;
            if let Some(spec) = profile.limit_range() {
                let object = namespace::limit_range(spec, namespace, user);
                let found = found.limits.as_ref();
                written |= self
                    .apply(&object, found, "limitrange", "limitranges", undo)
                    .await?;
                kinds.push("limitrange");
            }
            if let Some(spec) = profile.quota() {
                let object = namespace::quota(spec, namespace, user);
                let found = found.quota.as_ref();
                let resource = "resourcequotas";
                written |= self
                    .apply(&object, found, "resourcequota", resource, undo)
                    .await?;
                kinds.push("resourcequota");
            }
            if !kinds.is_empty() {
                let what = if written { "applied" } else { "unchanged" };
                self.done(
                    format_args!("{} {what}", kinds.join(", ")),
                    profile.summary(),
                );
            }
        }
        if let Some(object) = namespace::network_policy(self.plan.network, namespace, user) {
            let resource = "networkpolicies.networking.k8s.io";
            let found = found.policy.as_ref();
            let written = self
                .apply(&object, found, "networkpolicy", resource, undo)
                .await?;
            let what = if written { "applied" } else { "unchanged" };
            self.done(
                format_args!("networkpolicy/{} {what}", namespace::DEFAULT_DENY),
                self.plan.network.summary(),
            );
        }
        Ok(())
    }

    /// Applies an object unless it is as it should be; says whether it was written.
    async fn apply<K>(
        &self,
        object: &K,
        found: Option<&K>,
        kind: &'static str,
        resource: &'static str,
        undo: &mut Undo,
    ) -> Result<bool>
    where
        K: Object + kube::Resource<Scope = NamespaceResourceScope>,
    {
        self.check_interrupt()?;
        if found.is_some_and(|found| compare::is_as_wanted(found, object)) {
            return Ok(false);
        }
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
        if found.is_none() {
            undo.made(&kept, kind, self.options.dry_run);
        }
        Ok(true)
    }
}
