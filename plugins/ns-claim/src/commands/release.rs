//! `kubectl ns-claim release`: give a claim back.

use std::time::Duration;

use clap::Args;
use groundcrew::app::{Frame, Interrupt};
use groundcrew::client::{Session, access};
use groundcrew::cluster::{Attempt, Patience, poll, retry_on_conflict};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::{self, Span};
use groundcrew::flags::{DryRun, OutputArgs, WriteArgs};
use groundcrew::write::is_conflict;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};

use super::answer::{self, document};
use crate::cluster::records::{records, writer};
use crate::cluster::{claims, index, ledger, refusal, tombstones};
use crate::model::claim::Claim;
use crate::model::index::Index;
use crate::model::ledger::{Requests, Tombstone, seen};
use crate::model::meta;
use crate::model::objects::record;
use crate::model::steps::Outcome;
use crate::model::view::View;

/// Release a claim before it expires
///
/// Deletes the namespace and everything in it, if it is still the one that was read. Releasing
/// another user's claim requires confirmation. Without NAME, the current namespace is used if it
/// is your claim.
#[derive(Args, Debug)]
pub struct ReleaseArgs {
    /// Name of the claim [default: the current namespace, if it is yours]
    #[arg(value_name = "NAME", add = claims::names())]
    name: Option<String>,

