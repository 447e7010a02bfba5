//! Carrying a claim out: the entry in the index, the namespace, what is in it.

use std::time::Duration;

use groundcrew::app::Interrupt;
use groundcrew::client::access::{self, Access};
use groundcrew::client::clock::Clock;
use groundcrew::client::{Session, outcome_unknown};
use groundcrew::cluster::{Attempt, Patience, poll, retry_on_conflict};
use groundcrew::error::{Error, Kind, Result};
use groundcrew::flags::DryRun;
use groundcrew::ui::Ui;
use groundcrew::write::{Object, Writer, is_conflict};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::PostParams;

use super::decide::{Step, Wanted, What, steps};
use super::observe;
use super::place::{Reserved, held_error, reserve};
use crate::cluster::{index, refusal};
use crate::commands::answer;
use crate::model::claim::Claim;
use crate::model::index::Index;
use crate::model::installation::guard::index::NOT_IN_INDEX;
use crate::model::objects::{self, Holder, Terms};
use crate::model::settings::Settings;
use crate::model::steps::Outcome;
use crate::model::view::View;

/// How long a right takes to spread, when it is quick.
const LAG: Duration = Duration::from_millis(25);
/// How long a right may take to spread.
const PATIENCE: Duration = Duration::from_secs(30);

/// Everything a run needs.
pub struct Run<'a> {
    pub session: &'a Session,
    pub wanted: &'a Wanted,
    pub holder: Holder,
    pub clock: Clock,
    pub ui: &'a Ui,
    pub interrupt: &'a Interrupt,
}

/// A claim that there is now.
#[derive(Debug)]
pub struct Taken {
    /// The claim.
    pub view: View,
    /// It was there before.
    pub was_mine: bool,
}

/// How making the namespace ended.
enum Made {
    New(Box<Namespace>),
    Mine(Box<Namespace>),
    Held(Error),
}

