//! Her claims: namespaces of `kubectl ns-claim` that she holds for some hours.
//!
//! A claim is bound to the generation with which it was claimed. Left there, a renewal would keep
//! her new file out of her own claim, and let the old one in for as long as the claim lives.

use groundcrew::client::access;
use groundcrew::client::access::Access;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::Result;
use groundcrew::tenancy::{CLAIM_INDEX, CLAIM_OWNER_BINDING, SYSTEM_NAMESPACE};
use groundcrew::write::{is_conflict, is_not_found};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::RoleBinding;

use crate::cluster::onboarding::run::Run;
use crate::cluster::onboarding::work::Work;
use crate::cluster::records;
use crate::model::holder::Holder;
use crate::model::objects::binding;

const RESOURCE: &str = "rolebindings.rbac.authorization.k8s.io";

const CLUSTER_ROLES: &str = "clusterroles.rbac.authorization.k8s.io";

/// How often a binding that somebody else changes is read again.
const ATTEMPTS: usize = 4;

impl Run<'_> {
    /// Checks that what she has claimed can be rebound, before anything is written.
    ///
    /// # Errors
    ///
    /// The rights that are missing.
    pub(super) async fn may_rebind_claims(&self) -> Result<()> {
        let mut needed = Vec::new();
        for namespace in self.claimed().await? {
            let holders = &self.plan.holders.during;
            if let Some(changed) = self.stale(&namespace, holders).await? {
                needed.push(Access::new("update", RESOURCE).within(&namespace));
                needed.push(Access::new("bind", CLUSTER_ROLES).named(&changed.role_ref.name));
            }
        }
        if needed.is_empty() {
            return Ok(());
        }
        needed.sort();
        needed.dedup();
        let missing = access::missing(self.session, &needed).await?;
        if missing.is_empty() {
            return Ok(());
        }
        let user = &self.options.user;
        let error = access::refused(&missing, self.me, "groundcrew-claim-rebinder");
        Err(error.with_detail(format!(
            "{user} holds a claim, and her next file would not work in it"
        )))
    }

    /// Lets exactly these holders work in what she has claimed.
    pub(super) async fn rebind_claims(&self, holders: &[Holder], work: &Work) -> Result<()> {
        for namespace in self.claimed().await? {
            self.check_interrupt()?;
            self.rebind_claim(&namespace, holders, work).await?;
        }
        Ok(())
    }

    /// Returns what she holds, by the index of claims: the server lets nobody claim without a
    /// place in it, and nobody give his place up while the claim lives.
    async fn claimed(&self) -> Result<Vec<String>> {
        // Who was never onboarded has claimed nothing that hangs on a generation.
        if self.observed.record.is_none() {
            return Ok(Vec::new());
        }
        let api = self.namespaced_api::<ConfigMap>(SYSTEM_NAMESPACE);
        let doing = Doing::new("get", "configmaps")
            .named(CLAIM_INDEX)
            .within(SYSTEM_NAMESPACE);
        let index = api
            .get_opt(CLAIM_INDEX)
            .await
            .map_err(|error| explain(error, &doing))?;
        let entries = index.and_then(|map| map.data).unwrap_or_default();
        Ok(entries
            .into_iter()
            .filter(|(_, holder)| holder == self.options.user.as_str())
            .map(|(namespace, _)| namespace)
            .collect())
    }

    /// Returns the binding of a claim as it has to become, or nothing when it is as it has to be.
    async fn stale(&self, namespace: &str, holders: &[Holder]) -> Result<Option<RoleBinding>> {
        let found = self
            .namespaced_api::<RoleBinding>(namespace)
            .get_opt(CLAIM_OWNER_BINDING)
            .await
            .map_err(|error| explain(error, &doing("get", namespace)))?;
        Ok(found.and_then(|found| binding::reheld(&found, &self.options.user, holders)))
    }

    async fn rebind_claim(&self, namespace: &str, holders: &[Holder], work: &Work) -> Result<()> {
        let api = self.namespaced_api::<RoleBinding>(namespace);
        for attempt in 1.. {
            let Some(changed) = self.stale(namespace, holders).await? else {
                return Ok(());
            };
            // What is read here may be what a run wrote that has overtaken this one.
            if !work.ledger.is_ours(self).await? {
                return Err(records::overtaken(&self.options.user));
            }
            let is_done = |kept: &RoleBinding| kept.subjects == changed.subjects;
            match self.writer.replace(&api, &changed, is_done).await {
                Ok(_) => break,
                Err(error) if is_not_found(&error) => return Ok(()),
                Err(error) if is_conflict(&error) && attempt < ATTEMPTS => {}
                Err(error) => return Err(self.raced(error, &doing("update", namespace))),
            }
        }
        let to: Vec<String> = holders.iter().map(Holder::describe).collect();
        self.done(
            format_args!("rolebinding/{CLAIM_OWNER_BINDING} in {namespace} configured"),
            format_args!("her claim → {}", to.join(", ")),
        );
        Ok(())
    }
}

fn doing(verb: &'static str, namespace: &str) -> Doing {
    Doing::new(verb, RESOURCE)
        .named(CLAIM_OWNER_BINDING)
        .within(namespace)
}
