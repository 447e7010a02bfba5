//! The index of claims: the ConfigMap `groundcrew-system/claims`, namespace → user.
//!
//! It is the counter of the cap as well: the server lets nobody write more names than he may
//! hold, and lets nobody make a namespace that is not in it under his name.

use std::collections::{BTreeMap, BTreeSet};

use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Result};
use groundcrew::tenancy::{SYSTEM_NAMESPACE, system_namespace};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;

use groundcrew::client::clock::{self, Clock};
use groundcrew::write::is_forbidden;

use crate::settings::Settings;
use crate::{meta, server};

/// What the index says.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// What it was at; `None` when it is not there.
    pub resource_version: Option<String>,
    /// Namespace → user.
    pub holders: BTreeMap<String, String>,
    /// What the installation says.
    pub settings: Settings,
    /// Whether the settings are the installation's and not the built-in ones.
    pub installed: bool,
}

impl Index {
    /// Reads the ConfigMap, or the lack of one.
    ///
    /// # Errors
    ///
    /// That its settings cannot be read.
    pub fn of(map: Option<ConfigMap>) -> Result<Self> {
        let Some(map) = map else {
            return Ok(Self::default());
        };
        let text = map
            .metadata
            .annotations
            .as_ref()
            .and_then(|notes| notes.get(meta::SETTINGS));
        Ok(Self {
            resource_version: map.metadata.resource_version,
            holders: map.data.unwrap_or_default(),
            settings: text
                .map(|text| Settings::parse(text))
                .transpose()?
                .unwrap_or_default(),
            installed: text.is_some(),
        })
    }

    /// Returns the names that somebody holds.
    #[must_use]
    pub fn of_user(&self, user: &str) -> BTreeSet<&str> {
        self.holders
            .iter()
            .filter(|(_, holder)| *holder == user)
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

/// Reads the index, and the server's clock with the same answer.
///
/// # Errors
///
/// What the server says; that somebody may not claim here is told in those words.
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
    let doing = Doing::new("get", "configmaps")
        .named(meta::INDEX)
        .within(SYSTEM_NAMESPACE);
    if !forbidden {
        return explain(error, &doing);
    }
    let error = Error::failed("you may not see or hold claims in this cluster")
        .with_detail(format!("missing: {doing}"));
    if let Ok(version) = server::version(session).await
        && !version.can_guard
    {
        return error
            .with_detail(format!(
                "this server is {}: before Kubernetes 1.30 only admins and CI can claim",
                version.text
            ))
            .with_hint("an admin claims for you:  kubectl ns-claim NAME --owner YOU");
    }
    error.with_hint(format!(
        "an admin lets you: put you into the group {}, or run\n\
         kubectl create clusterrolebinding claimer-YOU --clusterrole={role} --user=YOU\n\
         kubectl create rolebinding claimer-YOU -n {SYSTEM_NAMESPACE} --role={role} --user=YOU",
        meta::CLAIMERS_GROUP,
        role = meta::CLAIMER_ROLE
    ))
}

/// How a write of one entry ended.
#[derive(Debug)]
pub enum Put {
    /// It is as it should be.
    Done,
    /// Somebody else wrote in between: read again and decide again.
    Raced,
}

/// Writes one entry, or removes it, if nobody wrote since `index` was read.
///
/// # Errors
///
/// The server's refusal.
pub async fn put(
    session: &Session,
    index: &Index,
    name: &str,
    user: Option<&str>,
    dry_run: bool,
) -> kube::Result<Put> {
    let api = Api::<ConfigMap>::namespaced(session.client.clone(), SYSTEM_NAMESPACE);
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
    let params = PatchParams {
        dry_run,
        field_manager: Some(crate::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    settled(api.patch(meta::INDEX, &params, &Patch::Merge(patch)).await)
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
        field_manager: Some(crate::FIELD_MANAGER.to_owned()),
    };
    let namespaces = Api::<Namespace>::all(session.client.clone());
    match namespaces
        .create(&params, &system_namespace(meta::MANAGED_BY))
        .await
    {
        Err(error) if !groundcrew::write::is_conflict(&error) => return Err(error),
        // Nothing can be tried in a namespace that a dry run did not make.
        Ok(_) if dry_run => return Ok(Put::Done),
        _ => {}
    }
    let api = Api::<ConfigMap>::namespaced(session.client.clone(), SYSTEM_NAMESPACE);
    let mut map = crate::objects::index();
    map.data = Some(BTreeMap::from([(name.to_owned(), user.to_owned())]));
    settled(api.create(&params, &map).await)
}