impl Run<'_> {
    /// Makes the claim, or says what would be made; another name is chosen while someone holds
    /// one that was not given.
    ///
    /// # Errors
    ///
    /// That someone else holds the name; what the server says.
    pub async fn carry_out(
        &self,
        mut terms: Terms,
        mut index: Index,
        suggest: impl Fn() -> String,
    ) -> Result<Taken> {
        retry_on_conflict("every name that was tried", self.interrupt, async || {
            let mut steps = steps(&terms, self.wanted, &self.holder, &index);
            let now = self.clock.now();
            let place = reserve(
                self.session,
                &terms,
                &mut index,
                self.wanted.dry_run,
                now,
                self.interrupt,
            );
            let fresh = match place.await? {
                Reserved::Held(fresh) => fresh,
                Reserved::Taken(held) if self.wanted.name.is_some() => return Err(held),
                Reserved::Taken(_) => {
                    terms.name = suggest();
                    return Ok(Attempt::Raced);
                }
            };
            let undo = fresh && self.wanted.dry_run == DryRun::None;
            match self.namespace(&terms, &index.settings).await {
                Ok(Made::New(namespace)) => {
                    let taken = self.fill(&namespace, &index.settings, steps, false).await?;
                    Ok(Attempt::Done(taken))
                }
                Ok(Made::Mine(namespace)) => {
                    if let Some(step) = steps.get_mut(1) {
                        step.outcome = Outcome::Unchanged;
                    }
                    let taken = self.fill(&namespace, &index.settings, steps, true).await?;
                    Ok(Attempt::Done(taken))
                }
                Ok(Made::Held(error)) => {
                    let error = match undo {
                        true => self.withdrawn(&terms, error).await,
                        false => error,
                    };
                    if self.wanted.name.is_some() {
                        return Err(error);
                    }
                    terms.name = suggest();
                    Ok(Attempt::Raced)
                }
                Err(error) => {
                    // An unknown outcome may have made it; the entry is the key to going on.
                    if undo && error.kind() == Kind::Failed {
                        return Err(self.withdrawn(&terms, error).await);
                    }
                    Err(error)
                }
            }
        })
        .await
    }

    /// Takes a fresh entry back where the caller may; a claimer's is freed by the reaper.
    async fn withdrawn(&self, terms: &Terms, error: Error) -> Error {
        let (name, owner) = (&terms.name, &terms.owner);
        let freed = index::free(self.session, &Interrupt::never(), name, owner, false).await;
        if freed.is_ok() {
            return error;
        }
        error.with_detail(format!(
            "the name {name} is kept for you, and counts, until the reaper frees it in some minutes"
        ))
    }

    /// Makes the namespace; the server takes one of several.
    async fn namespace(&self, terms: &Terms, settings: &Settings) -> Result<Made> {
        let object = objects::namespace(terms);
        if self.wanted.dry_run == DryRun::Client {
            let found = observe::namespace(self.session, &terms.name).await?;
            return Ok(match found {
                None => Made::New(self.as_if_made(object)),
                Some(found) => self.whose(found, terms, settings),
            });
        }
        let namespaces = self.session.of::<Namespace>();
        let notes = object.metadata.annotations.clone();
        let made = self
            .patiently(|| {
                let writer = self.writer();
                let (api, object, notes) = (namespaces.api(), &object, &notes);
                async move {
                    writer
                        .create(api, object, |found| found.metadata.annotations == *notes)
                        .await
                }
            })
            .await;
        let error = match made {
            Ok(namespace) => return Ok(Made::New(Box::new(namespace))),
            Err(error) => error,
        };
        let told = |error| refusal::told(&namespaces, "create", &terms.name, error);
        // What a dry run did not put into the index, the guard cannot find there.
        let tried = self.is_not_in_index(&error);
        if !tried && !is_conflict(&error) {
            return Err(told(error));
        }
        Ok(match observe::namespace(self.session, &terms.name).await? {
            Some(found) => self.whose(found, terms, settings),
            None if tried => Made::New(self.as_if_made(object)),
            None => Made::Held(told(error)),
        })
    }

    /// Returns the namespace as if the server had made it.
    fn as_if_made(&self, mut namespace: Namespace) -> Box<Namespace> {
        namespace.metadata.uid = Some(String::new());
        namespace.metadata.resource_version = Some(String::new());
        namespace.metadata.creation_timestamp = Some(Time(self.clock.now()));
        Box::new(namespace)
    }

    /// Says whose a namespace is that was there before.
    fn whose(&self, found: Namespace, terms: &Terms, settings: &Settings) -> Made {
        let now = self.clock.now();
        match Claim::of(&found) {
            Some(claim)
                if claim.owner.as_ref() == Some(&terms.owner) && claim.terminating.is_none() =>
            {
                Made::Mine(Box::new(found))
            }
            claim => {
                let view = claim.map(|claim| View::of(&claim, settings, now));
                Made::Held(held_error(&terms.name, view, now))
            }
        }
    }

    /// Makes what is in the namespace and not there yet, and says what became of everything.
    async fn fill(
        &self,
        namespace: &Namespace,
        settings: &Settings,
        mut steps: Vec<Step>,
        was_mine: bool,
    ) -> Result<Taken> {
        let claim = Claim::of(namespace)
            .ok_or_else(|| Error::failed("the server did not keep the claim's label"))?;
        let view = View::of(&claim, settings, self.clock.now());
        let name = &claim.name;
        let dry_run = self.wanted.dry_run;
        if dry_run == DryRun::Client {
            // A run is told by the server, and takes back what it began: asking first would cost
            // it requests that a dry run can spend.
            let rights: Vec<Access> = steps
                .iter()
                .filter_map(|step| step.right(self.session))
                .collect();
            let missing = access::missing(self.session, &rights).await?;
            access::refuse(self.session, &missing, "claimer").await?;
        }
        let mut inside = steps.split_off(2);
        if was_mine && dry_run != DryRun::None {
            observe::look(self.session, &mut inside).await?;
        }
        // Nothing can be tried in a namespace that a dry run did not make.
        if dry_run == DryRun::None || (dry_run == DryRun::Server && was_mine) {
            let made = inside.iter().map(|step| self.make(step));
            let made = futures::future::join_all(made).await;
            for (step, outcome) in inside.iter_mut().zip(made) {
                step.outcome = outcome.map_err(|error| self.unfinished(error, name))?;
            }
        }
        let unchanged = inside.iter().all(|step| step.outcome == Outcome::Unchanged);
        if was_mine && unchanged && !self.wanted.reuse {
            return Err(Error::conflict(format!(
                "{name} is already yours: {}",
                view.held(self.clock.now())
            ))
            .with_hint(format!(
                "continue with it:  kubectl ns-claim {name} --reuse"
            ))
            .with_hint(format!(
                "or extend it:      kubectl ns-claim extend {name} --by 4h"
            )));
        }
        for step in steps.iter().chain(&inside) {
            answer::told(self.ui, step.object(), step.outcome, dry_run);
        }
        Ok(Taken { view, was_mine })
    }

    fn unfinished(&self, error: Error, name: &str) -> Error {
        if self.wanted.dry_run != DryRun::None {
            return error;
        }
        error
            .with_detail(format!(
                "namespace/{name} is claimed, but not everything in it was created"
            ))
            .with_hint(format!("finish it:  kubectl ns-claim {name} --reuse"))
    }

    async fn make(&self, step: &Step) -> Result<Outcome> {
        self.interrupt.check()?;
        match &step.what {
            What::Entry | What::Namespace(_) => Ok(step.outcome),
            What::Limits(object) => self.inside(object.as_ref(), step.outcome).await,
            What::Quota(object) => self.inside(object.as_ref(), step.outcome).await,
            What::Network(object) => self.inside(object.as_ref(), step.outcome).await,
            What::Binding(object) => self.inside(object.as_ref(), step.outcome).await,
        }
    }

    /// Makes one object, unless it is there; what cannot be tried is `decided`.
    async fn inside<K>(&self, object: &K, decided: Outcome) -> Result<Outcome>
    where
        K: Object + kube::Resource<Scope = NamespaceResourceScope>,
    {
        let namespace = object.meta().namespace.clone().unwrap_or_default();
        let objects = self.session.in_(namespace).of::<K>();
        let api = objects.api();
        let made = self
            .patiently(|| async {
                let params = self.post_params();
                match api.create(&params, object).await {
                    // A claimer may not read it back yet; what is made twice is there once.
                    Err(error) if outcome_unknown(&error) => api.create(&params, object).await,
                    result => result,
                }
            })
            .await;
        match made {
            Ok(_) => Ok(Outcome::Created),
            Err(error) if is_conflict(&error) => Ok(Outcome::Unchanged),
            Err(error) if self.is_not_in_index(&error) => Ok(decided),
            Err(error) => {
                let name = object.meta().name.as_deref().unwrap_or_default();
                Err(refusal::told(&objects, "create", name, error))
            }
        }
    }

    /// Says whether the guard refused only because a dry run put nothing into the index.
    fn is_not_in_index(&self, error: &kube::Error) -> bool {
        self.wanted.dry_run == DryRun::Server
            && refusal::words(error).is_some_and(|words| words.contains(NOT_IN_INDEX))
    }

    /// Tries again while the guard has not yet seen the entry in the index.
    async fn patiently<T, F>(&self, write: impl Fn() -> F) -> kube::Result<T>
    where
        F: Future<Output = kube::Result<T>>,
    {
        let mut last = None;
        let lags = |error: &kube::Error| {
            self.wanted.dry_run != DryRun::Server
                && refusal::words(error).is_some_and(|words| words.contains(NOT_IN_INDEX))
        };
        // What was sent is never given up half-way, so Ctrl-C counts between two objects.
        let tried = retry_on_conflict("the index of claims", &Interrupt::never(), async || {
            let written = write().await;
            if written.as_ref().is_err_and(lags) {
                last = Some(written);
                return Ok(Attempt::Raced);
            }
            Ok(Attempt::Done(written))
        })
        .await;
        match (tried, last) {
            (Ok(written), _) | (Err(_), Some(written)) => written,
            // It gives up only after it lost, and then there is the refusal.
            (Err(_), None) => write().await,
        }
    }

    /// Waits until the server lets the caller work in it.
    ///
    /// # Errors
    ///
    /// Timed out; what the server says.
    pub async fn wait(&self, namespace: &str) -> Result<()> {
        let work = self.session.in_(namespace).of::<Pod>().right("create");
        let patience = Patience {
            limit: PATIENCE,
            first: LAG,
            longest: LAG,
        };
        let allowed = poll(patience, self.interrupt, async || {
            let allowed = access::is_allowed(self.session, &work).await?;
            Ok(allowed.then_some(()))
        });
        match allowed.await? {
            Some(()) => Ok(()),
            None => Err(Error::timed_out(format!(
                "the server does not let you work in {namespace} yet; it is yours"
            ))),
        }
    }

    fn writer(&self) -> Writer {
        Writer {
            field_manager: self.wanted.field_manager.clone(),
            dry_run: self.wanted.dry_run == DryRun::Server,
            force_conflicts: false,
        }
    }

    fn post_params(&self) -> PostParams {
        PostParams {
            dry_run: self.wanted.dry_run == DryRun::Server,
            field_manager: Some(self.wanted.field_manager.clone()),
        }
    }
}
