//! What can be known before anything is written: rights, and what the server says in a dry run.

use futures::{StreamExt as _, TryStreamExt as _};
use groundcrew::client::Session;
use groundcrew::client::access::{self, Access};
use groundcrew::client::clock::Clock;
use groundcrew::error::Result;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;

use super::objects::{self, CONCURRENCY};
use super::part::{Part, Standing};
use crate::cluster::index;
use crate::model::index::Index;
use crate::model::meta;

/// Reads the index; `role` is what the hint would create where that is not allowed.
///
/// # Errors
///
/// As [`index::read`], with the right that an admin lacks rather than a claimer.
pub async fn index(session: &Session, role: &str) -> Result<(Index, Clock)> {
    let read = index::read(session).await;
    if read.is_err() {
        let maps = session.in_(SYSTEM_NAMESPACE).of::<ConfigMap>();
        rights(session, &[maps.right("get").named(meta::INDEX)], role).await?;
    }
    read
}

/// Checks that this user may do all that is to be done; `role` is what the hint would create.
///
/// # Errors
///
/// All rights that are missing, and what grants them.
pub async fn rights(session: &Session, wanted: &[Access], role: &str) -> Result<()> {
    access::refuse(session, &access::missing(session, wanted).await?, role).await
}

/// Returns the rights to bind that are missing, of bindings to roles that are still to be made:
/// the server cannot try those. A user who has all that a role gives may bind it without.
///
/// # Errors
///
/// That the server cannot be asked.
pub async fn missing_binds(session: &Session, parts: &[Part]) -> Result<Vec<Access>> {
    let mut missing = Vec::new();
    for role in parts
        .iter()
        .filter(|part| part.is_role() && part.found.is_none())
    {
        let bound = |part: &Part| part.binds(role) && !part.is_unchanged();
        if !parts.iter().any(bound) {
            continue;
        }
        let bind = access::missing(session, &[role.right_to_bind()]).await?;
        if !bind.is_empty()
            && !access::missing(session, &role.rights_inside())
                .await?
                .is_empty()
        {
            missing.extend(bind);
        }
    }
    Ok(missing)
}

/// Returns the rights to escalate that are missing, of roles that are still to be made or restored: a
/// client dry run has the server try nothing.
///
/// # Errors
///
/// That the server cannot be asked.
pub async fn missing_escalations(session: &Session, parts: &[Part]) -> Result<Vec<Access>> {
    let mut missing = Vec::new();
    let roles = parts.iter().filter(|part| part.is_role());
    for role in roles.filter(|role| !role.is_unchanged()) {
        let escalate = access::missing(session, &[role.right_to_escalate()]).await?;
        if !escalate.is_empty()
            && !access::missing(session, &role.rights_inside())
                .await?
                .is_empty()
        {
            missing.extend(escalate);
        }
    }
    Ok(missing)
}

/// Has the server try every write without keeping it: whether one may give these rights away
/// depends on the rights themselves, and admission is asked as well.
///
/// What needs an object that is still to be made cannot be tried, and is found out later.
///
/// # Errors
///
/// The first refusal.
pub async fn writes(session: &Session, parts: &[Part]) -> Result<()> {
    let missing: Vec<&str> = parts
        .iter()
        .filter(|part| part.standing == Standing::Missing)
        .map(Part::name)
        .collect();
    let tried = parts.iter().filter(|part| {
        let policy = part.policy();
        !part.is_unchanged() && !policy.is_some_and(|p| missing.contains(&p))
    });
    futures::stream::iter(tried)
        .map(|part| objects::try_out(session, part))
        .buffered(CONCURRENCY)
        .try_collect::<Vec<()>>()
        .await
        .map_err(|error| error.with_detail("nothing was changed"))?;
    Ok(())
}

/// Returns what the API server asks of users who write policies: to read all that could be their
/// parameters (`authz.go` of `pkg/registry/admissionregistration`).
#[must_use]
pub fn rights_to_parameters(session: &Session) -> [Access; 3] {
    let bindings = session.of::<ClusterRoleBinding>();
    [
        session.everywhere::<ConfigMap>().right("get"),
        bindings.right("get"),
        bindings.right("list"),
    ]
}
