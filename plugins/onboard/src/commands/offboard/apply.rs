//! Takes access away: rights first, so that the user has none whatever fails later.

use groundcrew::app::Interrupt;
use groundcrew::client::access::Access;
use groundcrew::client::errors::{explain, is_not_found};
use groundcrew::client::{Session, access};
use groundcrew::cluster::{Attempt, Objects, Place, retry_on_conflict};
use groundcrew::error::{Error, Result};
use groundcrew::flags::DryRun;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::ui::Ui;
use groundcrew::write::{Object, Writer};
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition,
};
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use serde_json::json;

use crate::cluster::records;
use crate::commands::offboard::decide::Plan;
use crate::commands::offboard::observe::Found;
use crate::commands::offboard::options::Options;
use crate::commands::offboard::steps::{NamespaceEnd, Step, Unbind, name};
use crate::model::change::Change;
use crate::model::identity::{Binding, Identities};
use crate::model::labels;
use crate::model::left::Left;
use crate::model::record::{Ended, Record};
use crate::model::settings::Settings;

/// Everything a step needs.
pub struct Work<'a> {
    pub session: &'a Session,
    pub options: &'a Options,
    pub found: &'a Found,
    pub plan: &'a Plan,
    /// What the user could have left behind.
    pub left: &'a [Left],
    pub me: &'a str,
    pub ui: &'a Ui,
    pub interrupt: &'a Interrupt,
    pub now: Timestamp,
}

/// The record as this run has written it.
pub struct Kept {
    pub record: Record,
    metadata: Option<ObjectMeta>,
}

