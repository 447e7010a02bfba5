//! Claims as the cluster has them: one of them, or all.

use clap_complete::engine::ArgValueCompleter;
use groundcrew::app::{Frame, Interrupt};
use groundcrew::client::access::{self, Access};
use groundcrew::client::errors::explain;
use groundcrew::client::{Session, outcome_unknown, pages};
use groundcrew::cluster::{Attempt, retry_on_conflict};
use groundcrew::complete;
use groundcrew::error::{Error, Result};
use groundcrew::flags::{DryRun, WriteArgs};
use groundcrew::write::{is_conflict, is_not_found};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::ListParams;
use serde_json::json;

use super::records::writer;
use super::{index, refusal};
use crate::model::claim::Claim;
use crate::model::meta;
use crate::model::note::Note;
use crate::model::settings::Settings;
use crate::model::steps::Outcome;
use groundcrew::client::clock::Clock;

/// What a command about one claim looks at first.
#[derive(Debug)]
pub struct Look {
    /// The claim.
    pub claim: Claim,
    /// What the installation says.
    pub settings: Settings,
    /// The server's clock.
    pub clock: Clock,
}

/// Looks at the claim of that name, or, without one, at the current namespace if it is the
/// caller's; only then the server is asked who that is.
///
/// # Errors
///
/// As [`read_or_current`].
pub async fn look(session: &Session, name: Option<&str>) -> Result<Look> {
    let me = match name {
        Some(_) => String::new(),
        None => access::who_am_i(session).await?.username,
    };
    let (index, clock) = index::read(session).await?;
    Ok(Look {
        claim: read_or_current(session, name, &me).await?,
        settings: index.settings,
        clock,
    })
}

/// Connects and looks at one claim: what the commands about one begin with.
///
/// # Errors
///
/// As [`look`]; what is wrong with the connection.
pub async fn open(frame: &Frame, name: Option<&str>) -> Result<(Session, Look)> {
    let session = frame.interrupt.guard(frame.connect()).await?;
    let look = frame.interrupt.guard(look(&session, name)).await?;
    Ok((session, look))
}

/// Reads the claim of that name.
///
/// # Errors
///
/// That there is none, or that the namespace is not a claim.
pub async fn read(session: &Session, name: &str) -> Result<Claim> {
    let namespace = session.of::<Namespace>().get(name).await?;
    Claim::of(&namespace).ok_or_else(|| {
        Error::failed(format!("namespace {name} is not a claim"))
            .with_hint("list all claims:  kubectl ns-claim list")
    })
}

/// Reads the claim of that name, or, without one, the current namespace if it is the caller's.
///
/// # Errors
///
/// Usage, when no name is given and the current namespace is not a claim of the caller's.
pub async fn read_or_current(session: &Session, name: Option<&str>, me: &str) -> Result<Claim> {
    if let Some(name) = name {
        return read(session, name).await;
    }
    let current = &session.namespace;
    let other = |what: &str| {
        Error::usage(format!(
            "NAME is required: the current namespace {current} {what}"
        ))
        .with_hint("list your claims:  kubectl ns-claim list --mine")
    };
    if meta::is_reserved(current) {
        return Err(other("is a system namespace"));
    }
    let found = session.of::<Namespace>().find(current).await?;
    let claim = found
        .ok_or_else(|| other("does not exist"))
        .map(|namespace| Claim::of(&namespace))?
        .ok_or_else(|| other("is not a claim"))?;
    if claim.owner.as_deref() == Some(me) {
        Ok(claim)
    } else {
        let owner = claim.owner.as_deref().unwrap_or("nobody");
        Err(other(&format!("is {owner}'s, not yours ({me})")))
    }
}

/// Reads every namespace with the label, page by page.
///
/// # Errors
///
/// What the server says.
pub async fn labelled(session: &Session) -> Result<Vec<Claim>> {
    let namespaces = session.of::<Namespace>();
    let params = ListParams::default().labels(&selector());
    let add = |claims: &mut Vec<Claim>, namespace| claims.extend(Claim::of(&namespace));
    pages::fold(namespaces.api(), &params, add)
        .await
        .map_err(|error| explain(error, &namespaces.doing("list")))
}

