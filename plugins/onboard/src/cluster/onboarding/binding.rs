//! The RoleBindings that give her rights.
//!
//! Two runs for the same person differ in nothing but whom they bind, so every write here carries
//! the resourceVersion of what was read: a run that has lost cannot take the winner's rights.

use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Result};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::write::{Object, is_conflict, is_not_found};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding};
use kube::api::Api;

use crate::cluster::onboarding::run::Run;
use crate::cluster::onboarding::work::Work;
use crate::model::holder::Holder;
use crate::model::labels;
use crate::model::objects::binding;
use crate::model::objects::binding::Binding;
use crate::model::onboarding::decide;
use crate::model::onboarding::plan::Place;
use crate::model::settings::Extra;

const RESOURCE: &str = "rolebindings.rbac.authorization.k8s.io";

const WIDE: &str = "clusterrolebindings.rbac.authorization.k8s.io";

/// How often a binding that somebody else changes is read again.
const ATTEMPTS: usize = 4;

impl Run<'_> {
    /// Gives the rights to exactly these holders.
    pub(super) async fn bind(&self, holders: &[Holder], work: &mut Work) -> Result<()> {
        let user = &self.options.user;
        let to: Vec<String> = holders.iter().map(Holder::describe).collect();
        for Place {
            namespace,
            role,
            own,
        } in &self.plan.places
        {
            self.check_interrupt()?;
            let wanted = binding::role_binding(namespace, user, role, holders);
            let found = work.bindings.get(namespace).cloned();
            let name = labels::binding_name(user);
            let doing = Doing::new("update", RESOURCE).named(name).within(namespace);
            let api = self.namespaced_api::<RoleBinding>(namespace);
            let (what, kept) = self
                .write_binding(&api, &wanted, found, &doing, work)
                .await?;
            if let Some(kept) = kept {
                work.bindings.insert(namespace.clone(), kept);
            }
            let place = if *own {
                String::new()
            } else {
                format!(" in {namespace}")
            };
            self.done(
                format_args!("rolebinding/{}{place} {what}", labels::binding_name(user)),
                format_args!("{role} → {}", to.join(", ")),
            );
        }
        self.bind_wide(holders, work).await?;
        self.rebind_claims(holders, work).await
    }

    /// Gives the cluster-wide rights beside those in namespaces to these holders.
    async fn bind_wide(&self, holders: &[Holder], work: &mut Work) -> Result<()> {
        let user = &self.options.user;
        for extra in &self.plan.settings.extras {
            self.check_interrupt()?;
            if *extra == Extra::Renewal {
                self.renewer().await?;
            }
            let wanted = binding::wide_binding(*extra, user, holders);
            let name = extra.binding_name(user);
            let found = work.wide.get(&name).cloned();
            let api = self.cluster_api::<ClusterRoleBinding>();
            let doing = Doing::new("update", WIDE).named(&name);
            let (what, kept) = self
                .write_binding(&api, &wanted, found, &doing, work)
                .await?;
            if let Some(kept) = kept {
                work.wide.insert(name.clone(), kept);
            }
            if *extra == Extra::Claims {
                let wanted = binding::claims_in_records(user, holders);
                let found = work.bindings.get(SYSTEM_NAMESPACE).cloned();
                let doing = Doing::new("update", RESOURCE)
                    .named(&name)
                    .within(SYSTEM_NAMESPACE);
                let api = self.namespaced_api::<RoleBinding>(SYSTEM_NAMESPACE);
                let (_, kept) = self
                    .write_binding(&api, &wanted, found, &doing, work)
                    .await?;
                if let Some(kept) = kept {
                    work.bindings.insert(SYSTEM_NAMESPACE.to_owned(), kept);
                }
            }
            let to: Vec<String> = holders.iter().map(Holder::describe).collect();
            self.done(
                format_args!("clusterrolebinding/{name} {what}"),
                format_args!("{} → {}", extra.role(), to.join(", ")),
            );
        }
        Ok(())
    }

    /// Makes the role of those who may ask for their next certificate.
    async fn renewer(&self) -> Result<()> {
        let api = self.cluster_api::<ClusterRole>();
        match self
            .writer
            .create(&api, &binding::renewer(), |_| true)
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if is_conflict(&error) => Ok(()),
            Err(error) => {
                let doing = Doing::new("create", "clusterroles.rbac.authorization.k8s.io");
                Err(explain(error, &doing.named(Extra::Renewal.role())))
            }
        }
    }

    /// Writes a binding at the version that was read; says what happened, and what is kept now.
    async fn write_binding<K>(
        &self,
        api: &Api<K>,
        wanted: &K,
        mut found: Option<K>,
        doing: &Doing,
        work: &mut Work,
    ) -> Result<(&'static str, Option<K>)>
    where
        K: Object + Binding,
    {
        let name = wanted.meta().name.clone().unwrap_or_default();
        let is_done = |kept: &K| kept.subjects() == wanted.subjects();
        let kind = if wanted.meta().namespace.is_some() {
            "rolebinding"
        } else {
            "clusterrolebinding"
        };
        for attempt in 1.. {
            let (written, what) = match &found {
                Some(found) => {
                    let asserted = decide::asserted(self.options, Some(&work.ledger.record));
                    let (user, force) = (&self.options.user, self.options.force_conflicts);
                    binding::check_subjects(found, user, &asserted, force)?;
                    let Some(changed) = binding::rebound(found, wanted) else {
                        return Ok(("unchanged", None));
                    };
                    let replaced = self.writer.replace(api, &changed, is_done).await;
                    (replaced, "configured")
                }
                None => (self.writer.create(api, wanted, is_done).await, "created"),
            };
            let error = match written {
                Ok(kept) => {
                    if what == "created" {
                        work.undo.made(&kept, kind, self.options.dry_run);
                    }
                    return Ok((what, (!self.writer.dry_run).then_some(kept)));
                }
                Err(error) => error,
            };
            let gone = is_not_found(&error) && what == "configured";
            if !is_conflict(&error) && !gone {
                return Err(explain(error, doing));
            }
            if attempt == ATTEMPTS || !work.ledger.is_ours(self).await? {
                return Err(self.raced(error, doing));
            }
            found = api
                .get_opt(&name)
                .await
                .map_err(|error| explain(error, doing))?;
        }
        Err(Error::conflict(format!("{kind} {name} never rests")))
    }

    /// Removes bindings to another role, because the API server lets nobody change a roleRef, and
    /// those of namespaces that she leaves.
    pub(super) async fn unbind(&self, work: &mut Work) -> Result<()> {
        for namespace in self.plan.replaced.iter().chain(&self.plan.left) {
            let Some(found) = work.bindings.get(namespace) else {
                continue;
            };
            self.check_interrupt()?;
            let name = labels::binding_name(&self.options.user);
            let doing = Doing::new("delete", RESOURCE)
                .named(&name)
                .within(namespace);
            let api = self.namespaced_api::<RoleBinding>(namespace);
            let deleted = self.writer.delete(&api, &found.metadata).await;
            deleted.map_err(|error| self.raced(error, &doing))?;
            self.done(
                format_args!("rolebinding/{name} in {namespace} removed"),
                format_args!("gave {}", found.role_ref.name),
            );
            work.bindings.remove(namespace);
        }
        Ok(())
    }
}
