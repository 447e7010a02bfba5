//! The user's claims: namespaces of `kubectl ns-claim` that the user holds for some hours.
//!
//! A claim is bound to the generation with which it was claimed. Left there, a renewal would keep
//! the user's new file out of their own claim, and let the old one in for as long as the claim
//! lives.

use groundcrew::cluster::{Attempt, retry_on_conflict};
use groundcrew::error::Result;
use groundcrew::tenancy::CLAIM_OWNER_BINDING;
use k8s_openapi::api::rbac::v1::RoleBinding;

use crate::cluster::claims::{claim_index, claimed};
use crate::cluster::onboarding::run::Run;
use crate::cluster::onboarding::work::Work;
use crate::cluster::records;
use crate::model::change::Change;
use crate::model::holder::Holder;
use crate::model::objects::binding;
use crate::model::onboarding::bound::Bound;

impl Run<'_> {
    /// Lets exactly these holders work in whatever the user has claimed by now, and says so.
    pub(super) async fn rebind_claims(&self, holders: &[Holder], work: &Work) -> Result<()> {
        if self.observed.record.is_none() {
            return Ok(());
        }
        let index = claim_index(self.session).await?;
        for namespace in claimed(&index, &self.options.user) {
            self.interrupt.check()?;
            let change = self.rebind_claim(&namespace, holders, work).await?;
            if change != Change::Unchanged {
                let bound = Bound::Claim(namespace);
                self.told(&bound.line(&self.options.user, holders, change));
            }
        }
        Ok(())
    }

    /// Returns the binding of a claim as it has to become, or nothing when it is as it has to be.
    async fn stale(&self, namespace: &str, holders: &[Holder]) -> Result<Option<RoleBinding>> {
        let bindings = self.session.in_(namespace).of::<RoleBinding>();
        let found = bindings.find(CLAIM_OWNER_BINDING).await?;
        Ok(found.and_then(|found| binding::reheld(&found, &self.options.user, holders)))
    }

    /// Lets exactly these holders work in a namespace that the user has claimed.
    pub(super) async fn rebind_claim(
        &self,
        namespace: &str,
        holders: &[Holder],
        work: &Work,
    ) -> Result<Change> {
        let bindings = self.session.in_(namespace).of::<RoleBinding>();
        let what = format!("rolebinding/{namespace}/{CLAIM_OWNER_BINDING}");
        retry_on_conflict(what, self.interrupt, async || {
            let Some(changed) = self.stale(namespace, holders).await? else {
                return Ok(Attempt::Done(Change::Unchanged));
            };
            // What is read here may be what a run wrote that has overtaken this one.
            if !work.ledger.is_ours(self).await? {
                return Err(records::overtaken(&self.options.user));
            }
            let is_done = |kept: &RoleBinding| kept.subjects == changed.subjects;
            match bindings.replace(&self.writer, &changed, is_done).await {
                Ok(_) => Ok(Attempt::Done(Change::Configured)),
                Err(error) if error.is_not_found() => Ok(Attempt::Done(Change::Unchanged)),
                Err(error) if error.is_conflict() => Ok(Attempt::Raced),
                Err(error) => Err(self.raced(error)),
            }
        })
        .await
    }
}