/// Decides about an annotation and writes it, over and over while others change the claim in
/// between; returns the claim as it is then, and what became of the namespace. In a client dry run
/// it returns what would be.
///
/// `decide` sees the note whose answer was lost, if one was: what it finds may be its own.
///
/// # Errors
///
/// What `decide` and the server say; that the claim is going; that others were faster each time.
pub async fn annotate(
    session: &Session,
    interrupt: &Interrupt,
    mut claim: Claim,
    write: &WriteArgs,
    decide: impl Fn(&Claim, Option<&Note>) -> Result<Note>,
) -> Result<(Claim, Outcome)> {
    let namespaces = session.of::<Namespace>();
    let mut writer = writer(write.dry_run);
    if let Some(name) = &write.field_manager {
        writer.field_manager.clone_from(name);
    }
    let mut lost: Option<Note> = None;
    let name = claim.name.clone();
    retry_on_conflict(format!("namespace/{name}"), interrupt, async || {
        let note = decide(&claim, lost.as_ref())?;
        if claim.terminating.is_some() {
            return Err(gone(&name));
        }
        if note.is_on(&claim) {
            let outcome = match lost {
                Some(_) => Outcome::Configured,
                None => Outcome::Unchanged,
            };
            return Ok(Attempt::Done((claim.clone(), outcome)));
        }
        if write.dry_run == DryRun::Client {
            // A run is one write, and its refusal says the same; only here nobody would be told.
            let right = right_to(session, "patch", &name);
            let missing = access::missing(session, &[right]).await?;
            access::refuse(session, &missing, "claim-changer").await?;
            let would = note.put_on(claim.clone());
            return Ok(Attempt::Done((would, Outcome::Configured)));
        }
        let patch = json!({"metadata": {"annotations": note.patch()}});
        let written = writer.merge(namespaces.api(), &claim.read(), patch).await;
        match written {
            Ok(changed) => {
                let changed = Claim::of(&changed).unwrap_or_else(|| claim.clone());
                Ok(Attempt::Done((changed, Outcome::Configured)))
            }
            Err(error) if is_not_found(&error) => Err(gone(&name)),
            Err(error) if is_conflict(&error) || outcome_unknown(&error) => {
                if outcome_unknown(&error) {
                    lost = Some(note);
                }
                let again = read(session, &name).await?;
                if again.uid != claim.uid {
                    return Err(gone(&name));
                }
                claim = again;
                Ok(Attempt::Raced)
            }
            Err(error) => Err(refusal::told(&namespaces, "patch", &name, error)),
        }
    })
    .await
}

/// Returns the right to do something to one namespace: the API server asks about it as one in the
/// namespace itself (`requestinfo.go` of apiserver), so that bindings inside of it count.
#[must_use]
pub fn right_to(session: &Session, verb: &'static str, name: &str) -> Access {
    let right = session.of::<Namespace>().right(verb);
    right.named(name).within(name)
}

/// Returns the error that a claim ends before it could be changed.
#[must_use]
pub fn gone(name: &str) -> Error {
    Error::conflict(format!("too late: {name} is being deleted or already gone"))
        .with_hint("claim a new one:  kubectl ns-claim")
}

/// Completes the names of claims.
pub fn names() -> ArgValueCompleter {
    complete::from_cluster(|session| async move {
        let api = Api::<Namespace>::all(session.client);
        let claims = ListParams::default().labels(&selector());
        let found = api.list_metadata(&claims).await.ok()?;
        Some(
            found
                .items
                .into_iter()
                .filter_map(|item| item.metadata.name)
                .collect(),
        )
    })
}

/// Returns the selector of claims.
fn selector() -> String {
    format!("{}={}", meta::CLAIM.0, meta::CLAIM.1)
}
