//! `kubectl ns-claim release`: give a claim back.

use std::time::Duration;

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::client::access::Access;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::client::{Session, access};
use groundcrew::error::{Error, Kind, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::{self, Span};
use groundcrew::flags::{DryRun, Globals, KubeArgs, OutputArgs, WriteArgs};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::ui::Ui;
use groundcrew::write::{Writer, is_conflict};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;

use super::answer::document;
use crate::cluster::{claims, index, ledger, refusal, session, tombstones};
use crate::model::claim::Claim;
use crate::model::ledger::{Requests, Tombstone, seen};
use crate::model::meta;
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

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

/// Releases.
///
/// # Errors
///
/// That it is somebody else's, protected, or cannot be deleted.
pub async fn run(args: ReleaseArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let session = session::connect(&args.kube, ui).await?;
    let look = async {
        let me = access::who_am_i(&session).await?.username;
        let (index, clock) = index::read(&session).await?;
        let claim = found(&session, args.name.as_deref(), &me).await?;
        Ok((me, index, clock, claim))
    };
    let (me, index, clock, claim) = interrupt.guard(look).await?;
    let Some(claim) = claim else {
        let name = args.name.as_deref().unwrap_or_default();
        if index.holders.get(name) == Some(&me) {
            index::free(&session, name, &me).await?;
            ui.status(format_args!("{name} was gone already; its place is free."));
            return Ok(Exit::Done);
        }
        return Err(Error::failed(format!("there is no namespace {name}"))
            .with_hint("see what is yours:  kubectl ns-claim list --mine"));
    };
    check(&claim, &me, &args.write, ui)?;
    let dry_run = args.write.dry_run;
    if dry_run != DryRun::Client && claim.terminating.is_none() {
        delete(&session, claim.clone(), &args.write).await?;
    }
    if dry_run == DryRun::None {
        let owner = claim.owner.as_deref().unwrap_or_default();
        if let Err(error) = index::free(&session, &claim.name, owner).await {
            // The reaper frees it as well; the namespace is what was asked about.
            ui.warning(format_args!(
                "the place of {} is not free yet: {error}",
                claim.name
            ));
        }
        if let Err(error) = bury(&session, &claim, &me, clock.now()).await {
            ui.warning(format_args!(
                "{} is released, and not on record: {error}",
                claim.name
            ));
        }
        if args.wait {
            interrupt
                .guard(wait(&session, &claim, args.timeout.0))
                .await?;
        }
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

/// Leaves a tombstone, where the caller may: admins and CI. Claimers may write nothing into the
/// namespace of records but their entry, so the reaper buries what it saw of theirs.
async fn bury(session: &Session, claim: &Claim, me: &str, now: Timestamp) -> Result<()> {
    let write = Access::new("create", "configmaps").within(SYSTEM_NAMESPACE);
    if !access::is_allowed(session, &write).await? {
        return Ok(());
    }
    let (ledger, _) = ledger::read(session).await?;
    let known = ledger.claims.get(&claim.uid);
    let entry = seen(known, claim, Requests::default(), now);
    let tombstone = Tombstone::new(&claim.uid, entry, now, &format!("released by {me}"));
    let map = tombstones::map(&tombstone)?;
    let api = Api::<ConfigMap>::namespaced(session.client.clone(), SYSTEM_NAMESPACE);
    let writer = Writer {
        field_manager: meta::FIELD_MANAGER.to_owned(),
        dry_run: false,
        force_conflicts: false,
    };
    match writer.create(&api, &map, |_| true).await {
        Ok(_) => Ok(()),
        // Whoever was there first knows at least as much.
        Err(error) if is_conflict(&error) => Ok(()),
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
