//! The credential from issue to proof, and the end of those that it replaces.

use groundcrew::error::{Error, Kind, Result};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::ledger::Ledger;
use super::undo::Undo;
use super::{Outcome, Run};
use crate::kubeconfig::{self, Document, Held, Secret};
use crate::meta;
use crate::options::Auth;
use crate::proof::{self, Expected};
use crate::record::{CredentialKind, Generation};
use crate::render;

/// A credential that was just issued.
pub(super) struct Fresh {
    pub(super) kind: CredentialKind,
    pub(super) groups: Vec<String>,
    pub(super) not_after: Timestamp,
    pub(super) sha256: Option<String>,
    pub(super) secret: Secret,
}

impl Run<'_> {
    /// Proves the file that is there, and puts it on record if the run that wrote it died before.
    pub(super) async fn keep(&self, held: &Held, ledger: &mut Ledger) -> Result<Outcome> {
        let out = &self.options.out;
        let text = std::fs::read_to_string(out)
            .map(Zeroizing::new)
            .map_err(|error| {
                Error::failed(format!("cannot read {}", out.display())).with_source(error)
            })?;
        let outcome = self.prove(&text, held).await?;
        let mut issues = ledger.record.generations.iter();
        if issues.all(|issue| issue.generation != held.generation) {
            ledger.record.generations.push(self.on_record(held));
        }
        ledger.save(self).await?;
        Ok(outcome)
    }

    /// Issues the next generation, proves it and puts it on record.
    pub(super) async fn issue(
        &self,
        generation: u32,
        replace_file: bool,
        ledger: &mut Ledger,
        undo: &mut Undo,
    ) -> Result<Outcome> {
        let fresh = self.credential(generation, undo).await?;
        let document = Document::new(
            &self.options.user,
            &self.session.cluster,
            &self.plan.namespace,
            &self.observed.endpoint,
            &fresh.secret,
        )?;
        self.check_interrupt()?;
        let out = &self.options.out;
        let before = kubeconfig::read_back(out, replace_file)?;
        document.write(out, replace_file)?;
        undo.wrote(out.clone(), before);
        let held = Held {
            kind: fresh.kind,
            generation,
            groups: fresh.groups,
            not_after: fresh.not_after,
            sha256: fresh.sha256,
        };
        let outcome = self.prove(document.as_str(), &held).await?;
        for old in &mut ledger.record.generations {
            old.retire_after.get_or_insert(self.now);
        }
        ledger.record.generations.push(self.on_record(&held));
        let saved = ledger.save(self).await;
        if saved
            .as_ref()
            .is_err_and(|error| error.kind() == Kind::Incomplete)
        {
            // The record may be written. Taking the credential back could leave a record of
            // something that nobody has; what is there works, and a second run sees which it is.
            undo.forget();
        }
        saved.map(|()| outcome)
    }

    /// Takes the rights of generations whose time has come, and only then says so on record.
    pub(super) async fn retire(&self, ledger: &mut Ledger) -> Result<()> {
        let due: Vec<(u32, CredentialKind)> = ledger
            .record
            .generations
            .iter()
            .filter(|issue| issue.is_due(self.now))
            .map(|issue| (issue.generation, issue.kind))
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        let after = ledger.record.holders(&self.options.user, self.now);
        if after != self.plan.holders.during {
            self.bind(&after, &mut Undo::default()).await?;
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
        for issue in &mut ledger.record.generations {
            if issue.is_due(self.now) {
                issue.revoked_at = Some(self.now);
            }
        }
        ledger.save(self).await
    }

    async fn credential(&self, generation: u32, undo: &mut Undo) -> Result<Fresh> {
        let fresh = match self.options.auth {
            Auth::Token => self.token(generation, undo).await?,
            Auth::Cert => self
                .certificate(generation, undo)
                .await?
                .map_err(Error::from)?,
            Auth::Auto => match self.certificate(generation, undo).await? {
                Ok(fresh) => fresh,
                Err(unsigned) => {
                    self.ui
                        .warning(format_args!("{unsigned}; issuing a token instead"));
                    self.bind(&self.plan.holders.with_token(&self.options.user), undo)
                        .await?;
                    self.token(generation, undo).await?
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
    async fn prove(&self, kubeconfig: &str, held: &Held) -> Result<Outcome> {
        let progress = self.ui.progress("proving with her own file");
        let expected = Expected {
            user: &self.options.user,
            namespace: &self.plan.namespace,
            kind: held.kind,
            groups: &held.groups,
            sha256: held.sha256.as_deref(),
            rules: &self.observed.role_rules,
            limited: self
                .plan
                .profile
                .as_ref()
                .is_some_and(|p| p.limit_range().is_some()),
        };
        let her = groundcrew::client::from_kubeconfig(
            kubeconfig.as_bytes(),
            &self.options.out,
            self.tuning,
            &crate::run::product(),
            self.ui,
        )
        .await?;
        let proof = proof::prove(&her, &expected, self.options.timeout);
        let (name, checks) = self.interrupt.guard(proof).await?;
        drop(progress);
        let failed: Vec<_> = checks.iter().filter(|check| !check.passed()).collect();
        let passed = checks.len() - failed.len();
        let line = format!("whoami {name}; {passed} of {} checks", checks.len());
        if failed.is_empty() {
            self.done(
                format_args!("proved with {}", self.options.out.display()),
                line,
            );
        } else {
            self.ui.warning(format_args!("not as it should be: {line}"));
            for check in failed {
                self.ui.status(format_args!("  {check}"));
            }
        }
        Ok(Outcome {
            generation: held.generation,
            kind: held.kind,
            groups: held.groups.clone(),
            not_after: held.not_after,
            file: Some(self.options.out.clone()),
            checks,
            requests_as_her: her.requests(),
        })
    }

    fn on_record(&self, held: &Held) -> Generation {
        Generation {
            generation: held.generation,
            kind: held.kind,
            sha256: held.sha256.clone(),
            groups: held.groups.clone(),
            not_after: held.not_after,
            issued_at: self.now,
            issued_by: self.me.to_owned(),
            retire_after: None,
            revoked_at: None,
        }
    }
}

/// Returns the annotation that tells which generation an object belongs to.
pub(super) fn annotation(generation: u32) -> (String, String) {
    (meta::GENERATION.to_owned(), generation.to_string())
}
