//! `kubectl ns-claim release`: give a claim back.

mod observe;

use std::time::Duration;

use clap::Args;
use groundcrew::app::{Frame, Interrupt};
use groundcrew::client::Session;
use groundcrew::client::access::{self, Access};
use groundcrew::client::clock::Clock;
use groundcrew::cluster::{Patience, poll};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::{self, Span};
use groundcrew::flags::{DryRun, OutputArgs, WriteArgs};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};

use super::answer::{self, document};
use crate::cluster::ending::{self, Deleted};
use crate::cluster::records::{records, writer};
use crate::cluster::{claims, index, ledger, tombstones};
use crate::model::claim::Claim;
use crate::model::index::Index;
use crate::model::ledger::{Requests, Tombstone, seen as entry_of};
use crate::model::meta;
use crate::model::objects::record;
use crate::model::steps::Outcome;
use crate::model::view::View;

/// Release a claim before it expires
///
/// Deletes the namespace and everything in it, if it is still the one that was read, and names what
/// outlives it. Releasing a claim that holds workloads, or another user's claim, requires
/// confirmation. Without NAME, the current namespace is used if it is your claim.
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
    /// What is left of the claim on record.
    Tombstone(Box<ConfigMap>),
    /// The owner's place in the index, once the namespace is gone. Claimers may not remove it: the
    /// reaper does.
    Entry,
}

