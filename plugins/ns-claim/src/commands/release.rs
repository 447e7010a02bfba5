//! `kubectl ns-claim release`: give a claim back.

use std::time::Duration;

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::client::access::Access;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::client::{Session, access};
use groundcrew::error::{Error, Kind, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::{self, Span};
use groundcrew::flags::{DryRun, OutputArgs, WriteArgs};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::ui::Ui;
use groundcrew::write::{Writer, is_conflict};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;

use super::answer::{self, document};
use crate::cluster::{claims, index, ledger, refusal, tombstones};
use crate::model::claim::Claim;
use crate::model::index::Index;
use crate::model::ledger::{Requests, Tombstone, seen};
use crate::model::meta;
use crate::model::steps::Outcome;
use crate::model::view::View;

const TRIES: usize = 20;

/// Give a claim back before its end
///
/// Deletes the namespace with everything in it, if it is still the one that was read. Somebody
/// else's needs a yes. Without NAME, the current namespace, if it is yours.
#[derive(Args, Debug)]
pub struct ReleaseArgs {
    /// Which claim [default: the current namespace, if it is yours]
    #[arg(value_name = "NAME", add = claims::names())]
    name: Option<String>,

    /// Wait until it is gone
    #[arg(long)]
    wait: bool,

    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration::positive)]
    timeout: Span,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// One thing that a release changes.
struct Step {
    what: What,
    outcome: Outcome,
}

enum What {
    /// The namespace with everything in it.
    Namespace,
    /// The owner's place in the index.
    Entry,
    /// What is left of the claim on record.
    Tombstone(Box<ConfigMap>),
}

/// Releases.
///
/// # Errors
///
/// That it is somebody else's, protected, or cannot be deleted.
pub async fn run(args: ReleaseArgs, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let session = frame.connect().await?;
    let look = async {
        let me = access::who_am_i(&session).await?.username;
        let (index, clock) = index::read(&session).await?;
        let claim = found(&session, args.name.as_deref(), &me).await?;
        Ok((me, index, clock, claim))
    };
    let (me, index, clock, claim) = interrupt.guard(look).await?;
    let dry_run = args.write.dry_run;
    let Some(claim) = claim else {
        return free_the_gone(&session, &args, &index, &me, ui).await;
    };
    check(&claim, &me, &args.write, ui)?;
    let tombstone = interrupt
        .guard(async { Ok(tombstone(&session, &claim, &me, clock.now()).await) })
        .await?;
    let unrecorded = |error: &Error| {
        ui.warning(format_args!(
            "{} was released, but the release could not be recorded: {error}",
            claim.name
        ));
    };
    let (tombstone, lost) = match tombstone {
        Ok(tombstone) => (tombstone, None),
        Err(error) => (None, Some(error)),
    };
    for step in steps(&claim, &index, tombstone) {
        let outcome = match &step.what {
            _ if dry_run == DryRun::Client || step.outcome == Outcome::Unchanged => step.outcome,
            What::Namespace => {
                delete(&session, claim.clone(), &args.write).await?;
                step.outcome
            }
            // The guard frees no place as long as the namespace is there.
            What::Entry if dry_run == DryRun::Server => step.outcome,
            What::Entry => {
                let owner = claim.owner.as_deref().unwrap_or_default();
                if let Err(error) = index::free(&session, &claim.name, owner).await {
                    // The reaper frees it as well; the namespace is what was asked about.
                    ui.warning(format_args!(
                        "the name {} could not be freed yet: {error}",
                        claim.name
                    ));
                    continue;
                }
                step.outcome
            }
            What::Tombstone(map) => match bury(&session, map, dry_run).await {
                Ok(outcome) => outcome,
                Err(error) => {
                    unrecorded(&error);
                    continue;
                }
            },
        };
        answer::told(ui, step.object(&claim.name), outcome, dry_run);
    }
    if let Some(error) = lost {
        unrecorded(&error);
    }
    if args.wait && dry_run == DryRun::None {
        interrupt
            .guard(wait(&session, &claim, args.timeout.0))
            .await?;
    }
    let view = View::of(&claim, &index.settings, clock.now());
    let text = match document(&view, &args.output)? {
        Some(text) => text,
        None => format!("namespace/{} released{}\n", claim.name, dry_run.suffix()),
    };
    ui.answer(text)?;
    session.finish()?;
    Ok(Exit::Done)
}

