//! Carries out a plan step by step; what fails half-way is taken back.

mod certificate;
mod token;
mod undo;

use std::path::PathBuf;

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Kind, Result};
use groundcrew::flags::DryRun;
use groundcrew::flags::kube::Tuning;
use groundcrew::ui::Ui;
use groundcrew::write::{Object, Writer, is_conflict, is_not_found};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::api::rbac::v1::RoleBinding;
use k8s_openapi::{ClusterResourceScope, NamespaceResourceScope};
use kube::api::Api;

use crate::kubeconfig::{self, Document, Secret};
use crate::meta;
use crate::objects::{self, Holder};
use crate::observe::Observed;
use crate::options::{Auth, Options};
use crate::plan::{CredentialStep, NamespaceStep, Plan};
use crate::proof::{self, Check, Expected};
use crate::record::{self, CredentialKind, Generation, Record, SYSTEM_NAMESPACE};
use undo::Undo;

/// What a run did.
#[derive(Debug)]
pub struct Outcome {
    /// Generation of the credential that she holds.
    pub generation: u32,
    /// Its kind.
    pub kind: CredentialKind,
    /// Groups inside it, as asked for.
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
}

/// A credential that was just issued.
struct Fresh {
    kind: CredentialKind,
    groups: Vec<String>,
    not_after: Timestamp,
    sha256: Option<String>,
    secret: Secret,
}