/// Everything that was looked at.
struct Seen {
    me: String,
    /// May write records, as admins and CI do.
    records: bool,
    index: Index,
    now: Timestamp,
    claim: Claim,
    /// What runs in it.
    workloads: Vec<String>,
    /// What stays when it is deleted.
    outlived_by: Vec<String>,
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
        let write = records(&session).right("create");
        let records = access::is_allowed(&session, &write).await?;
        let Some(claim) = claim else {
            return Ok((me, records, index, None));
        };
        let workloads = observe::workloads(&session, &claim.name).await?;
        let outlived_by = observe::outlived_by(&session, &claim.name).await?;
        let seen = Seen {
            me: me.clone(),
            records,
            index: index.clone(),
            now: clock.now(),
            claim,
            workloads,
            outlived_by,
        };
        Ok((me, records, index, Some(seen)))
    };
    let (me, records, index, seen) = interrupt.guard(look).await?;
    let dry_run = args.write.dry_run;
    let Some(seen) = seen else {
        return free_the_gone(&session, frame, &args, &index, &me, records).await;
    };
    let claim = &seen.claim;
    check(&seen, &args.write, frame)?;
    let tombstone = interrupt
        .guard(async { Ok(tombstone(&session, &seen).await) })
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
    let steps = steps(&seen, tombstone, args.wait);
    let rights: Vec<Access> = steps
        .iter()
        .filter_map(|step| step.right(&session, &claim.name))
        .collect();
    let missing = interrupt.guard(access::missing(&session, &rights)).await?;
    access::refuse(&session, &missing, "claim-releaser").await?;
    for step in &steps {
        let outcome = match &step.what {
            _ if dry_run == DryRun::Client || step.outcome == Outcome::Unchanged => step.outcome,
            What::Namespace => {
                delete(&session, interrupt, claim.clone(), &args.write).await?;
                step.outcome
            }
            // As long as the namespace is there, its place is taken.
            What::Entry if dry_run == DryRun::Server => step.outcome,
            What::Entry => {
                wait(&session, interrupt, claim, args.timeout.0).await?;
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
        wait(&session, interrupt, claim, args.timeout.0).await?;
    }
    if !seen.outlived_by.is_empty() {
        ui.warning(format_args!("outlived by {}", seen.outlived_by.join(", ")));
    }
    if !steps.iter().any(|step| matches!(step.what, What::Entry)) && claim.owner.is_some() {
        ui.status(format_args!(
            "its place is taken until the namespace is gone and the reaper was there."
        ));
    }
    let view = View::of(claim, &seen.index.settings, seen.now);
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

impl Step {
    /// Returns the right that the step takes; none when nothing is to be done.
    fn right(&self, session: &Session, name: &str) -> Option<Access> {
        if self.outcome == Outcome::Unchanged {
            return None;
        }
        match &self.what {
            What::Namespace => Some(claims::right_to(session, "delete", name)),
            What::Entry => Some(records(session).right("patch").named(meta::INDEX)),
            // Who lacks it is told so after the release, which it does not hold up.
            What::Tombstone(_) => None,
        }
    }
}

/// Decides what is to be done. Pure.
fn steps(seen: &Seen, tombstone: Option<(ConfigMap, bool)>, wait: bool) -> Vec<Step> {
    let only_if = |is_so: bool, outcome| if is_so { outcome } else { Outcome::Unchanged };
    let claim = &seen.claim;
    let held = claim.owner.is_some() && seen.index.holder(&claim.name) == claim.owner.as_deref();
    let mut steps = vec![Step {
        what: What::Namespace,
        outcome: only_if(claim.terminating.is_none(), Outcome::Deleted),
    }];
    steps.extend(tombstone.map(|(map, exists)| Step {
        what: What::Tombstone(Box::new(map)),
        outcome: only_if(!exists, Outcome::Created),
    }));
    if seen.records && wait {
        steps.push(Step {
            what: What::Entry,
            outcome: only_if(held, Outcome::Configured),
        });
    }
    steps
}

/// Frees the place of a claim of the caller's whose namespace is gone.
async fn free_the_gone(
    session: &Session,
    frame: &Frame,
    args: &ReleaseArgs,
    index: &Index,
    me: &str,
    records: bool,
) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let name = args.name.as_deref().unwrap_or_default();
    if index.holder(name) != Some(me) {
        return Err(Error::failed(format!("there is no namespace {name}"))
            .with_hint("list your claims:  kubectl ns-claim list --mine"));
    }
    if !records {
        ui.status(format_args!(
            "namespace {name} is gone; the reaper frees its place at its next run. Until then you can \
             claim it again:  kubectl ns-claim {name}"
        ));
        return Ok(Exit::Done);
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

fn check(seen: &Seen, write: &WriteArgs, frame: &Frame) -> Result<()> {
    let (claim, me) = (&seen.claim, &seen.me);
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
    if write.dry_run != DryRun::None || claim.terminating.is_some() && owner == me {
        return Ok(());
    }
    if owner != me {
        let question = format!("{name} is {owner}'s. Delete it and everything in it?");
        return frame
            .confirm(&question, write.yes)
            .map_err(|error| error.with_detail(format!("{name} is {owner}'s, not yours ({me})")));
    }
    if seen.workloads.is_empty() {
        return Ok(());
    }
    let (shown, more) = seen.workloads.split_at(seen.workloads.len().min(5));
    let more = match more.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let what = format!("{name} holds {}{more}", shown.join(", "));
    let question = format!("{what}. Delete all of it?");
    frame
        .confirm(&question, write.yes)
        .map_err(|error| error.with_detail(what))
}

/// Deletes exactly the namespace that was read; what changed in the meantime is looked at again.
async fn delete(
    session: &Session,
    interrupt: &Interrupt,
    claim: Claim,
    write: &WriteArgs,
) -> Result<()> {
    let (owner, protected_by) = (claim.owner.clone(), claim.protected_by.clone());
    let name = claim.name.clone();
    let still = |now: &Claim, _: &Clock| {
        if now.owner == owner && now.protected_by == protected_by {
            return Ok(true);
        }
        Err(
            Error::conflict(format!("{} was changed in the meantime", now.name)).with_hint(
                format!(
                    "review the change first:  kubectl ns-claim get {}",
                    now.name
                ),
            ),
        )
    };
    match ending::delete(session, interrupt, &writer(write.dry_run), claim, still).await? {
        Deleted::Lost => Err(Error::conflict(format!(
            "namespace/{name} keeps being changed by others; gave up"
        ))
        .with_hint("run the same command again")),
        Deleted::Now | Deleted::Gone | Deleted::Kept => Ok(()),
    }
}

/// Returns the tombstone, and whether it is there already, where the caller may write one: admins
/// and CI. Claimers may write nothing into the namespace of records but their entry, so the reaper
/// buries what it saw of theirs.
async fn tombstone(session: &Session, seen: &Seen) -> Result<Option<(ConfigMap, bool)>> {
    if !seen.records {
        return Ok(None);
    }
    let (claim, now) = (&seen.claim, seen.now);
    let kept = ledger::read(session).await?;
    let known = kept.ledger.claims.get(&claim.uid);
    let entry = entry_of(known, claim, Requests::default(), now);
    let mut tombstone = Tombstone::new(&claim.uid, entry, now, &format!("released by {}", seen.me));
    tombstone.outlived_by.clone_from(&seen.outlived_by);
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
    use crate::model::claim::tests::{at, claim};

    fn outcomes(claim: Claim, index: Index, records: bool, wait: bool) -> Vec<Outcome> {
        let seen = Seen {
            me: "ana".to_owned(),
            records,
            index,
            now: at("2026-11-21T12:00:00Z"),
            claim,
            workloads: Vec::new(),
            outlived_by: Vec::new(),
        };
        let tombstone = records.then(|| (ConfigMap::default(), false));
        let steps = steps(&seen, tombstone, wait);
        steps.iter().map(|step| step.outcome).collect()
    }

    #[test]
    fn a_release_frees_a_place_only_where_it_waits_for_the_namespace_to_go() {
        let held = || Index {
            holders: [("ana-brisk-otter".to_owned(), "ana".to_owned())].into(),
            ..Index::default()
        };
        assert_eq!(outcomes(claim(), held(), false, true), [Outcome::Deleted]);
        assert_eq!(
            outcomes(claim(), held(), true, false),
            [Outcome::Deleted, Outcome::Created]
        );
        assert_eq!(
            outcomes(claim(), held(), true, true),
            [Outcome::Deleted, Outcome::Created, Outcome::Configured]
        );
        let going = Claim {
            terminating: Some(Vec::new()),
            ..claim()
        };
        assert_eq!(
            outcomes(going, Index::default(), true, true),
            [Outcome::Unchanged, Outcome::Created, Outcome::Unchanged]
        );
    }
}
