//! Another role for a user who has one: given first, and then the old one is taken.
//!
//! The API server lets nobody change a roleRef, so the new role is given under a second name while
//! the old binding still stands. The record says so beforehand: of a run that dies in between, the
//! next one removes what is left.

use groundcrew::app::Interrupt;
use groundcrew::cluster::{Attempt, Objects, retry_on_conflict};
use groundcrew::error::Result;
use groundcrew::write::Writer;
use k8s_openapi::api::rbac::v1::RoleBinding;

use crate::cluster::onboarding::run::Run;
use crate::cluster::onboarding::work::Work;
use crate::model::change::Change;
use crate::model::holder::Holder;
use crate::model::labels;
use crate::model::objects::binding;
use crate::model::onboarding::plan::Place;
use crate::model::onboarding::steps::Grant;

impl Run<'_> {
    /// Lets the server check every binding that takes the place of another one, before anything is
    /// written.
    ///
    /// # Errors
    ///
    /// What the server refuses, and what the user keeps.
    pub(super) async fn may_replace(&self) -> Result<()> {
        let dry = Writer {
            dry_run: true,
            ..self.writer.clone()
        };
        for step in &self.steps.grant {
            let Grant::Replace(found, place) = &step.what else {
                continue;
            };
            let user = &self.options.user;
            let holders = &self.plan.holders.during;
            let bindings = self.session.in_(&place.namespace).of::<RoleBinding>();
            let wanted = binding::role_binding(&place.namespace, user, &place.role, holders);
            let next = binding::next(&wanted, user);
            let checked = bindings.create(&dry, &next, |_| true).await;
            match checked {
                // What a run that died has left is replaced by the step itself.
                Err(error) if !error.is_conflict() => {
                    return Err(error.with_detail(format!(
                        "{user} still has role {} in namespace {}.",
                        found.role_ref.name, place.namespace
                    )));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives another role, and only then takes the one that the user has.
    pub(super) async fn replace_role(
        &self,
        found: &RoleBinding,
        place: &Place,
        holders: &[Holder],
        work: &mut Work,
    ) -> Result<Change> {
        let user = &self.options.user;
        let bindings = self.session.in_(&place.namespace).of::<RoleBinding>();
        let wanted = binding::role_binding(&place.namespace, user, &place.role, holders);
        put_next(
            &bindings,
            &self.writer,
            &binding::next(&wanted, user),
            self.interrupt,
        )
        .await?;
        if self.writer.dry_run {
            return Ok(Change::Replaced);
        }
        self.interrupt.check()?;
        let deleted = bindings.delete(&self.writer, &found.metadata).await;
        deleted.map_err(|error| self.raced(error))?;
        work.bindings.remove(&place.namespace);
        let same = |kept: &RoleBinding| is_as(kept, &wanted);
        let kept = bindings.create(&self.writer, &wanted, same).await;
        let kept = kept.map_err(|error| self.raced(error))?;
        work.bindings.insert(place.namespace.clone(), kept);
        remove(&bindings, &self.writer, &labels::next_binding_name(user)).await?;
        Ok(Change::Replaced)
    }

    /// Puts back a binding that this run has removed. Where another role has taken its place, the
    /// old one is given again before the new one is taken.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub(super) async fn put_back(&self, old: &RoleBinding) -> Result<()> {
        let user = &self.options.user;
        let namespace = old.metadata.namespace.as_deref().unwrap_or_default();
        let bindings = self.session.in_(namespace).of::<RoleBinding>();
        let name = old.metadata.name.as_deref().unwrap_or_default();
        let old = binding::renewed(old);
        let next = labels::next_binding_name(user);
        let never = Interrupt::never();
        retry_on_conflict(format!("rolebinding/{name}"), &never, async || {
            let now = bindings.find(name).await?;
            if now.as_ref().is_some_and(|now| now.role_ref == old.role_ref) {
                return Ok(Attempt::Done(()));
            }
            if let Some(now) = now {
                put_next(&bindings, &self.writer, &binding::next(&old, user), &never).await?;
                match bindings.delete(&self.writer, &now.metadata).await {
                    Err(error) if error.is_conflict() => return Ok(Attempt::Raced),
                    deleted => deleted?,
                };
            }
            let same = |kept: &RoleBinding| is_as(kept, &old);
            match bindings.create(&self.writer, &old, same).await {
                Err(error) if error.is_conflict() => Ok(Attempt::Raced),
                created => created.map(|_| Attempt::Done(())),
            }
        })
        .await?;
        if name == next {
            return Ok(());
        }
        remove(&bindings, &self.writer, &next).await
    }
}

fn is_as(kept: &RoleBinding, wanted: &RoleBinding) -> bool {
    kept.role_ref == wanted.role_ref && kept.subjects == wanted.subjects
}

/// Binds under the second name, whatever a run that died has left there.
async fn put_next(
    bindings: &Objects<RoleBinding>,
    writer: &Writer,
    next: &RoleBinding,
    interrupt: &Interrupt,
) -> Result<()> {
    let name = next.metadata.name.as_deref().unwrap_or_default();
    retry_on_conflict(format!("rolebinding/{name}"), interrupt, async || {
        match bindings
            .create(writer, next, |kept| is_as(kept, next))
            .await
        {
            Ok(_) => return Ok(Attempt::Done(())),
            Err(error) if !error.is_conflict() => return Err(error),
            Err(_) => {}
        }
        match bindings.find(name).await? {
            Some(kept) if is_as(&kept, next) => return Ok(Attempt::Done(())),
            // Nothing is kept in a dry run, so there is no place for another one.
            Some(_) if writer.dry_run => return Ok(Attempt::Done(())),
            Some(kept) => {
                let deleted = bindings.delete(writer, &kept.metadata).await;
                if let Err(error) = deleted
                    && !error.is_conflict()
                {
                    return Err(error);
                }
            }
            None => {}
        }
        Ok(Attempt::Raced)
    })
    .await
}

async fn remove(bindings: &Objects<RoleBinding>, writer: &Writer, name: &str) -> Result<()> {
    retry_on_conflict(
        format!("rolebinding/{name}"),
        &Interrupt::never(),
        async || {
            let Some(found) = bindings.find(name).await? else {
                return Ok(Attempt::Done(()));
            };
            match bindings.delete(writer, &found.metadata).await {
                Err(error) if error.is_conflict() => Ok(Attempt::Raced),
                deleted => deleted.map(|_| Attempt::Done(())),
            }
        },
    )
    .await
}
