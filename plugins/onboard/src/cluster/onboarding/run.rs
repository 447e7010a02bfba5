//! Carries out a plan step by step; what fails half-way is taken back.

mod binding;
pub mod certificate;
mod claims;
mod her_key;
mod issue;
mod ledger;
mod namespace;
mod token;
mod undo;

use std::collections::BTreeMap;
use std::path::PathBuf;

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::client::errors::Doing;
use groundcrew::error::{Error, Kind, Result};
use groundcrew::flags::DryRun;
use groundcrew::flags::kube::Tuning;
use groundcrew::ui::Ui;
use groundcrew::write::{Object, Writer};
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use k8s_openapi::{ClusterResourceScope, NamespaceResourceScope};
use kube::api::Api;

use crate::observe::Observed;
use crate::options::Options;
use crate::plan::{CredentialStep, NamespaceStep, Plan};
use crate::proof::Check;
use crate::record::CredentialKind;
use crate::store;
use ledger::Ledger;
use undo::Undo;

/// What a run did.
#[derive(Debug)]
pub struct Outcome {
    /// Generation of the credential that she holds.
    pub generation: u32,
    /// Its kind.
    pub kind: CredentialKind,
    /// Groups inside it.
    pub groups: Vec<String>,
    /// When it ends.
    pub not_after: Timestamp,
    /// Her file, when it is here.
    pub file: Option<PathBuf>,
    /// What was proved with it; empty when it is not here.
    pub checks: Vec<Check>,
    /// Requests sent as her.
    pub requests_as_her: u64,
}

/// Everything a step needs.
pub struct Run<'a> {
    /// The admin's session.
    pub session: &'a Session,
    /// The admin's name, in the server's words.
    pub me: &'a str,
    /// What was asked for.
    pub options: &'a Options,
    /// What was there.
    pub observed: &'a Observed,
    /// What is to be done.
    pub plan: &'a Plan,
    /// Where text goes.
    pub ui: &'a Ui,
    /// Ctrl-C.
    pub interrupt: &'a Interrupt,
    /// How writes are sent.
    pub writer: Writer,
    /// How requests are made, hers included.
    pub tuning: Tuning,
    /// When the run began, in whole seconds as Kubernetes counts.
    pub now: Timestamp,
}

/// Why a run did not reach its end.
#[derive(Debug)]
pub struct Failed {
    /// What went wrong; what could not be taken back is named in the details.
    pub error: Error,
    /// The last writes of a run that this one has taken over from were in the way. Everything is
    /// taken back, and this run still is the one that goes on: it may look again.
    pub again: bool,
}

/// What changes while a run lasts.
struct Work {
    ledger: Ledger,
    undo: Undo,
    /// Her bindings as they were last seen, by namespace.
    bindings: BTreeMap<String, RoleBinding>,
    /// Her ClusterRoleBindings as they were last seen, by name.
    wide: BTreeMap<String, ClusterRoleBinding>,
}

impl Run<'_> {
    fn work(&self) -> Work {
        let found = self.observed.bindings.iter();
        let place = |binding: &RoleBinding| binding.metadata.namespace.clone().unwrap_or_default();
        let name = |binding: &ClusterRoleBinding| binding.metadata.name.clone().unwrap_or_default();
        let wide = self.observed.wide.iter();
        Work {
            wide: wide
                .map(|binding| (name(binding), binding.clone()))
                .collect(),
            ledger: Ledger::open(self),
            undo: Undo::default(),
            bindings: found
                .map(|binding| (place(binding), binding.clone()))
                .collect(),
        }
    }

    /// Does everything, or takes back what it did.
    ///
    /// # Errors
    ///
    /// Why it could not be done, and whether it is worth another look.
    pub async fn carry_out(&self) -> Result<Outcome, Failed> {
        let mut work = self.work();
        let error = match self.steps(&mut work).await {
            Ok(outcome) => return Ok(outcome),
            Err(error) => error,
        };
        let record = self.observed.record.as_ref();
        let took_over = record.is_some_and(|found| found.record.begun.is_some());
        let in_the_way = took_over && work.ledger.has_begun() && error.kind() == Kind::Conflict;
        let (error, whole) = work.undo.take_back(self, &mut work.ledger, error).await;
        Err(Failed {
            error,
            again: in_the_way && whole,
        })
    }

    /// Lets the server check what it can check without keeping anything.
    ///
    /// # Errors
    ///
    /// What the server refuses.
    pub async fn rehearse(&self) -> Result<()> {
        let mut work = self.work();
        self.namespace(&mut work.undo).await?;
        if self.plan.namespace_step == NamespaceStep::Create {
            self.ui.status(format_args!(
                "not checked: what goes into namespace {:?}, because it does not exist yet.",
                self.plan.namespace
            ));
            return Ok(());
        }
        self.limits(&mut work.undo).await?;
        if !self.plan.replaced.is_empty() {
            self.ui
                .status("not checked: the binding, because the old one stands in its place.");
            return Ok(());
        }
        self.bind(&self.plan.holders.after, &mut work).await
    }

    async fn steps(&self, work: &mut Work) -> Result<Outcome> {
        if let CredentialStep::Issue { generation, .. } = self.plan.credential {
            self.check_interrupt()?;
            self.may_rebind_claims().await?;
            work.ledger.begin(self, generation).await?;
        }
        self.namespace(&mut work.undo).await?;
        self.limits(&mut work.undo).await?;
        self.unbind(work).await?;
        self.bind(&self.plan.holders.during, work).await?;
        let outcome = match &self.plan.credential {
            CredentialStep::KeepFile(held) => self.keep(held, &mut work.ledger).await?,
            CredentialStep::KeepElsewhere(issue) => {
                work.ledger.save(self).await?;
                Outcome {
                    generation: issue.generation,
                    kind: issue.kind,
                    groups: issue.groups.clone(),
                    not_after: issue.not_after,
                    file: None,
                    checks: Vec::new(),
                    requests_as_her: 0,
                }
            }
            CredentialStep::Issue {
                generation,
                replace_file,
            } => self.issue(*generation, *replace_file, work).await?,
        };
        // From here on her credential is proved and on record, whatever happens.
        work.undo.forget();
        self.retire(work).await?;
        Ok(outcome)
    }

    fn raced(&self, error: kube::Error, doing: &Doing) -> Error {
        store::raced(error, doing, &self.options.user)
    }

    fn check_interrupt(&self) -> Result<()> {
        if self.interrupt.is_set() {
            Err(Error::interrupted())
        } else {
            Ok(())
        }
    }

    fn done(&self, what: impl std::fmt::Display, detail: impl std::fmt::Display) {
        let suffix = self.options.dry_run.suffix();
        self.ui.done(format_args!("{what}{suffix}"), detail);
    }

    fn cluster_api<K>(&self) -> Api<K>
    where
        K: Object + kube::Resource<Scope = ClusterResourceScope>,
    {
        Api::all(self.session.client.clone())
    }

    fn namespaced_api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Object + kube::Resource<Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.session.client.clone(), namespace)
    }
}

/// Returns how writes are sent in this run.
#[must_use]
pub fn writer(options: &Options) -> Writer {
    Writer {
        field_manager: options.field_manager.clone(),
        dry_run: options.dry_run == DryRun::Server,
        force_conflicts: options.force_conflicts,
    }
}
