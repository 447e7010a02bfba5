//! One run from beginning to end: observe, plan, apply, render.

use std::time::Instant;

use groundcrew::app::Interrupt;
use groundcrew::client::access::{self, Access};
use groundcrew::client::{self, Product, Session};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, KubeArgs};
use groundcrew::ui::Ui;
use jiff::Timestamp;

use crate::apply::{Run, writer};
use crate::kubeconfig;
use crate::observe::{Observed, observe};
use crate::options::Options;
use crate::plan::{self, CredentialStep};
use crate::record::SYSTEM_NAMESPACE;
use crate::render::{self, Report};

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

/// Onboards.
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
    let (me, observed) = interrupt.guard(look(&session, options)).await?;
    // Kubernetes keeps times in whole seconds.
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
    let plan = plan::plan(options, &observed, now)?;
    if options.dry_run == DryRun::Client {
        ui.answer(render::plan(options, &plan)?)?;
        return Ok(Exit::Done);
    }
    let run = Run {
        session: &session,
        me: &me,
        options,
        observed: &observed,
        plan: &plan,
        ui,
        interrupt,
        writer: writer(options),
        tuning: kube.tuning(),
        now,
    };
    if options.dry_run == DryRun::Server {
        run.rehearse().await?;
        ui.answer(render::plan(options, &plan)?)?;
        return Ok(Exit::Done);
    }
    if matches!(plan.credential, CredentialStep::Issue { .. }) {
        warn_of_loopback(&observed, ui);
    }
    let outcome = run.carry_out().await?;
    let requests = session.requests() + outcome.requests_as_her;
    let report = Report::new(options, &plan, outcome, started.elapsed(), requests, now);
    ui.answer(report.render(&options.output)?)?;
    session.finish()?;
    Ok(report.exit())
}

/// Finds out who runs this, whether she may, and what is there; writes nothing.
async fn look(session: &Session, options: &Options) -> Result<(String, Observed)> {
    let me = access::who_am_i(session).await?.username;
    // Before the record is read only the stated or derived name is known; the rights are the same.
    let namespace = options
        .namespace
        .clone()
        .unwrap_or_else(|| options.user.slug());
    let required = plan::required(options, &namespace);
    let missing = access::missing(session, &required).await?;
    if !missing.is_empty() {
        return Err(refused(missing, &me, &namespace));
    }
    let observed = observe(session, options).await?;
    Ok((me, observed))
}

/// Names what is missing and what grants it.
fn refused(mut missing: Vec<Access>, me: &str, namespace: &str) -> Error {
    // Whoever onboards makes namespaces, and no role can be given in one that is not there yet.
    for access in &mut missing {
        access.namespace.take_if(|inside| inside == namespace);
    }
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
