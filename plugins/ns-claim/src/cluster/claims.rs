//! The one claim that a command is about.

use clap_complete::engine::ArgValueCompleter;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::client::{Session, access};
use groundcrew::complete;
use groundcrew::error::{Error, Result};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::ListParams;

use crate::claim::Claim;
use crate::settings::Settings;
use crate::{index, meta};
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

/// Reads the claim of that name.
///
/// # Errors
///
/// That there is none, or that the namespace is no claim.
pub async fn read(session: &Session, name: &str) -> Result<Claim> {
    let api = Api::<Namespace>::all(session.client.clone());
    let doing = Doing::new("get", "namespaces").named(name);
    let namespace = api
        .get(name)
        .await
        .map_err(|error| explain(error, &doing))?;
    Claim::of(&namespace).ok_or_else(|| {
        Error::failed(format!("namespace {name} is no claim"))
            .with_hint("see what is:  kubectl ns-claim list")
    })
}

/// Reads the claim of that name, or, without one, the current namespace if it is the caller's.
///
/// # Errors
///
/// Usage, when no name is stated and the current namespace is not a claim of the caller's.
pub async fn read_or_current(session: &Session, name: Option<&str>, me: &str) -> Result<Claim> {
    if let Some(name) = name {
        return read(session, name).await;
    }
    let current = &session.namespace;
    let other = |what: &str| {
        Error::usage(format!(
            "no NAME is stated, and the current namespace {current} {what}"
        ))
        .with_hint("name one of:  kubectl ns-claim list --mine")
    };
    if meta::is_reserved(current) {
        return Err(other("belongs to the cluster"));
    }
    let api = Api::<Namespace>::all(session.client.clone());
    let doing = Doing::new("get", "namespaces").named(current);
    let found = api
        .get_opt(current)
        .await
        .map_err(|error| explain(error, &doing))?;
    let claim = found
        .ok_or_else(|| other("does not exist"))
        .map(|namespace| Claim::of(&namespace))?
        .ok_or_else(|| other("is no claim"))?;
    if claim.owner.as_deref() == Some(me) {
        Ok(claim)
    } else {
        let owner = claim.owner.as_deref().unwrap_or("nobody");
        Err(other(&format!("is {owner}'s and not yours ({me})")))
    }
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
#[must_use]
pub fn selector() -> String {
    format!("{}={}", meta::CLAIM.0, meta::CLAIM.1)
}
