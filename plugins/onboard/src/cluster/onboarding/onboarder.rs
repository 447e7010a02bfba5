//! One run from beginning to end: observe, plan, apply, render.

use std::time::{Duration, Instant};

use groundcrew::app::Interrupt;
use groundcrew::client::access::{self, Access};
use groundcrew::client::{self, Product, Session};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::kube::Tuning;
use groundcrew::flags::{DryRun, KubeArgs};
use groundcrew::ui::Ui;
use jiff::Timestamp;

use crate::apply::{Outcome, Run, writer};
use crate::extras;
use crate::kubeconfig;
use crate::observe::{Cache, Observed, observe};
use crate::options::{Mode, Options};
use crate::plan::{self, CredentialStep, Plan};
use crate::record::SYSTEM_NAMESPACE;
use crate::render::{self, Report};

/// How often a run that meets the last writes of another one begins anew.
const ATTEMPTS: u32 = 8;

/// How long it waits before the second time, and how much longer before each later one.
const PAUSE: Duration = Duration::from_millis(200);

/// Returns the name under which requests are sent.
#[must_use]
pub fn product() -> Product {
    Product {
        name: "kubectl-onboard",
        version: env!("CARGO_PKG_VERSION"),
    }
}

/// Returns who owns the fields that are written.
#[must_use]
pub fn field_manager(stated: Option<String>) -> String {
    stated.unwrap_or_else(|| product().name.to_owned())
}

/// Onboards, renews, joins or leaves, as the options say.
///
/// # Errors
///
/// Why nothing, or not everything, was done.
pub async fn run(
    options: &Options,
    kube: &KubeArgs,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Exit> {
    let started = Instant::now();
    let session = interrupt
        .guard(client::connect(kube, &product(), ui))
        .await?;
    let me = interrupt.guard(may(&session, &[options])).await?;
    let cache = Cache::default();
    let mut prepared = interrupt.guard(prepare(&session, options, &cache)).await?;
    let host = Host {
        session: &session,
        me: &me,
        tuning: kube.tuning(),
        ui,
        interrupt,
    };
    let ready = extras::check(&session, options, &prepared.plan);
    let ready = interrupt.guard(ready).await?;
    if let Some(line) = &options.asked {
        agree(options, &prepared.plan, line, ui)?;
    }
    if options.dry_run == DryRun::Client {
        ui.answer(render::plan(options, &prepared.plan)?)?;
        return Ok(Exit::Done);
    }
    if options.dry_run == DryRun::Server {
        host.run(options, &prepared).rehearse().await?;
        if options.has_extras() {
            ui.status("not checked: what is done as her, because a rehearsal gives her no file.");
        }
        ui.answer(render::plan(options, &prepared.plan)?)?;
        return Ok(Exit::Done);
    }
    if matches!(prepared.plan.credential, CredentialStep::Issue { .. }) {
        warn_of_loopback(&prepared.observed, ui);
    }
    let outcome = host.carry_out(options, &mut prepared).await?;
    let (plan, now) = (&prepared.plan, prepared.now);
    let extras = host.extras(options, plan, &outcome, ready.as_ref()).await;
    let requests = session.requests() + outcome.requests_as_her + extras.requests;
    let report = Report::new(options, plan, outcome, started.elapsed(), requests, now)
        .with(extras.setup, extras.smoke);
    ui.answer(report.render(&options.output)?)?;
    if let Mode::Renew { grace } = options.mode
        && !grace.is_zero()
    {
        let end = render::until(plan.retire_at, now);
        ui.status(format_args!("what she held before works until {end}."));
        ui.hint("then take its rights away:  kubectl onboard renew --due");
    }
    if let Some(error) = extras.error {
        return Err(error);
    }
    session.finish()?;
    Ok(report.exit())
}

/// Shows what would be done and the command that does it, and asks whether to go on.
fn agree(options: &Options, plan: &Plan, line: &str, ui: &Ui) -> Result<()> {
    if options.dry_run == DryRun::None {
        ui.status(render::preview(options, plan).trim_end());
    }
    ui.status(format_args!("The same without questions:\n  {line}"));
    if options.dry_run != DryRun::None || ui.confirm("Go on?")? {
        Ok(())
    } else {
        Err(Error::failed("nothing was done: the answer was no"))
    }
}

/// What the runs for several people have in common.
pub struct Host<'a> {
    /// The admin's session.
    pub session: &'a Session,
    /// The admin's name, in the server's words.
    pub me: &'a str,
    /// How requests are made.
    pub tuning: Tuning,
    /// Where text goes.
    pub ui: &'a Ui,
    /// Ctrl-C.
    pub interrupt: &'a Interrupt,
}

/// What was there, and what is to be done about it.
#[derive(Debug)]
pub struct Prepared {
    /// What was there.
    pub observed: Observed,
    /// What is to be done.
    pub plan: Plan,
    /// When it was looked at, in whole seconds as Kubernetes counts.
    pub now: Timestamp,
}

impl<'a> Host<'a> {
    /// Returns the run that carries a plan out.
    #[must_use]
    pub fn run(&'a self, options: &'a Options, prepared: &'a Prepared) -> Run<'a> {
        Run {
            session: self.session,
            me: self.me,
            options,
            observed: &prepared.observed,
            plan: &prepared.plan,
            ui: self.ui,
            interrupt: self.interrupt,
            writer: writer(options),
            tuning: self.tuning,
            now: prepared.now,
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
                .status("the other run was still writing: looking again.");
            let pause = PAUSE * attempt;
            self.interrupt
                .guard(async {
                    tokio::time::sleep(pause).await;
                    Ok(())
                })
                .await?;
            // What was looked at once for many people may have changed since.
            let cache = Cache::default();
            let looking = prepare(self.session, options, &cache);
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
pub async fn prepare(session: &Session, options: &Options, cache: &Cache) -> Result<Prepared> {
    let observed = observe(session, options, cache).await?;
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
    let plan = plan::plan(options, &observed, now)?;
    Ok(Prepared {
        observed,
        plan,
        now,
    })
}

/// Finds out who runs this and whether she may do all of it.
///
/// # Errors
///
/// Every right that is missing, and what grants it.
pub async fn may(session: &Session, crew: &[&Options]) -> Result<String> {
    let me = access::who_am_i(session).await?.username;
    let mut required = Vec::new();
    let mut namespaces = Vec::new();
    for options in crew {
        // Before the record is read only the stated or derived name is known; the rights are the
        // same.
        let stated = options.namespace.clone();
        let namespace = stated.unwrap_or_else(|| options.user.slug());
        required.extend(plan::required(options, &namespace));
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
    // Whoever onboards makes namespaces, and no role can be given in one that is not there yet.
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
            "before that, once:  kubectl create namespace {SYSTEM_NAMESPACE}"
        ))
    } else {
        error
    }
}

fn warn_of_loopback(observed: &Observed, ui: &Ui) {
    let server = &observed.endpoint.server;
    if kubeconfig::is_loopback(server) {
        ui.warning(format_args!(
            "{server} is this machine's own address: the kubeconfig works on this machine alone"
        ));
        ui.hint("name the address that others reach with --user-server");
    }
}
