//! The RoleBindings that give the user rights.
//!
//! Two runs for the same person differ in nothing but who they bind, so every write here carries
//! the resourceVersion of what was read: a run that has lost cannot take the winner's rights.

use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Result};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::write::{Object, is_conflict, is_not_found};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding};
use kube::api::Api;

use crate::cluster::onboarding::run::Run;
use crate::cluster::onboarding::work::Work;
use crate::model::change::Change;
use crate::model::holder::Holder;
use crate::model::objects::binding;
use crate::model::objects::binding::Binding;
use crate::model::onboarding::decide;
use crate::model::onboarding::steps::Bound;
use crate::model::settings::Extra;

const RESOURCE: &str = "rolebindings.rbac.authorization.k8s.io";

const WIDE: &str = "clusterrolebindings.rbac.authorization.k8s.io";

/// How often a binding that somebody else changes is read again.
const ATTEMPTS: usize = 4;

impl Run<'_> {
    /// Binds exactly these holders, and says what that changed.
    pub(super) async fn bind(
        &self,
        bound: &Bound,
        holders: &[Holder],
        work: &mut Work,
    ) -> Result<Change> {
        let user = &self.options.user;
        match bound {
            Bound::Place(place) => {
                let wanted = binding::role_binding(&place.namespace, user, &place.role, holders);
                self.bind_role(&place.namespace, &wanted, work).await
            }
            Bound::Index => {
                let wanted = binding::claims_in_records(user, holders);
                self.bind_role(SYSTEM_NAMESPACE, &wanted, work).await
            }
            Bound::Wide(extra) => {
                if *extra == Extra::Renewal {
                    self.renewer().await?;
                }
                let wanted = binding::wide_binding(*extra, user, holders);
                self.bind_wide(extra.binding_name(user), &wanted, work)
                    .await
            }
            Bound::Claim(namespace) => self.rebind_claim(namespace, holders, work).await,
        }
    }

    /// Binds these holders everywhere, whatever was planned, and says so.
    pub(super) async fn bind_all(&self, holders: &[Holder], work: &mut Work) -> Result<()> {
        for bound in Bound::all(&self.plan.places, &self.plan.settings.extras) {
            self.check_interrupt()?;
            let change = self.bind(&bound, holders, work).await?;
            self.told(&bound.line(&self.options.user, holders, change));
        }
        self.rebind_claims(holders, work).await
    }

    async fn bind_role(
        &self,
        namespace: &str,
        wanted: &RoleBinding,
        work: &mut Work,
    ) -> Result<Change> {
        let found = work.bindings.get(namespace).cloned();
        let name = wanted.metadata.name.as_deref().unwrap_or_default();
        let doing = Doing::new("update", RESOURCE).named(name).within(namespace);
        let api = self.namespaced_api::<RoleBinding>(namespace);
        let (change, kept) = self
            .write_binding(&api, wanted, found, &doing, work)
            .await?;
        if let Some(kept) = kept {
            work.bindings.insert(namespace.to_owned(), kept);
        }
        Ok(change)
    }

    async fn bind_wide(
        &self,
        name: String,
        wanted: &ClusterRoleBinding,
        work: &mut Work,
    ) -> Result<Change> {
        let found = work.wide.get(&name).cloned();
        let api = self.cluster_api::<ClusterRoleBinding>();
        let doing = Doing::new("update", WIDE).named(&name);
        let (change, kept) = self
            .write_binding(&api, wanted, found, &doing, work)
            .await?;
        if let Some(kept) = kept {
            work.wide.insert(name, kept);
        }
        Ok(change)
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
    ) -> Result<(Change, Option<K>)>
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
                        return Ok((Change::Unchanged, None));
                    };
                    let replaced = self.writer.replace(api, &changed, is_done).await;
                    (replaced, Change::Configured)
                }
                None => (
                    self.writer.create(api, wanted, is_done).await,
                    Change::Created,
                ),
            };
            let error = match written {
                Ok(kept) => {
                    if what == Change::Created {
                        work.undo.made(&kept, kind, self.options.dry_run);
                    }
                    return Ok((what, (!self.writer.dry_run).then_some(kept)));
                }
                Err(error) => error,
            };
            let gone = is_not_found(&error) && what == Change::Configured;
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
        Err(Error::conflict(format!(
            "{kind} {name} keeps changing; gave up"
        )))
    }

    /// Removes a binding at the version that was read.
    pub(super) async fn unbind(&self, found: &RoleBinding, work: &mut Work) -> Result<Change> {
        let namespace = found.metadata.namespace.as_deref().unwrap_or_default();
        let name = found.metadata.name.as_deref().unwrap_or_default();
        let doing = Doing::new("delete", RESOURCE).named(name).within(namespace);
        let api = self.namespaced_api::<RoleBinding>(namespace);
        let deleted = self.writer.delete(&api, &found.metadata).await;
        deleted.map_err(|error| self.raced(error, &doing))?;
        work.bindings.remove(namespace);
        Ok(Change::Deleted)
    }
}
