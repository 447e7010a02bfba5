//! The RoleBindings that give the user rights.
//!
//! Two runs for the same user differ only in the credential that they bind, so every write carries
//! the resourceVersion of what was read: a run that has lost cannot take the winner's rights.

use groundcrew::cluster::{Attempt, Objects, retry_on_conflict};
use groundcrew::error::Result;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::write::Object;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding};

use crate::cluster::onboarding::run::Run;
use crate::cluster::onboarding::undo::Made;
use crate::cluster::onboarding::work::Work;
use crate::model::change::Change;
use crate::model::holder::Holder;
use crate::model::objects::binding;
use crate::model::objects::binding::Binding;
use crate::model::onboarding::bound::Bound;
use crate::model::onboarding::decide;
use crate::model::settings::Extra;

/// What has become of an object, and what was made of it.
pub type Written = (Change, Option<Made>);

impl Run<'_> {
    /// Binds exactly these holders, and says what that changed.
    pub(super) async fn bind(
        &self,
        bound: &Bound,
        holders: &[Holder],
        work: &mut Work,
    ) -> Result<Written> {
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
            Bound::Claim(namespace) => {
                let change = self.rebind_claim(namespace, holders, work).await?;
                Ok((change, None))
            }
        }
    }

    /// Binds these holders everywhere, whatever was planned, and says so.
    pub(super) async fn bind_all(&self, holders: &[Holder], work: &mut Work) -> Result<()> {
        for bound in Bound::all(&self.plan.places, &self.plan.settings.extras) {
            self.interrupt.check()?;
            let (change, made) = self.bind(&bound, holders, work).await?;
            if change == Change::Created {
                work.undo.made(made);
            }
            self.told(&bound.line(&self.options.user, holders, change));
        }
        self.rebind_claims(holders, work).await
    }

    async fn bind_role(
        &self,
        namespace: &str,
        wanted: &RoleBinding,
        work: &mut Work,
    ) -> Result<Written> {
        let found = work.bindings.get(namespace).cloned();
        let bindings = self.session.in_(namespace).of::<RoleBinding>();
        let (change, kept) = self.write_binding(&bindings, wanted, found, work).await?;
        let made = kept.as_ref().map(Made::of);
        if let Some(kept) = kept {
            work.bindings.insert(namespace.to_owned(), kept);
        }
        Ok((change, made))
    }

    async fn bind_wide(
        &self,
        name: String,
        wanted: &ClusterRoleBinding,
        work: &mut Work,
    ) -> Result<Written> {
        let found = work.wide.get(&name).cloned();
        let bindings = self.session.of::<ClusterRoleBinding>();
        let (change, kept) = self.write_binding(&bindings, wanted, found, work).await?;
        let made = kept.as_ref().map(Made::of);
        if let Some(kept) = kept {
            work.wide.insert(name, kept);
        }
        Ok((change, made))
    }

    /// Makes the role of those who may ask for their next certificate.
    async fn renewer(&self) -> Result<()> {
        let roles = self.session.of::<ClusterRole>();
        let wanted = binding::renewer();
        match roles.create(&self.writer, &wanted, |_| true).await {
            Err(error) if !error.is_conflict() => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes a binding at the version that was read; says what happened, and what is kept now.
    async fn write_binding<K>(
        &self,
        bindings: &Objects<K>,
        wanted: &K,
        mut found: Option<K>,
        work: &Work,
    ) -> Result<(Change, Option<K>)>
    where
        K: Object + Binding,
    {
        let name = wanted.meta().name.clone().unwrap_or_default();
        let is_done = |kept: &K| kept.subjects() == wanted.subjects();
        let asserted = decide::asserted(self.options, Some(&work.ledger.record));
        retry_on_conflict(format!("binding {name}"), self.interrupt, async || {
            let (written, what) = match &found {
                Some(found) => {
                    let (user, force) = (&self.options.user, self.options.force_conflicts);
                    binding::check_subjects(found, user, &asserted, force)?;
                    let Some(changed) = binding::rebound(found, wanted) else {
                        return Ok(Attempt::Done((Change::Unchanged, None)));
                    };
                    let replaced = bindings.replace(&self.writer, &changed, is_done).await;
                    (replaced, Change::Configured)
                }
                None => (
                    bindings.create(&self.writer, wanted, is_done).await,
                    Change::Created,
                ),
            };
            let error = match written {
                Ok(kept) => {
                    return Ok(Attempt::Done((
                        what,
                        (!self.writer.dry_run).then_some(kept),
                    )));
                }
                Err(error) => error,
            };
            let gone = error.is_not_found() && what == Change::Configured;
            if !error.is_conflict() && !gone {
                return Err(error);
            }
            if !work.ledger.is_ours(self).await? {
                return Err(self.raced(error));
            }
            found = bindings.find(&name).await?;
            Ok(Attempt::Raced)
        })
        .await
    }

    /// Removes a binding at the version that was read.
    pub(super) async fn unbind(&self, found: &RoleBinding, work: &mut Work) -> Result<Change> {
        let namespace = found.metadata.namespace.as_deref().unwrap_or_default();
        let bindings = self.session.in_(namespace).of::<RoleBinding>();
        let deleted = bindings.delete(&self.writer, &found.metadata).await;
        deleted.map_err(|error| self.raced(error))?;
        let kept = work.bindings.get(namespace);
        if kept.is_some_and(|kept| kept.metadata.name == found.metadata.name) {
            work.bindings.remove(namespace);
        }
        Ok(Change::Deleted)
    }
}
