//! Reading and writing the index of claims.

use std::collections::BTreeMap;

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::cluster::{Attempt, retry_on_conflict};
use groundcrew::error::{Error, Result};
use groundcrew::tenancy::{SYSTEM_NAMESPACE, system_namespace};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use groundcrew::client::clock::{self, Clock};
use groundcrew::write::is_forbidden;

use super::records::records;
use super::{refusal, server};
use crate::model::index::Index;
use crate::model::{meta, objects};

/// Reads the index, and the server's clock with the same answer.
///
/// # Errors
///
/// What the server says; that someone may not claim here is told in those words.
pub async fn read(session: &Session) -> Result<(Index, Clock)> {
    let path = format!(
        "/api/v1/namespaces/{SYSTEM_NAMESPACE}/configmaps/{}",
        meta::INDEX
    );
    match clock::get::<ConfigMap>(session, &path).await {
        Ok((map, clock)) => Ok((Index::of(map)?, clock)),
        Err(error) => Err(unreadable(session, error).await),
    }
}

async fn unreadable(session: &Session, error: kube::Error) -> Error {
    let forbidden = is_forbidden(&error);
    let error = records(session).explain("get", meta::INDEX, error);
    if !forbidden {
        return error;
    }
    let doing = records(session).doing("get").named(meta::INDEX);
    let error = Error::failed("you are not allowed to list or create claims")
        .with_detail(format!("missing: {doing}"));
    if let Ok(version) = server::version(session).await
        && !version.can_guard
    {
        return error
            .with_detail(format!(
                "this server is {}: before Kubernetes 1.30 only admins and CI can claim",
                version.text
            ))
            .with_hint("an admin can claim for you:  kubectl ns-claim NAME --owner YOU");
    }
    error.with_hint(format!(
        "an admin can allow it: add you to the group {}, or run\n\
         kubectl create clusterrolebinding claimer-YOU --clusterrole={role} --user=YOU\n\
         kubectl create rolebinding claimer-YOU -n {SYSTEM_NAMESPACE} --role={role} --user=YOU",
        meta::CLAIMERS_GROUP,
        role = meta::CLAIMER_ROLE
    ))
}

/// What is to become of one entry.
#[derive(Clone, Debug)]
pub enum Change {
    /// It stays as it is.
    Keep,
    /// This user holds the name.
    Put(String),
    /// Nobody holds the name.
    Remove,
}

/// How an update ended.
#[derive(Debug)]
pub struct Updated {
    /// The index as it was read last, before the write.
    pub index: Index,
    /// A write was sent; so an entry that is there now may be this run's own.
    pub sent: bool,
}

/// Decides what becomes of the entry of `name` and writes that, over and over while others write
/// in the meantime. `read` is the index if it was read already.
///
/// # Errors
///
/// What `decide` and the server say; that others were faster each time.
pub async fn update(
    session: &Session,
    interrupt: &Interrupt,
    read: Option<Index>,
    name: &str,
    dry_run: bool,
    decide: impl Fn(&Index) -> Change,
) -> Result<Updated> {
    let mut given = read;
    let mut sent = false;
    let what = format!("configmap/{}", meta::INDEX);
    retry_on_conflict(what, interrupt, async || {
        let index = match given.take() {
            Some(index) => index,
            None => self::read(session).await?.0,
        };
        let user = match decide(&index) {
            Change::Keep => return Ok(Attempt::Done(Updated { index, sent })),
            Change::Put(user) => Some(user),
            Change::Remove => None,
        };
        sent = true;
        match put(session, &index, name, user.as_deref(), dry_run).await {
            Ok(Put::Done) => Ok(Attempt::Done(Updated { index, sent })),
            Ok(Put::Raced) => Ok(Attempt::Raced),
            Err(error) => Err(refusal::told(
                &records(session),
                "patch",
                meta::INDEX,
                error,
            )),
        }
    })
    .await
}

