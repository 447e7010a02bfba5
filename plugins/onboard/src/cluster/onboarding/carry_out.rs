//! The order of the steps, and what happens when one fails.

use groundcrew::error::{Error, Kind, Result};

use crate::cluster::onboarding::run::Run;
use crate::cluster::onboarding::work::Work;
use crate::model::onboarding::outcome::Outcome;
use crate::model::onboarding::plan::{CredentialStep, NamespaceStep};

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

    /// Lets the server check what it can check without keeping anything.
    ///
    /// # Errors
    ///
    /// What the server refuses.
    pub async fn rehearse(&self) -> Result<()> {
        let mut work = Work::of(self);
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
                    requests_as_user: 0,
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
}
