//! The order of the steps, and what happens when one fails.

use groundcrew::client::access;
use groundcrew::error::{Error, Kind, Result};
use groundcrew::flags::DryRun;

use crate::cluster::onboarding::run::Run;
use crate::cluster::onboarding::work::Work;
use crate::model::change::{Change, Line};
use crate::model::onboarding::outcome::Outcome;
use crate::model::onboarding::plan::{CredentialStep, NamespaceStep};
use crate::model::onboarding::rights;
use crate::model::onboarding::steps::{Grant, Reverse, Step};

/// Why a run did not reach its end.
#[derive(Debug)]
pub struct Failed {
    /// What went wrong; what could not be taken back is named in the details.
    pub error: Error,
    /// The last writes of a run that this one has taken over from were in the way. Everything is
    /// taken back, and this run still is the one that goes on: it may look again.
    pub again: bool,
}

impl Run<'_> {
    /// Does everything, or takes back what it did.
    ///
    /// # Errors
    ///
    /// Why it could not be done, and whether it is worth another look.
    pub async fn carry_out(&self) -> Result<Outcome, Failed> {
        let mut work = Work::of(self);
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

    /// Says what a run would do, and lets the server check what it can check without keeping
    /// anything: what depends on a thing that is not there yet is told as it was decided.
    ///
    /// # Errors
    ///
    /// What the server refuses.
    pub async fn rehearse(&self) -> Result<Vec<Line>> {
        if self.options.dry_run != DryRun::Server {
            return Ok(self.steps.lines().cloned().collect());
        }
        let is_new = self.plan.namespace_step == NamespaceStep::Create;
        if is_new {
            self.ui.status(format_args!(
                "not checked: the contents of namespace {:?}, because it does not exist yet.",
                self.plan.namespace
            ));
        }
        let mut work = Work::of(self);
        let mut lines = Vec::new();
        for step in &self.steps.grant {
            // What is inside a namespace that is not there yet cannot be checked.
            let can_be_checked = !is_new || matches!(step.what, Grant::Namespace(_));
            lines.push(if can_be_checked {
                self.grant(step, &mut work).await?
            } else {
                step.line.clone()
            });
        }
        let retire = self.steps.retire.iter().map(|step| &step.line);
        let rest = [&self.steps.credential, &self.steps.record];
        lines.extend(rest.into_iter().chain(retire).cloned());
        Ok(lines)
    }

    /// Checks what the steps take beyond what every run of this kind does, before anything is
    /// written.
    async fn may_take_steps(&self) -> Result<()> {
        let asked = rights::required(self.options, &self.plan.namespace);
        let mut needed = rights::of_steps(self.steps, self.observed);
        needed.retain(|access| !asked.contains(access));
        if needed.is_empty() {
            return Ok(());
        }
        let missing = access::missing(self.session, &needed).await?;
        if missing.is_empty() {
            return Ok(());
        }
        let claims = rights::of_claims(self.observed);
        if !missing.iter().any(|access| claims.contains(access)) {
            return Err(access::refused(&missing, self.me, "groundcrew-onboarder"));
        }
        let error = access::refused(&missing, self.me, "groundcrew-claim-rebinder");
        Err(error.with_detail(format!(
            "{} holds a claim, and the new kubeconfig would not work in it",
            self.options.user
        )))
    }

    async fn steps(&self, work: &mut Work) -> Result<Outcome> {
        self.interrupt.check()?;
        self.may_take_steps().await?;
        self.may_replace().await?;
        if let CredentialStep::Issue { generation, .. } = self.plan.credential {
            work.ledger.begin(self, generation).await?;
        } else if !self.plan.replaced.is_empty() {
            work.ledger.begin_replacing(self).await?;
        }
        for step in &self.steps.grant {
            self.told(&self.grant(step, work).await?);
        }
        // What was claimed since the cluster was looked at.
        self.rebind_claims(&self.plan.holders.during, work).await?;
        self.interrupt.check()?;
        let outcome = match &self.plan.credential {
            CredentialStep::KeepFile(held) => self.keep(held, &mut work.ledger).await?,
            CredentialStep::KeepElsewhere(issue) => {
                self.told(&self.steps.credential);
                work.ledger.save(self).await?;
                Outcome {
                    generation: issue.generation,
                    kind: issue.kind,
                    groups: issue.groups.clone(),
                    not_after: issue.not_after,
                    file: None,
                    checks: Vec::new(),
                    requests_as_user: 0,
                }
            }
            CredentialStep::Issue {
                generation,
                replace_file,
            } => self.issue(*generation, *replace_file, work).await?,
        };
        self.told(&self.steps.record);
        // From here on the credential is proved and on record, whatever happens.
        work.undo.forget();
        self.retire(work).await?;
        Ok(outcome)
    }

    /// Carries a step out, and returns what came of it.
    async fn grant(&self, step: &Step<Grant>, work: &mut Work) -> Result<Line> {
        self.interrupt.check()?;
        let planned = step.line.change;
        let keeps = !self.writer.dry_run;
        // Noted before it goes: a run that fails in between has to put it back as well.
        if let Reverse::PutBack(found) = step.reverse(planned)
            && keeps
        {
            work.undo.removes(found);
        }
        let holders = &self.plan.holders.during;
        let (change, made) = match &step.what {
            Grant::Bind(bound) => self.bind(bound, holders, work).await?,
            _ if planned == Change::Unchanged => (planned, None),
            Grant::Namespace(object) => self.namespace(object, planned).await?,
            Grant::Limits(object) => self.apply(object, planned).await?,
            Grant::Quota(object) => self.apply(object, planned).await?,
            Grant::Policy(object) => self.apply(object, planned).await?,
            Grant::Unbind(found) => (self.unbind(found, work).await?, None),
            Grant::Replace(found, place) => {
                (self.replace_role(found, place, holders, work).await?, None)
            }
        };
        if matches!(step.reverse(change), Reverse::Delete) && keeps {
            work.undo.made(made);
        }
        Ok(Line {
            change,
            ..step.line.clone()
        })
    }
}
