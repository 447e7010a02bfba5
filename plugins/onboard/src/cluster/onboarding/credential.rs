//! The credential from issue to proof, and the end of those that it replaces.

use std::time::Duration;

use groundcrew::error::{Error, Kind, Result};
use groundcrew::exit::Exit;
use groundcrew::finding::reason;
use groundcrew::flags::duration::Span;
use jiff::Timestamp;

use crate::cluster::onboarding::issued::{Fresh, Product};
use crate::cluster::onboarding::ledger::Ledger;
use crate::cluster::onboarding::run::Run;
use crate::cluster::onboarding::work::Work;
use crate::cluster::proof;
use crate::model::change::Line;
use crate::model::check::Check;
use crate::model::credential_kind::CredentialKind;
use crate::model::generation::{Generation, NEVER};
use crate::model::kubeconfig::{Document, Held, Secret};
use crate::model::login::{Asserted, Provider};
use crate::model::onboarding::decide;
use crate::model::onboarding::options::Credential;
use crate::model::onboarding::outcome::Outcome;
use crate::model::onboarding::steps::Retire;
use crate::model::time;

impl Run<'_> {
    /// Proves the file that is there, and puts it on record if the run that wrote it died before.
    pub(super) async fn keep(&self, held: &Held, ledger: &mut Ledger) -> Result<Outcome> {
        self.told(&self.steps.credential);
        let document = self.delivery.read(&self.options.out)?;
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
        let (document, held, asked) = self.deliver(generation, fresh, replace_file, work).await?;
        let proved = self.prove(&document, &held).await;
        let (held, asked, outcome) = match proved {
            // Nobody has the key of this certificate any more once the file is another.
            Err(error) if self.may_issue_a_token(&error) => {
                self.ui
                    .warning(format_args!("{}; issuing a token instead", reason(&error)));
                let fresh = self.token_instead(generation, work).await?;
                let (document, held, asked) = self.deliver(generation, fresh, true, work).await?;
                let outcome = self.prove(&document, &held).await?;
                (held, asked, outcome)
            }
            proved => (held, asked, proved?),
        };
        for old in &mut work.ledger.record.generations {
            let end = old.retire_after.get_or_insert(self.plan.retire_at);
            *end = (*end).min(self.plan.retire_at);
        }
        let mut issue = self.on_record(&held, &outcome);
        issue.retire_after = asked;
        work.ledger.record.generations.push(issue);
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

    /// Writes the user's file with a credential; returns the file, what it holds, and when its
    /// rights end if that is before the credential does.
    async fn deliver(
        &self,
        generation: u32,
        fresh: Fresh,
        replace_file: bool,
        work: &mut Work,
    ) -> Result<(Document, Held, Option<Timestamp>)> {
        if let Some(max) = self.options.max_expires {
            decide::check_lifetime(fresh.not_after, self.now, max)?;
        }
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
        self.interrupt.check()?;
        let out = &self.options.out;
        let before = self.delivery.deliver(out, &document, replace_file)?;
        work.undo.wrote(out.clone(), before);
        let until = time::until(fresh.not_after, self.now);
        self.told(&Line {
            detail: format!(
                "{} until {until}, in {}",
                fresh.kind.as_str(),
                out.display()
            ),
            ..self.steps.credential.clone()
        });
        let held = Held {
            kind: fresh.kind,
            generation,
            groups: fresh.groups,
            not_after: fresh.not_after,
            sha256: fresh.sha256,
        };
        let asked = match held.kind {
            CredentialKind::Certificate => {
                decide::asked_end(held.not_after, self.now, self.options.expires())
            }
            _ => None,
        };
        if let Some(asked) = asked {
            self.ui.warning(format_args!(
                "the signer issued a certificate until {}; {} was asked for",
                time::until(held.not_after, self.now),
                Span(self.options.expires())
            ));
            self.ui.hint(format_args!(
                "its rights end on {asked} by the record:  kubectl onboard renew --due"
            ));
        }
        if let Some(from) = fresh.not_before {
            self.wait_until(from).await?;
        }
        Ok((document, held, asked))
    }

    /// Says whether a proof failed in a way that a token does not, and one may be issued.
    fn may_issue_a_token(&self, error: &Error) -> bool {
        matches!(self.plan.source, Credential::Auto { .. }) && proof::is_not_arrived(error)
    }

    async fn token_instead(&self, generation: u32, work: &mut Work) -> Result<Fresh> {
        let holders = self.plan.holders.with_token(&self.options.user);
        self.bind_all(&holders, work).await?;
        self.token(generation, &mut work.undo).await
    }

    /// Waits for a signer whose clock is ahead: before that moment every server refuses the
    /// certificate.
    async fn wait_until(&self, from: Timestamp) -> Result<()> {
        let ahead = from.duration_since(self.clock.now());
        let Ok(ahead) = Duration::try_from(ahead) else {
            return Ok(());
        };
        if ahead.is_zero() {
            return Ok(());
        }
        if ahead > self.options.timeout {
            return Err(Error::failed(format!(
                "the signer issued a certificate that is valid from {from} on, in {}",
                Span(ahead)
            ))
            .with_hint("the signer's clock is ahead of the server's; pass a longer --timeout"));
        }
        let progress = self
            .ui
            .progress(format!("waiting until the certificate is valid, at {from}"));
        let pause = async {
            tokio::time::sleep(ahead).await;
            Ok(())
        };
        self.interrupt.guard(pause).await?;
        drop(progress);
        Ok(())
    }

    /// Takes the rights of generations whose time has come, and only then says so on record.
    pub(super) async fn retire(&self, work: &mut Work) -> Result<()> {
        if self.steps.retire.is_empty() {
            return Ok(());
        }
        let after = work.ledger.record.holders(&self.options.user, self.now);
        for step in &self.steps.retire {
            let line = match &step.what {
                Retire::Bind(bound) => {
                    self.interrupt.check()?;
                    let (change, _) = self.bind(bound, &after, work).await?;
                    bound.line(&self.options.user, &after, change)
                }
                Retire::Revoke(generation, kind) => {
                    if *kind == CredentialKind::Token {
                        self.delete_token_secret(*generation).await?;
                    }
                    step.line.clone()
                }
            };
            self.told(&line);
        }
        if after != self.plan.holders.during {
            self.rebind_claims(&after, work).await?;
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
            not_before: None,
            not_after: NEVER,
            sha256: None,
            secret: Product::Kubeconfig(Secret::Login(provider.login.clone())),
        }
    }

    async fn credential(&self, generation: u32, work: &mut Work) -> Result<Fresh> {
        let fresh = match &self.plan.source {
            Credential::Login(provider) => Self::login(provider),
            Credential::Token => self.token(generation, &mut work.undo).await?,
            Credential::Certificate { .. } | Credential::External(_) => self
                .certificate(generation, &mut work.undo)
                .await?
                .map_err(|unsigned| unsigned.into_error(&self.plan.source))?,
            Credential::Auto { .. } => match self.certificate(generation, &mut work.undo).await? {
                Ok(fresh) => fresh,
                Err(unsigned) => {
                    self.ui
                        .warning(format_args!("{unsigned}; issuing a token instead"));
                    self.token_instead(generation, work).await?
                }
            },
        };
        Ok(fresh)
    }

    fn on_record(&self, held: &Held, outcome: &Outcome) -> Generation {
        // Without the user's key their rights are reviewed, but nothing is tried out.
        let is_proved = self.options.request().is_none() && !held.kind.is_foreign();
        Generation {
            generation: held.generation,
            kind: held.kind,
            sha256: held.sha256.clone(),
            groups: held.groups.clone(),
            asserted: self.options.provider().map(|one| one.asserted.clone()),
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
