//! Tries a credential out as the user, or asks the server what it would answer them.

use groundcrew::client::Session;
use groundcrew::error::{Kind, Result};
use groundcrew::finding::reason;
use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::cluster::onboarding::run::Run;
use crate::cluster::proof;
use crate::cluster::proof::expected::Expected;
use crate::cluster::proof::review;
use crate::model::check::Check;
use crate::model::kubeconfig::{Document, Held};
use crate::model::onboarding::outcome::Outcome;
use crate::model::onboarding::plan::{NamespaceStep, Place};
use crate::model::product::PRODUCT;
use crate::model::settings::Extra;

impl Run<'_> {
    /// Tries everything out as the user, with the document alone.
    ///
    /// An address that the user reaches and this machine does not (`--user-server`, a published
    /// one) leaves one thing open: the rest is proved through the admin's own address.
    pub(super) async fn prove(&self, document: &Document, held: &Held) -> Result<Outcome> {
        if self.options.request().is_some() || held.kind.is_foreign() {
            return self.review(held).await;
        }
        let progress = self.ui.progress("verifying with the user's kubeconfig");
        let session = self.session_of(document).await?;
        let mut requests_as_user = 0;
        let (name, checks) = match self.ask_as_user(&session, held).await {
            Ok(proof) => proof,
            Err(error)
                if error.kind() != Kind::Interrupted
                    && self.observed.endpoint.server != self.session.endpoint.server =>
            {
                let detour = document.through(&self.session.endpoint)?;
                let detoured = self.session_of(&detour).await?;
                let (name, mut checks) = self.ask_as_user(&detoured, held).await?;
                requests_as_user += detoured.requests();
                let server = &self.observed.endpoint.server;
                let why = reason(&error);
                checks.push(Check::undecided(format!("{server} from here"), why));
                (name, checks)
            }
            Err(error) => return Err(error),
        };
        requests_as_user += session.requests();
        drop(progress);
        let open: Vec<_> = checks.iter().filter(|check| !check.passed()).collect();
        let passed = checks.len() - open.len();
        let line = format!("whoami {name}; {passed} of {} checks", checks.len());
        if open.is_empty() {
            let file = self.options.out.display();
            self.done(format_args!("verified with {file}"), line);
        } else {
            self.ui
                .warning(format_args!("not everything could be verified: {line}"));
            for check in open {
                self.ui.status(format_args!("  {check}"));
            }
        }
        Ok(self.outcome(held, checks, requests_as_user))
    }

    async fn session_of(&self, document: &Document) -> Result<Session> {
        groundcrew::client::from_kubeconfig(
            document.as_str().as_bytes(),
            &self.options.out,
            self.tuning,
            &PRODUCT,
            self.ui,
        )
        .await
    }

    async fn ask_as_user(&self, session: &Session, held: &Held) -> Result<(String, Vec<Check>)> {
        let expected = self.expected(held);
        let proof = proof::prove(session, &expected, self.options.timeout);
        self.interrupt.guard(proof).await
    }

    fn expected<'a>(&'a self, held: &'a Held) -> Expected<'a> {
        Expected {
            user: &self.options.user,
            namespace: &self.plan.namespace,
            kind: held.kind,
            groups: &held.groups,
            sha256: held.sha256.as_deref(),
            rules: self.rules_of(self.plan.places.first()),
            also: self
                .plan
                .places
                .iter()
                .skip(1)
                .map(|place| (place.namespace.as_str(), self.rules_of(Some(place))))
                .collect(),
            limited: self.has_limits(),
            asserted: self.options.provider().map(|one| &one.asserted),
            claims: self.plan.settings.extras.contains(&Extra::Claims),
        }
    }

    /// Says whether this run gives the namespace a LimitRange.
    pub(super) fn has_limits(&self) -> bool {
        let profile = self.plan.profile.as_ref();
        self.plan.namespace_step != NamespaceStep::None
            && profile.is_some_and(|profile| profile.limit_range().is_some())
    }

    pub(super) fn rules_of(&self, place: Option<&Place>) -> &[PolicyRule] {
        place
            .and_then(|place| self.observed.role_rules.get(&place.role))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Asks the server what it would answer the user. What only the holder of the key can try is
    /// not among the checks: it is proved by `kubectl onboard accept`.
    async fn review(&self, held: &Held) -> Result<Outcome> {
        let progress = self.ui.progress("reviewing what the user may do");
        let expected = self.expected(held);
        let review = review::review(self.session, &expected, self.options.timeout);
        let checks = self.interrupt.guard(review).await?;
        drop(progress);
        let open: Vec<_> = checks.iter().filter(|check| !check.passed()).collect();
        let line = format!("{} of {} checks", checks.len() - open.len(), checks.len());
        if open.is_empty() {
            self.done("rights reviewed", line);
        } else {
            self.ui.warning(format_args!(
                "the user's rights are not as they should be: {line}"
            ));
            for check in open {
                self.ui.status(format_args!("  {check}"));
            }
        }
        Ok(self.outcome(held, checks, 0))
    }

    /// Puts together what a run ends with.
    fn outcome(&self, held: &Held, checks: Vec<Check>, requests: u64) -> Outcome {
        Outcome {
            generation: held.generation,
            kind: held.kind,
            groups: held.groups.clone(),
            not_after: held.not_after,
            file: Some(self.options.out.clone()),
            checks,
            requests_as_user: requests,
        }
    }
}
