//! The credential of somebody who keeps her key: what is written for her and what is proved of it.

use groundcrew::error::Result;

use super::{Outcome, Run};
use crate::handover::Handover;
use crate::kubeconfig::{Document, Held};
use crate::proof::{Check, review};

impl Run<'_> {
    /// Returns the file that she joins with her key.
    pub(super) fn handover(&self, generation: u32, certificate: &[u8]) -> Result<Document> {
        let plan = self.plan;
        let mut head = Handover::new(
            &self.options.user,
            generation,
            &plan.namespace,
            &self.session.cluster,
            &self.observed.endpoint,
        );
        head.grants = review::grants(self.rules_of(self.plan.places.first()));
        head.limited = self.has_limits();
        head.with_certificate(certificate)
    }

    /// Asks the server what it would answer her. What only the holder of the key can try is not
    /// among the checks: it is proved by `kubectl onboard accept`.
    pub(super) async fn review(&self, held: &Held) -> Result<Outcome> {
        let progress = self.ui.progress("asking what she may do");
        let expected = self.expected(held);
        let review = review::review(self.session, &expected, self.options.timeout);
        let checks = self.interrupt.guard(review).await?;
        drop(progress);
        let open: Vec<_> = checks.iter().filter(|check| !check.passed()).collect();
        let line = format!("{} of {} checks", checks.len() - open.len(), checks.len());
        if open.is_empty() {
            self.done("rights reviewed", line);
        } else {
            self.ui
                .warning(format_args!("her rights are not as they should be: {line}"));
            for check in open {
                self.ui.status(format_args!("  {check}"));
            }
        }
        Ok(self.outcome(held, checks, 0))
    }

    /// Puts together what a run ends with.
    pub(super) fn outcome(&self, held: &Held, checks: Vec<Check>, requests: u64) -> Outcome {
        Outcome {
            generation: held.generation,
            kind: held.kind,
            groups: held.groups.clone(),
            not_after: held.not_after,
            file: Some(self.options.out.clone()),
            checks,
            requests_as_her: requests,
        }
    }
}