impl Step {
    fn object(&self, name: &str) -> String {
        match &self.what {
            What::Namespace => format!("namespace/{name}"),
            What::Entry => format!("configmap/{SYSTEM_NAMESPACE}/{}", meta::INDEX),
            What::Tombstone(map) => {
                let name = map.metadata.name.as_deref().unwrap_or_default();
                format!("configmap/{SYSTEM_NAMESPACE}/{name}")
            }
        }
    }
}

/// Decides what is to be done. Pure.
fn steps(claim: &Claim, index: &Index, tombstone: Option<(ConfigMap, bool)>) -> Vec<Step> {
    let only_if = |is_so: bool, outcome| if is_so { outcome } else { Outcome::Unchanged };
    let held = claim.owner.is_some() && index.holders.get(&claim.name) == claim.owner.as_ref();
    let mut steps = vec![
        Step {
            what: What::Namespace,
            outcome: only_if(claim.terminating.is_none(), Outcome::Deleted),
        },
        Step {
            what: What::Entry,
            outcome: only_if(held, Outcome::Configured),
        },
    ];
    steps.extend(tombstone.map(|(map, exists)| Step {
        what: What::Tombstone(Box::new(map)),
        outcome: only_if(!exists, Outcome::Created),
    }));
    steps
}

/// Frees the place of a claim of the caller's whose namespace is gone.
async fn free_the_gone(
    session: &Session,
    args: &ReleaseArgs,
    index: &Index,
    me: &str,
    ui: &Ui,
) -> Result<Exit> {
    let name = args.name.as_deref().unwrap_or_default();
    if index.holders.get(name).map(String::as_str) != Some(me) {
        return Err(Error::failed(format!("there is no namespace {name}"))
            .with_hint("see what is yours:  kubectl ns-claim list --mine"));
    }
    let step = Step {
        what: What::Entry,
        outcome: Outcome::Configured,
    };
    let dry_run = args.write.dry_run;
    if dry_run == DryRun::None {
        index::free(session, name, me).await?;
    }
    answer::told(ui, step.object(name), step.outcome, dry_run);
    ui.status(format_args!(
        "namespace {name} was already gone; its name is free again."
    ));
    Ok(Exit::Done)
}

/// Reads the claim; `None` when the named namespace is not there.
async fn found(session: &Session, name: Option<&str>, me: &str) -> Result<Option<Claim>> {
    let Some(name) = name else {
        return claims::read_or_current(session, None, me).await.map(Some);
    };
    let api = Api::<Namespace>::all(session.client.clone());
    let doing = Doing::new("get", "namespaces").named(name);
    let namespace = api
        .get_opt(name)
        .await
        .map_err(|error| explain(error, &doing))?;
    match namespace {
        None => Ok(None),
        Some(namespace) => Claim::of(&namespace).map(Some).ok_or_else(|| {
            Error::failed(format!(
                "namespace {name} is no claim, so there is nothing to release"
            ))
        }),
    }
}

fn check(claim: &Claim, me: &str, write: &WriteArgs, ui: &Ui) -> Result<()> {
    let name = &claim.name;
    if meta::is_reserved(name) {
        return Err(Error::failed(format!("{name} belongs to the cluster")));
    }
    if let Some(by) = &claim.protected_by {
        return Err(
            Error::failed(format!("{name} is protected by {by}")).with_hint(format!(
                "an admin ends that:  kubectl ns-claim protect {name} --off"
            )),
        );
    }
    let owner = claim.owner.as_deref().unwrap_or("nobody");
    if owner == me || write.yes || write.dry_run != DryRun::None {
        return Ok(());
    }
    let question = format!("{name} is {owner}'s. Delete it and everything in it?");
    if ui
        .confirm(&question)
        .map_err(|error| error.with_detail(format!("{name} is {owner}'s, not yours ({me})")))?
    {
        Ok(())
    } else {
        Err(Error::new(Kind::Interrupted, "nothing was done"))
    }
}