impl Run<'_> {
    /// Does everything, or takes back what it did.
    ///
    /// # Errors
    ///
    /// Why it could not be done; what could not be taken back is named in the details.
    pub async fn carry_out(&self) -> Result<Outcome> {
        let mut undo = Undo::default();
        match self.steps(&mut undo).await {
            Ok(outcome) => Ok(outcome),
            Err(error) => Err(undo.take_back(self, error).await),
        }
    }

    /// Lets the server check what it can check without keeping anything.
    ///
    /// # Errors
    ///
    /// What the server refuses.
    pub async fn rehearse(&self) -> Result<()> {
        let mut undo = Undo::default();
        self.namespace(&mut undo).await?;
        if self.plan.namespace_step == NamespaceStep::Create {
            self.ui.status(format_args!(
                "not checked: what goes into namespace {:?}, because it does not exist yet.",
                self.plan.namespace
            ));
            return Ok(());
        }
        self.limits(&mut undo).await?;
        self.bind(&self.plan.holders.after, &mut undo).await
    }

    async fn steps(&self, undo: &mut Undo) -> Result<Outcome> {
        self.namespace(undo).await?;
        self.limits(undo).await?;
        self.bind(&self.plan.holders.during, undo).await?;
        match &self.plan.credential {
            CredentialStep::KeepFile(held) => self.keep(held).await,
            CredentialStep::KeepElsewhere {
                generation,
                kind,
                not_after,
            } => {
                self.record(|record| record.settings = self.plan.settings.clone())
                    .await?;
                let recorded = self.observed.record.iter().flat_map(|found| {
                    found
                        .record
                        .generations
                        .iter()
                        .filter(|issue| issue.generation == *generation)
                });
                Ok(Outcome {
                    generation: *generation,
                    kind: *kind,
                    groups: recorded
                        .last()
                        .map(|issue| issue.groups.clone())
                        .unwrap_or_default(),
                    not_after: *not_after,
                    file: None,
                    checks: Vec::new(),
                    requests_as_her: 0,
                })
            }
            CredentialStep::Issue {
                generation,
                replace_file,
                revokes,
            } => self.issue(*generation, *replace_file, revokes, undo).await,
        }
    }

    async fn namespace(&self, undo: &mut Undo) -> Result<()> {
        self.check_interrupt()?;
        let (options, plan) = (self.options, self.plan);
        let object = objects::namespace(&plan.namespace, &options.user, &plan.settings);
        let api = self.cluster_api::<Namespace>();
        let doing = Doing::new("create", "namespaces").named(&plan.namespace);
        let what = match plan.namespace_step {
            NamespaceStep::Keep => "unchanged",
            NamespaceStep::Update => {
                self.writer
                    .apply(&api, &object)
                    .await
                    .map_err(|error| explain(error, &doing))?;
                "configured"
            }
            NamespaceStep::Create => {
                let owner = object.metadata.annotations.clone();
                let made = self
                    .writer
                    .create(&api, &object, |found| found.metadata.annotations == owner)
                    .await
                    .map_err(|error| self.raced(error, &doing))?;
                undo.made(&made, "namespace", self.options.dry_run);
                "created"
            }
        };
        let team = plan
            .settings
            .team
            .as_ref()
            .map(|team| format!(", team {team}"));
        self.done(
            format_args!("namespace/{} {what}", plan.namespace),
            format_args!(
                "owner {}{}, pod security baseline",
                options.user,
                team.unwrap_or_default()
            ),
        );
        Ok(())
    }

    /// The LimitRange goes before the quota: with a quota alone every pod without resources is
    /// refused.
    async fn limits(&self, undo: &mut Undo) -> Result<()> {
        let (user, namespace) = (&self.options.user, self.plan.namespace.as_str());
        let mut applied = Vec::new();
        if let Some(profile) = &self.plan.profile {
            if let Some(spec) = profile.limit_range() {
                let object = objects::limit_range(spec, namespace, user);
                self.apply(&object, "limitrange", "limitranges", undo)
                    .await?;
                applied.push("limitrange");
            }
            if let Some(spec) = profile.quota() {
                let object = objects::quota(spec, namespace, user);
                self.apply(&object, "resourcequota", "resourcequotas", undo)
                    .await?;
                applied.push("resourcequota");
            }
            if !applied.is_empty() {
                self.done(
                    format_args!("{} applied", applied.join(", ")),
                    profile.summary(),
                );
            }
        }
        if let Some(object) = objects::network_policy(self.plan.network, namespace, user) {
            let resource = "networkpolicies.networking.k8s.io";
            self.apply(&object, "networkpolicy", resource, undo).await?;
            self.done(
                format_args!("networkpolicy/{} applied", objects::DEFAULT_DENY),
                self.plan.network.summary(),
            );
        }
        Ok(())
    }

    async fn bind(&self, holders: &[Holder], undo: &mut Undo) -> Result<()> {
        let (user, plan) = (&self.options.user, self.plan);
        let api = self.namespaced_api::<RoleBinding>(&plan.namespace);
        let resource = "rolebindings.rbac.authorization.k8s.io";
        if plan.replace_binding
            && let Some(found) = &self.observed.binding
        {
            let doing = Doing::new("delete", resource).named(&objects::binding_name(user));
            self.writer
                .delete(&api, &found.metadata)
                .await
                .map_err(|error| explain(error, &doing.within(&plan.namespace)))?;
        }
        let object = objects::role_binding(&plan.namespace, user, &plan.settings.role, holders);
        self.apply(&object, "rolebinding", resource, undo).await?;
        let to: Vec<String> = holders.iter().map(Holder::describe).collect();
        self.done(
            format_args!("rolebinding/{} applied", objects::binding_name(user)),
            format_args!("{} → {}", plan.settings.role, to.join(", ")),
        );
        Ok(())
    }

    async fn keep(&self, held: &kubeconfig::Held) -> Result<Outcome> {
        let text = std::fs::read_to_string(&self.options.out).map_err(|error| {
            Error::failed(format!("cannot read {}", self.options.out.display())).with_source(error)
        })?;
        let text = zeroize::Zeroizing::new(text);
        let (checks, requests_as_her) = self
            .prove(&text, held.kind, &held.groups, held.sha256.as_deref())
            .await?;
        self.record(|record| {
            record.settings = self.plan.settings.clone();
            // A run that died before this point left her file without a record.
            if record
                .generations
                .iter()
                .all(|issue| issue.generation != held.generation)
            {
                record
                    .generations
                    .push(self.generation(held.generation, held.kind, held));
            }
        })
        .await?;
        Ok(Outcome {
            generation: held.generation,
            kind: held.kind,
            groups: held.groups.clone(),
            not_after: held.not_after,
            file: Some(self.options.out.clone()),
            checks,
            requests_as_her,
        })
    }

    async fn issue(
        &self,
        generation: u32,
        replace_file: bool,
        revokes: &[(u32, CredentialKind)],
        undo: &mut Undo,
    ) -> Result<Outcome> {
        let user = &self.options.user;
        let fresh = self.credential(generation, undo).await?;
        let document = Document::new(
            user,
            &self.session.cluster,
            &self.plan.namespace,
            &self.observed.endpoint,
            &fresh.secret,
        )?;
        self.check_interrupt()?;
        let before = kubeconfig::read_back(&self.options.out, replace_file)?;
        document.write(&self.options.out, replace_file)?;
        undo.wrote(self.options.out.clone(), before);
        let (checks, requests_as_her) = self
            .prove(
                document.as_str(),
                fresh.kind,
                &fresh.groups,
                fresh.sha256.as_deref(),
            )
            .await?;
        let held = kubeconfig::Held {
            kind: fresh.kind,
            generation,
            groups: fresh.groups,
            not_after: fresh.not_after,
            sha256: fresh.sha256,
        };
        let revoked: Vec<u32> = revokes.iter().map(|(generation, _)| *generation).collect();
        let now = Timestamp::now();
        self.record(|record| {
            record.settings = self.plan.settings.clone();
            for old in &mut record.generations {
                if revoked.contains(&old.generation) && old.revoked_at.is_none() {
                    old.revoked_at = Some(now);
                }
            }
            record
                .generations
                .push(self.generation(generation, held.kind, &held));
        })
        .await?;
        // From here on the new credential is hers, whatever happens.
        undo.forget();
        let after = vec![crate::plan::holder(user, generation, held.kind)];
        if after != self.plan.holders.during {
            self.bind(&after, &mut Undo::default()).await?;
        }
        for (old, kind) in revokes {
            if *kind == CredentialKind::Token {
                self.delete_token_secret(*old).await?;
            }
            self.done(
                format_args!("generation {old} revoked"),
                "its rights are gone",
            );
        }
        Ok(Outcome {
            generation,
            kind: held.kind,
            groups: held.groups,
            not_after: held.not_after,
            file: Some(self.options.out.clone()),
            checks,
            requests_as_her,
        })
    }

    async fn credential(&self, generation: u32, undo: &mut Undo) -> Result<Fresh> {
        let fresh = match self.options.auth {
            Auth::Token => self.token(generation, undo).await?,
            Auth::Cert => self
                .certificate(generation, undo)
                .await?
                .map_err(Into::<Error>::into)?,
            Auth::Auto => match self.certificate(generation, undo).await? {
                Ok(fresh) => fresh,
                Err(unsigned) => {
                    self.ui
                        .warning(format_args!("{unsigned}; issuing a token instead"));
                    let account =
                        crate::plan::holder(&self.options.user, generation, CredentialKind::Token);
                    self.bind(&[account], undo).await?;
                    self.token(generation, undo).await?
                }
            },
        };
        self.done(
            format_args!("{} issued", fresh.kind.as_str()),
            format_args!(
                "until {}",
                crate::render::until(fresh.not_after, Timestamp::now())
            ),
        );
        Ok(fresh)
    }

    async fn prove(
        &self,
        kubeconfig: &str,
        kind: CredentialKind,
        groups: &[String],
        sha256: Option<&str>,
    ) -> Result<(Vec<Check>, u64)> {
        let progress = self.ui.progress("proving with her own file");
        let expected = Expected {
            user: &self.options.user,
            namespace: &self.plan.namespace,
            kind,
            groups,
            sha256,
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
        let checks = self
            .interrupt
            .guard(proof::prove(&her, &expected, self.options.timeout))
            .await?;
        drop(progress);
        let passed = checks.iter().filter(|check| check.passed()).count();
        let line = format!(
            "whoami {}; {passed} of {} checks",
            self.options.user,
            checks.len()
        );
        if passed == checks.len() {
            self.done(
                format_args!("proved with {}", self.options.out.display()),
                line,
            );
        } else {
            self.ui
                .warning(format_args!("{} checks failed", checks.len() - passed));
            for check in checks.iter().filter(|check| !check.passed()) {
                self.ui.status(format_args!("  {check}"));
            }
        }
        Ok((checks, her.requests()))
    }

    /// Reads, changes and writes the record; a change in between is a conflict, not a merge.
    async fn record(&self, change: impl Fn(&mut Record)) -> Result<()> {
        let user = &self.options.user;
        let api = self.namespaced_api::<ConfigMap>(SYSTEM_NAMESPACE);
        let name = record::name(user);
        let doing = |verb| {
            Doing::new(verb, "configmaps")
                .named(&name)
                .within(SYSTEM_NAMESPACE)
        };
        let found = self.observed.record.as_ref();
        let mut record = found.map_or_else(
            || Record::new(user, &self.plan.namespace, self.plan.settings.clone()),
            |found| found.record.clone(),
        );
        change(&mut record);
        if found.is_some_and(|found| found.record == record) {
            return Ok(());
        }
        let mut map = record.to_config_map(user)?;
        let data = map.data.clone();
        let is_ours = |kept: &ConfigMap| kept.data == data;
        if let Some(found) = found {
            map.metadata.resource_version = found.metadata.resource_version.clone();
            map.metadata.uid = found.metadata.uid.clone();
            let replaced = self.writer.replace(&api, &map, is_ours).await;
            return replaced
                .map(drop)
                .map_err(|error| self.raced(error, &doing("update")));
        }
        let mut made = self.writer.create(&api, &map, is_ours).await;
        if made.as_ref().is_err_and(is_not_found) {
            self.system_namespace().await?;
            made = self.writer.create(&api, &map, is_ours).await;
        }
        made.map(drop)
            .map_err(|error| self.raced(error, &doing("create")))
    }

    async fn system_namespace(&self) -> Result<()> {
        let object = objects::system_namespace();
        let doing = Doing::new("create", "namespaces").named(SYSTEM_NAMESPACE);
        match self
            .writer
            .create(&self.cluster_api::<Namespace>(), &object, |_| true)
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if is_conflict(&error) => Ok(()),
            Err(error) => Err(explain(error, &doing)),
        }
    }

    fn generation(
        &self,
        generation: u32,
        kind: CredentialKind,
        held: &kubeconfig::Held,
    ) -> Generation {
        Generation {
            generation,
            kind,
            sha256: held.sha256.clone(),
            groups: held.groups.clone(),
            not_after: held.not_after,
            issued_at: Timestamp::now(),
            issued_by: self.me.to_owned(),
            revoked_at: None,
        }
    }

    async fn apply<K>(
        &self,
        object: &K,
        kind: &'static str,
        resource: &'static str,
        undo: &mut Undo,
    ) -> Result<()>
    where
        K: Object + kube::Resource<Scope = NamespaceResourceScope>,
    {
        self.check_interrupt()?;
        let name = object.meta().name.clone().unwrap_or_default();
        let namespace = object.meta().namespace.clone().unwrap_or_default();
        let kept = self
            .writer
            .apply(&self.namespaced_api::<K>(&namespace), object)
            .await;
        let kept = kept.map_err(|error| {
            explain(
                error,
                &Doing::new("patch", resource)
                    .named(&name)
                    .within(&namespace),
            )
        })?;
        let was_there = if kind == "rolebinding" {
            self.observed.binding.is_some()
        } else {
            self.observed.existing.contains(&kind)
        };
        if !was_there {
            undo.made(&kept, kind, self.options.dry_run);
        }
        Ok(())
    }

    /// Explains a refusal that means that another run was faster.
    fn raced(&self, error: kube::Error, doing: &Doing) -> Error {
        if !is_conflict(&error) {
            return explain(error, doing);
        }
        Error::new(
            Kind::Conflict,
            format!(
                "somebody else is changing {}'s access at the same time",
                self.options.user
            ),
        )
        .with_source(explain(error, doing))
        .with_hint("look at what they did, then run this again")
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

/// Returns the annotation that tells which generation an object belongs to.
fn generation_annotation(generation: u32) -> (String, String) {
    (meta::GENERATION.to_owned(), generation.to_string())
}