/// Decides about several entries and writes them at once, over and over while others write in the
/// meantime; `None` removes an entry.
///
/// # Errors
///
/// What the server says; that others were faster each time.
pub async fn rewrite(
    session: &Session,
    interrupt: &Interrupt,
    dry_run: bool,
    decide: impl Fn(&Index) -> BTreeMap<String, Option<String>>,
) -> Result<()> {
    let what = format!("configmap/{}", meta::INDEX);
    retry_on_conflict(what, interrupt, async || {
        let (index, _) = self::read(session).await?;
        let changes = decide(&index);
        let Some(version) = index.resource_version.filter(|_| !changes.is_empty()) else {
            return Ok(Attempt::Done(()));
        };
        let patch = json!({"metadata": {"resourceVersion": version}, "data": changes});
        match send(session, patch, dry_run).await {
            Ok(Put::Done) => Ok(Attempt::Done(())),
            Ok(Put::Raced) => Ok(Attempt::Raced),
            Err(error) => Err(records(session).explain("patch", meta::INDEX, error)),
        }
    })
    .await
}

/// Writes down that a reaper came to the end of a run. Over whatever others wrote: no entry changes.
///
/// # Errors
///
/// What the server says.
pub async fn reaped(session: &Session, now: Timestamp, dry_run: bool) -> Result<()> {
    let patch = json!({"metadata": {"annotations": {meta::REAPED: now.to_string()}}});
    match send(session, patch, dry_run).await {
        // A lost answer: the next run writes it again.
        Ok(Put::Done | Put::Raced) => Ok(()),
        Err(error) => Err(records(session).explain("patch", meta::INDEX, error)),
    }
}

/// Takes the entry of `name` out if `owner` holds it, so that they may claim again.
///
/// # Errors
///
/// As [`update`].
pub async fn free(
    session: &Session,
    interrupt: &Interrupt,
    name: &str,
    owner: &str,
    dry_run: bool,
) -> Result<()> {
    let decide = |index: &Index| match index.holders.get(name) {
        Some(holder) if holder == owner => Change::Remove,
        _ => Change::Keep,
    };
    update(session, interrupt, None, name, dry_run, decide)
        .await
        .map(drop)
}

/// How a write of one entry ended.
enum Put {
    /// It is as it should be.
    Done,
    /// Someone else wrote in the meantime: read again and decide again.
    Raced,
}

/// Writes one entry, or removes it, if nobody wrote since `index` was read.
async fn put(
    session: &Session,
    index: &Index,
    name: &str,
    user: Option<&str>,
    dry_run: bool,
) -> kube::Result<Put> {
    let Some(version) = &index.resource_version else {
        return match user {
            Some(user) => create(session, name, user, dry_run).await,
            None => Ok(Put::Done),
        };
    };
    let patch = json!({
        "metadata": {"resourceVersion": version},
        "data": {name: user},
    });
    send(session, patch, dry_run).await
}

async fn send(session: &Session, patch: serde_json::Value, dry_run: bool) -> kube::Result<Put> {
    let params = PatchParams {
        dry_run,
        field_manager: Some(meta::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let patch = Patch::Merge(patch);
    settled(
        records(session)
            .api()
            .patch(meta::INDEX, &params, &patch)
            .await,
    )
}

/// A lost answer and a lost race end alike: what is there decides.
fn settled<T>(result: kube::Result<T>) -> kube::Result<Put> {
    match result {
        Ok(_) => Ok(Put::Done),
        Err(error) if groundcrew::write::is_conflict(&error) => Ok(Put::Raced),
        Err(error) if groundcrew::client::outcome_unknown(&error) => Ok(Put::Raced),
        Err(error) => Err(error),
    }
}

/// Makes the index with its first entry; for admins on a cluster without an installation.
async fn create(session: &Session, name: &str, user: &str, dry_run: bool) -> kube::Result<Put> {
    let params = PostParams {
        dry_run,
        field_manager: Some(meta::FIELD_MANAGER.to_owned()),
    };
    let namespaces = session.of::<Namespace>();
    match namespaces
        .api()
        .create(&params, &system_namespace(meta::MANAGED_BY))
        .await
    {
        Err(error) if !groundcrew::write::is_conflict(&error) => return Err(error),
        // Nothing can be tried in a namespace that a dry run did not make.
        Ok(_) if dry_run => return Ok(Put::Done),
        _ => {}
    }
    let mut map = objects::index();
    map.data = Some(BTreeMap::from([(name.to_owned(), user.to_owned())]));
    settled(records(session).api().create(&params, &map).await)
}