impl Work<'_> {
    /// Takes every step and tells it, or only tells it in a client-side dry run.
    ///
    /// # Errors
    ///
    /// What could not be taken away; what was taken before stays taken.
    pub async fn take_away(&self) -> Result<Option<Kept>> {
        let sends = self.options.dry_run != DryRun::Client;
        if sends {
            self.rehearse().await?;
        }
        let mut kept = None;
        // What is archived is deleted once the archive is complete, and that is after the rights.
        let archives = self.options.archive.is_some() && self.options.dry_run == DryRun::None;
        let later = |step: &&Step| archives && step.is_deleted_namespace();
        for step in self.plan.steps.iter().filter(|step| !later(step)) {
            self.interrupt.check().map_err(|error| self.left(error))?;
            let change = if sends {
                self.take(step, &mut kept).await?
            } else {
                step.change()
            };
            self.tell(step, change);
        }
        Ok(kept)
    }

    /// Deletes the namespace that was archived.
    ///
    /// # Errors
    ///
    /// Why it is still there; the user has no rights by then.
    pub async fn delete_archived(&self) -> Result<()> {
        let mut steps = self.plan.steps.iter();
        if let Some(step) = steps.find(|step| step.is_deleted_namespace()) {
            let change = self.take(step, &mut None).await?;
            self.tell(step, change);
        }
        Ok(())
    }

    /// Takes one step, and returns what became of the object: what is gone already is unchanged.
    async fn take(&self, step: &Step, kept: &mut Option<Kept>) -> Result<Change> {
        let taken = match step {
            Step::Record { .. } => {
                *kept = Some(self.open().await?);
                true
            }
            Step::Binding(unbind) => self.unbind(unbind).await?,
            Step::Secret(secret) => self.remove(&self.system().of::<Secret>(), secret).await?,
            Step::Account(account) => {
                let accounts = self.system().of::<ServiceAccount>();
                self.remove(&accounts, account).await?
            }
            Step::Request(request) => self.deny(request).await?,
            Step::Claim(claim) => self.delete_namespace(claim).await?,
            Step::Namespace(NamespaceEnd::Deleted { metadata, .. }) => {
                self.delete_namespace(metadata).await?
            }
            Step::Namespace(_) => true,
        };
        Ok(if taken {
            step.change()
        } else {
            Change::Unchanged
        })
    }

    fn tell(&self, step: &Step, change: Change) {
        let suffix = self.options.dry_run.suffix();
        let detail = if change == step.change() {
            step.detail(self.options.user.as_str())
        } else {
            "gone already".to_owned()
        };
        self.ui
            .done(format_args!("{} {change}{suffix}", step.object()), detail);
    }

    fn system(&self) -> Place {
        self.session.in_(SYSTEM_NAMESPACE)
    }

    /// Tries out what needs more than the verb: leaving the others in a binding gives them its
    /// role, for which the server requires `bind` on it or every right in it.
    async fn rehearse(&self) -> Result<()> {
        let mut missing = Vec::new();
        for unbind in self.plan.bindings() {
            self.interrupt.check().map_err(|error| self.left(error))?;
            if unbind.others.is_empty() {
                continue;
            }
            let binding = &unbind.binding;
            let tried = match &binding.metadata.namespace {
                Some(namespace) => {
                    let bindings = self.session.in_(namespace).of::<RoleBinding>();
                    self.try_without(&bindings, unbind).await
                }
                None => {
                    let bindings = self.session.of::<ClusterRoleBinding>();
                    self.try_without(&bindings, unbind).await
                }
            };
            // Any other failure is reported by the step itself, which looks at conflicts again.
            if tried.is_err_and(|error| error.is_forbidden()) {
                let kind = binding.role.kind.to_lowercase();
                let resource = format!("{kind}s.rbac.authorization.k8s.io");
                let mut bind = Access::new("bind", &resource).named(&binding.role.name);
                bind.namespace.clone_from(&binding.metadata.namespace);
                missing.push(bind);
            }
        }
        missing.sort();
        missing.dedup();
        if missing.is_empty() {
            return Ok(());
        }
        Err(access::refused(&missing, self.me, "groundcrew-offboarder"))
    }

    async fn try_without<K: Object>(&self, bindings: &Objects<K>, unbind: &Unbind) -> Result<()> {
        let writer = Writer {
            dry_run: true,
            ..self.options.writer.clone()
        };
        let patch = json!({"subjects": unbind.others});
        bindings
            .merge(&writer, &unbind.binding.metadata, patch)
            .await
            .map(drop)
    }

    /// Records that none of the user's credentials holds rights any more, and whether that is
    /// proved.
    ///
    /// # Errors
    ///
    /// Conflict, when another run wrote the record in between; what the server says.
    pub async fn close(&self, kept: Kept, proved: bool) -> Result<()> {
        let Kept {
            mut record,
            metadata,
        } = kept;
        for issue in &mut record.generations {
            issue.revoked_at.get_or_insert(self.now);
        }
        if let Some(ended) = &mut record.ended {
            ended.proved_at = proved.then_some(self.now);
        }
        self.write(&record, metadata.as_ref()).await.map(drop)
    }

    /// Marks the record first: a run that issues something at the same time meets a conflict.
    async fn open(&self) -> Result<Kept> {
        let read = self.found.record.as_ref();
        let mut record = read.map_or_else(
            || {
                let namespace = self.options.user.slug();
                Record::new(&self.options.user, &namespace, Settings::default())
            },
            |found| found.record.clone(),
        );
        let known = record.next_generation();
        let highest = self.plan.highest_generation;
        record.begun = None;
        let began = record.ended.as_ref().map_or(self.now, |ended| ended.at);
        record.ended = Some(Ended {
            at: began,
            by: self.me.to_owned(),
            proved_at: None,
            could_have_left: self.left.to_vec(),
            highest_generation: (highest >= known || known > 1).then(|| highest.max(known - 1)),
        });
        let metadata = self
            .write(&record, read.map(|found| &found.metadata))
            .await?;
        Ok(Kept { record, metadata })
    }

    async fn write(
        &self,
        record: &Record,
        read: Option<&ObjectMeta>,
    ) -> Result<Option<ObjectMeta>> {
        // A first record cannot be checked when the namespace for it is not kept either.
        if self.options.dry_run == DryRun::Server && read.is_none() {
            return Ok(None);
        }
        let (user, writer) = (&self.options.user, &self.options.writer);
        records::write(self.session, writer, user, record, read)
            .await
            .map(Some)
    }

    /// Takes the user out of a binding; returns whether there was anything to take.
    async fn unbind(&self, unbind: &Unbind) -> Result<bool> {
        let taken = match &unbind.binding.metadata.namespace {
            Some(namespace) => {
                let bindings = self.session.in_(namespace).of::<RoleBinding>();
                self.unbind_from(&bindings, unbind).await
            }
            None => {
                let bindings = self.session.of::<ClusterRoleBinding>();
                self.unbind_from(&bindings, unbind).await
            }
        };
        taken.map_err(|error| self.left(error))
    }

    async fn unbind_from<K>(&self, bindings: &Objects<K>, unbind: &Unbind) -> Result<bool>
    where
        K: Object + Into<Binding>,
    {
        let writer = &self.options.writer;
        let record = self.found.record.as_ref();
        let issues = record.map(|found| found.record.generations.as_slice());
        let identities = Identities::new(&self.options.user, issues.unwrap_or_default());
        let mut now = unbind.clone();
        retry_on_conflict(unbind.binding.object(), self.interrupt, async || {
            let read = &now.binding.metadata;
            let taken = if now.others.is_empty() {
                bindings.delete(writer, read).await
            } else {
                let patch = json!({"subjects": now.others});
                bindings.merge(writer, read, patch).await.map(|_| true)
            };
            match taken {
                Ok(taken) => return Ok(Attempt::Done(taken)),
                Err(error) if error.is_not_found() => return Ok(Attempt::Done(false)),
                Err(error) if !error.is_conflict() => return Err(error),
                Err(_) => {}
            }
            let again = bindings.find(name(read)).await?;
            let fresh = again.and_then(|again| Unbind::of(&identities, &again.into()));
            Ok(match fresh {
                Some(fresh) => {
                    now = fresh;
                    Attempt::Raced
                }
                None => Attempt::Done(false),
            })
        })
        .await
    }

    /// Denies a request; returns whether it was still there.
    async fn deny(&self, request: &CertificateSigningRequest) -> Result<bool> {
        let name = request.metadata.name.as_deref().unwrap_or_default();
        let mut denied = request.clone();
        let status = denied.status.get_or_insert_default();
        status
            .conditions
            .get_or_insert_default()
            .push(CertificateSigningRequestCondition {
                type_: "Denied".to_owned(),
                status: "True".to_owned(),
                reason: Some("Offboarded".to_owned()),
                message: Some(format!("denied by {}: the user was offboarded", self.me)),
                ..CertificateSigningRequestCondition::default()
            });
        let requests = self.session.of::<CertificateSigningRequest>();
        let params = PostParams {
            dry_run: self.options.writer.dry_run,
            field_manager: Some(self.options.writer.field_manager.clone()),
        };
        let sent = requests
            .api()
            .replace_subresource("approval", name, &params, &denied)
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) if is_not_found(&error) => Ok(false),
            Err(error) => {
                let doing = requests.doing("update").sub("approval").named(name);
                Err(self.left(explain(error, &doing)))
            }
        }
    }

    /// Deletes a namespace, if it still has the same owner; returns whether it was still there.
    async fn delete_namespace(&self, metadata: &ObjectMeta) -> Result<bool> {
        let namespaces = self.session.of::<Namespace>();
        let name = name(metadata);
        let mut read = metadata.clone();
        let what = format!("namespace/{name}");
        let deleted = retry_on_conflict(what, self.interrupt, async || {
            match namespaces.delete(&self.options.writer, &read).await {
                Ok(deleted) => return Ok(Attempt::Done(deleted)),
                Err(error) if !error.is_conflict() => return Err(error),
                Err(_) => {}
            }
            let Some(again) = namespaces.find(name).await? else {
                return Ok(Attempt::Done(false));
            };
            if again.metadata.uid != read.uid || owner(&again.metadata) != owner(metadata) {
                let user = &self.options.user;
                let message = format!("namespace {name:?} is no longer owned by {user}");
                return Err(Error::conflict(message));
            }
            read = again.metadata;
            Ok(Attempt::Raced)
        });
        deleted.await.map_err(|error| self.left(error))
    }

    /// Deletes what is behind a token; returns whether it was still there. A token ends with the
    /// Secret that it is bound to, and all of them with their account.
    async fn remove<K: Object>(&self, objects: &Objects<K>, read: &ObjectMeta) -> Result<bool> {
        let removed = objects.delete(&self.options.writer, read).await;
        removed.map_err(|error| {
            self.left(if error.is_conflict() {
                records::overtaken(&self.options.user).with_source(error)
            } else {
                error
            })
        })
    }

    fn left(&self, error: Error) -> Error {
        let user = &self.options.user;
        error
            .with_detail(format!("{user} still has some access."))
            .with_hint("run the same command again: it continues from what is left")
    }
}

fn owner(metadata: &ObjectMeta) -> Option<&String> {
    metadata.annotations.as_ref()?.get(labels::OWNER)
}