/// Deletes exactly the namespace that was read; what changed in between is looked at again.
async fn delete(session: &Session, mut claim: Claim, write: &WriteArgs) -> Result<()> {
    let api = Api::<Namespace>::all(session.client.clone());
    let writer = Writer {
        field_manager: meta::FIELD_MANAGER.to_owned(),
        dry_run: write.dry_run == DryRun::Server,
        force_conflicts: false,
    };
    for _ in 0..TRIES {
        let read = ObjectMeta {
            name: Some(claim.name.clone()),
            uid: Some(claim.uid.clone()),
            resource_version: Some(claim.resource_version.clone()),
            ..ObjectMeta::default()
        };
        let doing = Doing::new("delete", "namespaces").named(&claim.name);
        match writer.delete(&api, &read).await {
            Ok(_) => return Ok(()),
            Err(error) if is_conflict(&error) => {}
            Err(error) => return Err(refusal::told(error, &doing)),
        }
        let found = api
            .get_opt(&claim.name)
            .await
            .map_err(|error| explain(error, &doing))?;
        let Some(now) = found.as_ref().and_then(Claim::of) else {
            return Ok(());
        };
        if now.uid != claim.uid || now.terminating.is_some() {
            return Ok(());
        }
        if now.owner != claim.owner || now.protected_by != claim.protected_by {
            return Err(
                Error::conflict(format!("{} was changed in between", claim.name)).with_hint(
                    format!("look at it first:  kubectl ns-claim get {}", claim.name),
                ),
            );
        }
        claim = now;
    }
    Err(Error::conflict(format!(
        "{} keeps being changed by others; gave up",
        claim.name
    )))
}

/// Returns the tombstone, and whether it is there already, where the caller may write one: admins
/// and CI. Claimers may write nothing into the namespace of records but their entry, so the reaper
/// buries what it saw of theirs.
async fn tombstone(
    session: &Session,
    claim: &Claim,
    me: &str,
    now: Timestamp,
) -> Result<Option<(ConfigMap, bool)>> {
    let write = Access::new("create", "configmaps").within(SYSTEM_NAMESPACE);
    if !access::is_allowed(session, &write).await? {
        return Ok(None);
    }
    let (ledger, _) = ledger::read(session).await?;
    let known = ledger.claims.get(&claim.uid);
    let entry = seen(known, claim, Requests::default(), now);
    let tombstone = Tombstone::new(&claim.uid, entry, now, &format!("released by {me}"));
    let map = tombstones::map(&tombstone)?;
    let name = map.metadata.name.as_deref().unwrap_or_default();
    let doing = Doing::new("get", "configmaps").named(name);
    let exists = Api::<ConfigMap>::namespaced(session.client.clone(), SYSTEM_NAMESPACE)
        .get_metadata_opt(name)
        .await
        .map_err(|error| explain(error, &doing.within(SYSTEM_NAMESPACE)))?
        .is_some();
    Ok(Some((map, exists)))
}

/// Leaves the tombstone; one that is there already says at least as much.
async fn bury(session: &Session, map: &ConfigMap, dry_run: DryRun) -> Result<Outcome> {
    let api = Api::<ConfigMap>::namespaced(session.client.clone(), SYSTEM_NAMESPACE);
    let writer = Writer {
        field_manager: meta::FIELD_MANAGER.to_owned(),
        dry_run: dry_run == DryRun::Server,
        force_conflicts: false,
    };
    match writer.create(&api, map, |_| true).await {
        Ok(_) => Ok(Outcome::Created),
        Err(error) if is_conflict(&error) => Ok(Outcome::Unchanged),
        Err(error) => Err(explain(
            error,
            &Doing::new("create", "configmaps").within(SYSTEM_NAMESPACE),
        )),
    }
}

/// Waits until it is gone, and says what keeps it when it does not go.
async fn wait(session: &Session, claim: &Claim, patience: Duration) -> Result<()> {
    let api = Api::<Namespace>::all(session.client.clone());
    let deadline = tokio::time::Instant::now() + patience;
    let mut keeps = Vec::new();
    loop {
        let doing = Doing::new("get", "namespaces").named(&claim.name);
        let found = api
            .get_opt(&claim.name)
            .await
            .map_err(|error| explain(error, &doing))?;
        let Some(found) = found.filter(|found| found.metadata.uid.as_ref() == Some(&claim.uid))
        else {
            return Ok(());
        };
        if let Some(claim) = Claim::of(&found) {
            keeps = claim.terminating.unwrap_or_default();
        }
        if tokio::time::Instant::now() >= deadline {
            let error =
                Error::timed_out(format!("namespace/{} is released and not gone", claim.name));
            return Err(keeps.into_iter().fold(error, Error::with_detail));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
