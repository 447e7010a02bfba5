//! `renew --approve`: finds the renewal that a user asked for, and vouches for it.

use std::collections::BTreeMap;

use groundcrew::client::Session;
use groundcrew::client::clock;
use groundcrew::error::{Error, Result};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;

use crate::cluster::certificates::Requests;
use crate::cluster::records::record_of;
use crate::model::labels;
use crate::model::objects::certificate_request::{SIGNER, USAGES};
use crate::model::signing_request::SigningRequest;
use crate::model::user::UserName;

/// Returns the renewal that the user has asked for.
pub async fn asked(
    session: &Session,
    user: &UserName,
) -> Result<(CertificateSigningRequest, SigningRequest)> {
    let looking = futures::future::try_join(record_of(session, user), clock::read(session));
    let (record, clock) = looking.await?;
    let now = clock.now();
    let live = record.iter().flat_map(|found| found.record.live(now));
    let live: Vec<u32> = live.map(|issue| issue.generation).collect();
    find(session, user, &live).await
}

/// Finds the request that the user made, and checks that nobody else made it.
///
/// # Errors
///
/// Failed, when there is none, or when what the server stamped on it is not the user with a
/// generation that is alive.
pub async fn find(
    session: &Session,
    user: &UserName,
    live: &[u32],
) -> Result<(CertificateSigningRequest, SigningRequest)> {
    let found = Requests::of(session).made_for(user).await?;
    let mut open: Vec<_> = found.into_iter().filter(is_open_renewal).collect();
    open.sort_by_key(|request| request.metadata.creation_timestamp.clone());
    let Some(asked) = open.pop() else {
        return Err(Error::failed(format!("{user} has not requested a renewal"))
            .with_hint("the user requests one with:  kubectl onboard renew --self")
            .with_hint(format!(
                "renew without a request:  kubectl onboard renew {user}"
            )));
    };
    let request = vouch(&asked, user, live)?;
    Ok((asked, request))
}

pub fn is_open_renewal(request: &CertificateSigningRequest) -> bool {
    let annotations: Option<&BTreeMap<String, String>> = request.metadata.annotations.as_ref();
    let renewal = annotations.is_some_and(|all| all.contains_key(labels::RENEWAL));
    let status = request.status.as_ref();
    let decided = status
        .and_then(|status| status.conditions.as_ref())
        .is_some_and(|conditions| !conditions.is_empty());
    renewal && !decided
}

/// Checks that a request is the user's by what the server has stamped on it, and asks for nothing
/// more than their own group. Labels and annotations prove nothing: anybody can write them.
pub fn vouch(
    asked: &CertificateSigningRequest,
    user: &UserName,
    live: &[u32],
) -> Result<SigningRequest> {
    let name = asked.metadata.name.as_deref().unwrap_or_default();
    let refuse = |why: String| {
        Error::failed(format!("request {name} is not approved: {why}")).with_hint(format!(
            "look at it:  kubectl get csr {name} -o yaml;  deny it:  kubectl certificate deny {name}"
        ))
    };
    let spec = &asked.spec;
    let made_by = spec.username.as_deref().unwrap_or_default();
    if made_by != user.as_str() {
        return Err(refuse(format!("it was made by {made_by:?}")));
    }
    let groups = spec.groups.iter().flatten();
    let held: Vec<u32> = groups
        .filter_map(|group| user.generation_of(group))
        .collect();
    if !held.iter().any(|generation| live.contains(generation)) {
        return Err(refuse(format!(
            "it was made with generation {}, which is not active",
            held.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        )));
    }
    let usages: Vec<&str> = spec.usages.iter().flatten().map(String::as_str).collect();
    if spec.signer_name != SIGNER || usages.iter().any(|usage| !USAGES.contains(usage)) {
        return Err(refuse(format!(
            "it asks signer {} for {}",
            spec.signer_name,
            usages.join(", ")
        )));
    }
    let text = String::from_utf8_lossy(&spec.request.0);
    SigningRequest::check(&text, user).map_err(refuse)
}
