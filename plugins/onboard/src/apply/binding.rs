//! The RoleBindings that give her rights.
//!
//! Two runs for the same person differ in nothing but whom they bind, so every write here carries
//! the resourceVersion of what was read: a run that has lost cannot take the winner's rights.

use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Result};
use groundcrew::write::{is_conflict, is_not_found};
use k8s_openapi::api::rbac::v1::RoleBinding;

use super::{Run, Work};
use crate::objects::{self, Holder};
use crate::plan::{self, Place};

const RESOURCE: &str = "rolebindings.rbac.authorization.k8s.io";

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
            let wanted = objects::role_binding(namespace, user, role, holders);
            let what = self.write_binding(&wanted, work).await?;
            let place = if *own {
                String::new()
            } else {
                format!(" in {namespace}")
            };
            self.done(
                format_args!("rolebinding/{}{place} {what}", objects::binding_name(user)),
                format_args!("{role} → {}", to.join(", ")),
            );
        }
        Ok(())
    }

    async fn write_binding(&self, wanted: &RoleBinding, work: &mut Work) -> Result<&'static str> {
        let name = wanted.metadata.name.clone().unwrap_or_default();
        let namespace = wanted.metadata.namespace.clone().unwrap_or_default();
        let api = self.namespaced_api::<RoleBinding>(&namespace);
        let doing = |verb| Doing::new(verb, RESOURCE).named(&name).within(&namespace);
        let is_done = |kept: &RoleBinding| kept.subjects == wanted.subjects;
        for attempt in 1.. {
            let (written, what) = match work.bindings.get(&namespace) {
                Some(found) => {
                    let record = Some(&work.ledger.record);
                    let asserted = plan::asserted(self.options, record);
                    objects::check_subjects(
                        found,
                        &self.options.user,
                        &asserted,
                        self.options.force_conflicts,
                    )?;
                    let Some(changed) = objects::rebound(found, wanted) else {
                        return Ok("unchanged");
                    };
                    (
                        self.writer.replace(&api, &changed, is_done).await,
                        "configured",
                    )
                }
                None => (self.writer.create(&api, wanted, is_done).await, "created"),
            };
            let error = match written {
                Ok(kept) => {
                    if what == "created" {
                        work.undo.made(&kept, "rolebinding", self.options.dry_run);
                    }
                    if !self.writer.dry_run {
                        work.bindings.insert(namespace, kept);
                    }
                    return Ok(what);
                }
                Err(error) => error,
            };
            let gone = is_not_found(&error) && what == "configured";
            if !is_conflict(&error) && !gone {
                return Err(explain(error, &doing("update")));
            }
            if attempt == ATTEMPTS || !work.ledger.is_ours(self).await? {
                return Err(self.raced(error, &doing("update")));
            }
            let found = api.get_opt(&name).await;
            match found.map_err(|error| explain(error, &doing("get")))? {
                Some(found) => work.bindings.insert(namespace.clone(), found),
                None => work.bindings.remove(&namespace),
            };
        }
        Err(Error::conflict(format!(
            "rolebinding {namespace}/{name} never rests"
        )))
    }

    /// Removes bindings to another role, because the API server lets nobody change a roleRef, and
    /// those of namespaces that she leaves.
    pub(super) async fn unbind(&self, work: &mut Work) -> Result<()> {
        for namespace in self.plan.replaced.iter().chain(&self.plan.left) {
            let Some(found) = work.bindings.get(namespace) else {
                continue;
            };
            self.check_interrupt()?;
            let name = objects::binding_name(&self.options.user);
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
