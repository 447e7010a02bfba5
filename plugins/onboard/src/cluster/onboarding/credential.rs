//! The credential from issue to proof, and the end of those that it replaces.

use groundcrew::client::Session;
use groundcrew::error::{Kind, Result};
use groundcrew::exit::Exit;
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::PolicyRule;

use super::ledger::Ledger;
use super::{Outcome, Run, Work};
use crate::kubeconfig::{self, Document, Held, Secret};
use crate::login::{Asserted, Provider};
use crate::meta;
use crate::options::{Auth, KeySource};
use crate::plan::{NamespaceStep, Place};
use crate::proof::{self, Check, Expected};
use crate::record::{CredentialKind, Extra, Generation, NEVER};
use crate::render;

/// A credential that was just issued.
pub(super) struct Fresh {
    pub(super) kind: CredentialKind,
    pub(super) groups: Vec<String>,
    pub(super) not_after: Timestamp,
    pub(super) sha256: Option<String>,
    pub(super) secret: Product,
}

/// What she gets.
pub(super) enum Product {
    /// A kubeconfig with everything in it.
    Kubeconfig(Secret),
    /// The certificate alone, PEM: she has the key.
    Handover(Vec<u8>),
}

impl Run<'_> {
    /// Proves the file that is there, and puts it on record if the run that wrote it died before.
    pub(super) async fn keep(&self, held: &Held, ledger: &mut Ledger) -> Result<Outcome> {
        let document = Document::read(&self.options.out)?;
        let outcome = self.prove(&document, held).await?;
        let mut issues = ledger.record.generations.iter();
        if issues.all(|issue| issue.generation != held.generation) {
            ledger
                .record
                .generations
                .push(self.on_record(held, &outcome));
        }
        ledger.save(self).await?;
        Ok(outcome)
    }

    /// Issues the next generation, proves it and puts it on record.
    pub(super) async fn issue(
        &self,
        generation: u32,
        replace_file: bool,
        work: &mut Work,
    ) -> Result<Outcome> {
        let fresh = self.credential(generation, work).await?;
        let document = match &fresh.secret {
            Product::Kubeconfig(secret) => Document::new(
                &self.options.user,
                &self.session.cluster,
                &self.plan.namespace,
                &self.observed.endpoint,
                secret,
            )?,
            Product::Handover(certificate) => self.handover(generation, certificate)?,
        };
        self.check_interrupt()?;
        let out = &self.options.out;
        let before = kubeconfig::read_back(out, replace_file)?;
        document.write(out, replace_file)?;
        work.undo.wrote(out.clone(), before);
        let held = Held {
            kind: fresh.kind,
            generation,
            groups: fresh.groups,
            not_after: fresh.not_after,
            sha256: fresh.sha256,
        };
        let outcome = self.prove(&document, &held).await?;
        for old in &mut work.ledger.record.generations {
            let end = old.retire_after.get_or_insert(self.plan.retire_at);
            *end = (*end).min(self.plan.retire_at);
        }
        work.ledger
            .record
            .generations
            .push(self.on_record(&held, &outcome));
        let saved = work.ledger.save(self).await;
        if saved
            .as_ref()
            .is_err_and(|error| error.kind() == Kind::Incomplete)
        {
            // The record may be written. Taking the credential back could leave a record of
            // something that nobody has; what is there works, and a second run sees which it is.
            work.undo.forget();
        }
        saved.map(|()| outcome)
    }

    /// Takes the rights of generations whose time has come, and only then says so on record.
    pub(super) async fn retire(&self, work: &mut Work) -> Result<()> {
        let due: Vec<(u32, CredentialKind)> = work
            .ledger
            .record
            .generations
            .iter()
            .filter(|issue| issue.is_due(self.now))
            .map(|issue| (issue.generation, issue.kind))
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        let after = work.ledger.record.holders(&self.options.user, self.now);
        if after != self.plan.holders.during {
            self.bind(&after, work).await?;
        }
        for (generation, kind) in due {
            if kind == CredentialKind::Token {
                self.delete_token_secret(generation).await?;
            }
            self.done(
                format_args!("generation {generation} revoked"),
                "its rights are gone",
            );
        }
        for issue in &mut work.ledger.record.generations {
            if issue.is_due(self.now) {
                issue.revoked_at = Some(self.now);
            }
        }
        work.ledger.save(self).await
    }

    /// Returns a login: nothing is issued here.
    fn login(provider: &Provider) -> Fresh {
        Fresh {
            kind: provider.login.kind(),
            groups: match &provider.asserted {
                Asserted::Group(name) => vec![name.clone()],
                Asserted::User(_) => Vec::new(),
            },
            not_after: NEVER,
            sha256: None,
            secret: Product::Kubeconfig(Secret::Login(provider.login.clone())),
        }
    }

    async fn credential(&self, generation: u32, work: &mut Work) -> Result<Fresh> {
        if let Some(provider) = &self.options.provider {
            return Ok(Self::login(provider));
        }
        let fresh = match self.plan.auth {
            Auth::Token => self.token(generation, &mut work.undo).await?,
            Auth::Cert | Auth::Oidc | Auth::Exec => self
                .certificate(generation, &mut work.undo)
                .await?
                .map_err(|unsigned| unsigned.into_error(&self.options.key))?,
            Auth::Auto => match self.certificate(generation, &mut work.undo).await? {
                Ok(fresh) => fresh,
                Err(unsigned) => {
                    self.ui
                        .warning(format_args!("{unsigned}; issuing a token instead"));
                    self.bind(&self.plan.holders.with_token(&self.options.user), work)
                        .await?;
                    self.token(generation, &mut work.undo).await?
                }
            },
        };
        self.done(
            format_args!("{} issued", fresh.kind.as_str()),
            format_args!("until {}", render::until(fresh.not_after, self.now)),
        );
        Ok(fresh)
    }

    /// Tries everything out as her, with the document alone.
    ///
    /// An address that she reaches and this machine does not (`--user-server`, a published one)
    /// leaves one thing open: the rest is proved through the admin's own address.
    async fn prove(&self, document: &Document, held: &Held) -> Result<Outcome> {
        if matches!(self.options.key, KeySource::Hers(_)) || held.kind.is_foreign() {
            return self.review(held).await;
        }
        let progress = self.ui.progress("proving with her own file");
        let her = self.session_of(document).await?;
        let mut requests_as_her = 0;
        let (name, checks) = match self.ask_as_her(&her, held).await {
            Ok(proof) => proof,
            Err(error)
                if error.kind() != Kind::Interrupted
                    && self.observed.endpoint.server != self.session.endpoint.server =>
            {
                let detour = document.through(&self.session.endpoint)?;
                let detoured = self.session_of(&detour).await?;
                let (name, mut checks) = self.ask_as_her(&detoured, held).await?;
                requests_as_her += detoured.requests();
                let server = &self.observed.endpoint.server;
                let why = error.headline();
                checks.push(Check::undecided(format!("{server} from here"), why));
                (name, checks)
            }
            Err(error) => return Err(error),
        };
        requests_as_her += her.requests();
        drop(progress);
        let open: Vec<_> = checks.iter().filter(|check| !check.passed()).collect();
        let passed = checks.len() - open.len();
        let line = format!("whoami {name}; {passed} of {} checks", checks.len());
        if open.is_empty() {
            let file = self.options.out.display();
            self.done(format_args!("proved with {file}"), line);
        } else {
            self.ui
                .warning(format_args!("not everything is proved: {line}"));
            for check in open {
                self.ui.status(format_args!("  {check}"));
            }
        }
        Ok(self.outcome(held, checks, requests_as_her))
    }

    async fn session_of(&self, document: &Document) -> Result<Session> {
        groundcrew::client::from_kubeconfig(
            document.as_str().as_bytes(),
            &self.options.out,
            self.tuning,
            &crate::run::product(),
            self.ui,
        )
        .await
    }

    async fn ask_as_her(&self, her: &Session, held: &Held) -> Result<(String, Vec<Check>)> {
        let expected = self.expected(held);
        let proof = proof::prove(her, &expected, self.options.timeout);
        self.interrupt.guard(proof).await
    }

    pub(super) fn expected<'a>(&'a self, held: &'a Held) -> Expected<'a> {
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
            asserted: self.options.provider.as_ref().map(|one| &one.asserted),
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

    fn on_record(&self, held: &Held, outcome: &Outcome) -> Generation {
        // Without her key her rights are reviewed, but nothing is tried out.
        let is_proved = self.options.key == KeySource::Here && !held.kind.is_foreign();
        Generation {
            generation: held.generation,
            kind: held.kind,
            sha256: held.sha256.clone(),
            groups: held.groups.clone(),
            asserted: self
                .options
                .provider
                .as_ref()
                .map(|one| one.asserted.clone()),
            not_after: held.not_after,
            issued_at: self.now,
            issued_by: self.me.to_owned(),
            proved_at: (is_proved && Check::exit(&outcome.checks) == Exit::Done)
                .then_some(self.now),
            retire_after: None,
            revoked_at: None,
        }
    }
}

/// Returns the annotation that tells which generation an object belongs to.
pub(super) fn annotation(generation: u32) -> (String, String) {
    (meta::GENERATION.to_owned(), generation.to_string())
}