    /// Wait until the namespace is gone
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
/// That it is someone else's, protected, or cannot be deleted.
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
        return free_the_gone(&session, frame, &args, &index, &me).await;
    };
    check(&claim, &me, &args.write, frame)?;
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
                delete(&session, interrupt, claim.clone(), &args.write).await?;
                step.outcome
            }
            // The guard frees no place as long as the namespace is there.
            What::Entry if dry_run == DryRun::Server => step.outcome,
            What::Entry => {
                let owner = claim.owner.as_deref().unwrap_or_default();
                if let Err(error) =
                    index::free(&session, interrupt, &claim.name, owner, false).await
                {
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
        wait(&session, interrupt, &claim, args.timeout.0).await?;
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
            What::Entry => record(meta::INDEX),
            What::Tombstone(map) => {
                let name = map.metadata.name.as_deref().unwrap_or_default();
                record(name)
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
    frame: &Frame,
    args: &ReleaseArgs,
    index: &Index,
    me: &str,
) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let name = args.name.as_deref().unwrap_or_default();
    if index.holders.get(name).map(String::as_str) != Some(me) {
        return Err(Error::failed(format!("there is no namespace {name}"))
            .with_hint("list your claims:  kubectl ns-claim list --mine"));
    }
    let step = Step {
        what: What::Entry,
        outcome: Outcome::Configured,
    };
    let dry_run = args.write.dry_run;
    if dry_run == DryRun::None {
        index::free(session, interrupt, name, me, false).await?;
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
    match session.of::<Namespace>().find(name).await? {
        None => Ok(None),
        Some(namespace) => Claim::of(&namespace).map(Some).ok_or_else(|| {
            Error::failed(format!(
                "namespace {name} is not a claim, so there is nothing to release"
            ))
        }),
    }
}

fn check(claim: &Claim, me: &str, write: &WriteArgs, frame: &Frame) -> Result<()> {
    let name = &claim.name;
    if meta::is_reserved(name) {
        return Err(Error::failed(format!("{name} is a system namespace")));
    }
    if let Some(by) = &claim.protected_by {
        return Err(
            Error::failed(format!("{name} is protected by {by}")).with_hint(format!(
                "an admin can remove the protection:  kubectl ns-claim protect {name} --off"
            )),
        );
    }
    let owner = claim.owner.as_deref().unwrap_or("nobody");
    if owner == me || write.dry_run != DryRun::None {
        return Ok(());
    }
    let question = format!("{name} is {owner}'s. Delete it and everything in it?");
    frame
        .confirm(&question, write.yes)
        .map_err(|error| error.with_detail(format!("{name} is {owner}'s, not yours ({me})")))
}

/// Deletes exactly the namespace that was read; what changed in the meantime is looked at again.
async fn delete(
    session: &Session,
    interrupt: &Interrupt,
    mut claim: Claim,
    write: &WriteArgs,
) -> Result<()> {
    let namespaces = session.of::<Namespace>();
    let writer = writer(write.dry_run);
    let name = claim.name.clone();
    retry_on_conflict(format!("namespace/{name}"), interrupt, async || {
        match writer.delete(namespaces.api(), &claim.read()).await {
            Ok(_) => return Ok(Attempt::Done(())),
            Err(error) if is_conflict(&error) => {}
            Err(error) => return Err(refusal::told(&namespaces, "delete", &name, error)),
        }
        let found = namespaces.find(&name).await?;
        let Some(now) = found.as_ref().and_then(Claim::of) else {
            return Ok(Attempt::Done(()));
        };
        if now.uid != claim.uid || now.terminating.is_some() {
            return Ok(Attempt::Done(()));
        }
        if now.owner != claim.owner || now.protected_by != claim.protected_by {
            return Err(
                Error::conflict(format!("{name} was changed in the meantime")).with_hint(format!(
                    "review the change first:  kubectl ns-claim get {name}"
                )),
            );
        }
        claim = now;
        Ok(Attempt::Raced)
    })
    .await
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
    let write = records(session).right("create");
    if !access::is_allowed(session, &write).await? {
        return Ok(None);
    }
    let (ledger, _) = ledger::read(session).await?;
    let known = ledger.claims.get(&claim.uid);
    let entry = seen(known, claim, Requests::default(), now);
    let tombstone = Tombstone::new(&claim.uid, entry, now, &format!("released by {me}"));
    let map = tombstones::map(&tombstone)?;
    let name = map.metadata.name.as_deref().unwrap_or_default();
    let maps = records(session);
    let found = maps.api().get_metadata_opt(name).await;
    let exists = found
        .map_err(|error| maps.explain("get", name, error))?
        .is_some();
    Ok(Some((map, exists)))
}

/// Leaves the tombstone; one that is there already says at least as much.
async fn bury(session: &Session, map: &ConfigMap, dry_run: DryRun) -> Result<Outcome> {
    match records(session)
        .create(&writer(dry_run), map, |_| true)
        .await
    {
        Ok(_) => Ok(Outcome::Created),
        Err(error) if error.is_conflict() => Ok(Outcome::Unchanged),
        Err(error) => Err(error),
    }
}

/// Waits until it is gone, and says what keeps it when it does not go.
async fn wait(
    session: &Session,
    interrupt: &Interrupt,
    claim: &Claim,
    patience: Duration,
) -> Result<()> {
    let namespaces = session.of::<Namespace>();
    let mut keeps = Vec::new();
    let gone = poll(Patience::of(patience), interrupt, async || {
        let found = namespaces.find(&claim.name).await?;
        let Some(found) = found.filter(|found| found.metadata.uid.as_ref() == Some(&claim.uid))
        else {
            return Ok(Some(()));
        };
        if let Some(claim) = Claim::of(&found) {
            keeps = claim.terminating.unwrap_or_default();
        }
        Ok(None)
    });
    if gone.await?.is_some() {
        return Ok(());
    }
    let error = Error::timed_out(format!(
        "namespace/{} was released but still exists",
        claim.name
    ));
    Err(keeps.into_iter().fold(error, Error::with_detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::claim::tests::claim;

    fn outcomes(claim: &Claim, index: &Index) -> Vec<Outcome> {
        let steps = steps(claim, index, Some((ConfigMap::default(), false)));
        steps.iter().map(|step| step.outcome).collect()
    }

    #[test]
    fn a_release_deletes_frees_and_records_and_only_what_is_left_of_that_the_second_time() {
        let held = Index {
            holders: [("ana-brisk-otter".to_owned(), "ana".to_owned())].into(),
            ..Index::default()
        };
        assert_eq!(
            outcomes(&claim(), &held),
            [Outcome::Deleted, Outcome::Configured, Outcome::Created]
        );
        let going = Claim {
            terminating: Some(Vec::new()),
            ..claim()
        };
        assert_eq!(
            outcomes(&going, &Index::default()),
            [Outcome::Unchanged, Outcome::Unchanged, Outcome::Created]
        );
    }
}
