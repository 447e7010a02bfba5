//! Who onboards: the session, the rights, what is found and decided, and the run that carries it
//! out.

use std::time::Duration;

use groundcrew::app::Interrupt;
use groundcrew::client::access::Access;
use groundcrew::client::{Session, access, clock};
use groundcrew::error::{Error, Result};
use groundcrew::flags::kube::Tuning;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::ui::Ui;

use crate::cluster::endpoint::Cache;
use crate::cluster::onboarding::observe::observe;
use crate::cluster::onboarding::run::{Run, writer};
use crate::model::onboarding::delivery::Delivery;
use crate::model::onboarding::options::Options;
use crate::model::onboarding::outcome::Outcome;
use crate::model::onboarding::prepared::Prepared;
use crate::model::onboarding::{decide, rights, steps};

/// How often a run that meets the last writes of another one begins again: a whole run, not one
/// write, so that its pauses grow much longer than those of `retry_on_conflict`.
const ATTEMPTS: u32 = 8;

/// How long it waits before the second time, and how much longer before each later one.
const PAUSE: Duration = Duration::from_millis(200);

/// What the runs for several people have in common.
pub struct Onboarder<'a> {
    /// The admin's session.
    pub session: &'a Session,
    /// The admin's name, in the server's words.
    pub me: &'a str,
    /// How requests are made.
    pub tuning: Tuning,
    /// Where credentials go.
    pub delivery: &'a dyn Delivery,
    /// Where text goes.
    pub ui: &'a Ui,
    /// Ctrl-C.
    pub interrupt: &'a Interrupt,
}

impl<'a> Onboarder<'a> {
    /// Returns the run that carries a plan out.
    #[must_use]
    pub fn run(&'a self, options: &'a Options, prepared: &'a Prepared) -> Run<'a> {
        Run {
            session: self.session,
            me: self.me,
            options,
            observed: &prepared.observed,
            plan: &prepared.plan,
            steps: &prepared.steps,
            delivery: self.delivery,
            ui: self.ui,
            interrupt: self.interrupt,
            writer: writer(options),
            tuning: self.tuning,
            now: prepared.now,
            clock: prepared.clock,
        }
    }

    /// Carries a plan out. Where the last writes of a run that was taken over are in the way, it
    /// looks and decides again: of two runs that meet, one has to reach its end.
    ///
    /// # Errors
    ///
    /// Why it could not be done; what could not be taken back is named in the details.
    pub async fn carry_out(&self, options: &Options, prepared: &mut Prepared) -> Result<Outcome> {
        let mut attempt = 1;
        loop {
            let failed = match self.run(options, prepared).carry_out().await {
                Ok(outcome) => return Ok(outcome),
                Err(failed) => failed,
            };
            if !failed.again || attempt == ATTEMPTS {
                return Err(failed.error);
            }
            self.ui
                .status("the other run was still writing; checking again.");
            let pause = PAUSE * attempt;
            self.interrupt
                .guard(async {
                    tokio::time::sleep(pause).await;
                    Ok(())
                })
                .await?;
            // What was looked at once for many people may have changed since.
            let cache = Cache::default();
            let looking = prepare(self.session, options, self.delivery, &cache);
            *prepared = self.interrupt.guard(looking).await?;
            attempt += 1;
        }
    }
}

/// Looks at what is there and decides; writes nothing.
///
/// # Errors
///
/// What the server says; why it cannot be done.
pub async fn prepare(
    session: &Session,
    options: &Options,
    delivery: &dyn Delivery,
    cache: &Cache,
) -> Result<Prepared> {
    let clock = *cache.clock.get_or_try_init(|| clock::read(session)).await?;
    let observed = observe(session, options, delivery, cache).await?;
    let now = clock.now();
    let plan = decide::plan(options, &observed, now)?;
    let steps = steps::steps(options, &plan, &observed, now);
    Ok(Prepared {
        observed,
        plan,
        steps,
        now,
        clock,
    })
}

/// Finds out who runs this and whether the user may do all of it.
///
/// # Errors
///
/// Every right that is missing, and what grants it.
pub async fn may(session: &Session, crew: &[&Options]) -> Result<String> {
    let me = access::who_am_i(session).await?.username;
    let mut required = Vec::new();
    let mut namespaces = Vec::new();
    for options in crew {
        // Before the record is read only the given or derived name is known; the rights are the
        // same.
        let stated = options.own().and_then(|own| own.namespace.clone());
        let namespace = stated.unwrap_or_else(|| options.user.slug());
        required.extend(rights::required(options, &namespace));
        namespaces.push(namespace);
    }
    let missing = access::missing(session, &required).await?;
    if missing.is_empty() {
        return Ok(me);
    }
    Err(refused(missing, &me, &namespaces))
}

/// Names what is missing and what grants it.
fn refused(mut missing: Vec<Access>, me: &str, namespaces: &[String]) -> Error {
    // Anybody who onboards makes namespaces, and no role can be given in one that is not there yet.
    for access in &mut missing {
        access
            .namespace
            .take_if(|inside| namespaces.contains(inside));
    }
    missing.sort();
    missing.dedup();
    let system = missing.iter().any(|access| access.namespace.is_some());
    let error = access::refused(&missing, me, "groundcrew-onboarder");
    if system {
        error.with_hint(format!(
            "first, once per cluster:  kubectl create namespace {SYSTEM_NAMESPACE}"
        ))
    } else {
        error
    }
}
