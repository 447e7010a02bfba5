//! Who one is, and which rights are missing.

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::authorization::v1::{
    ResourceRule, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SelfSubjectRulesReview,
    SelfSubjectRulesReviewSpec,
};
use kube::Api;
use kube::api::PostParams;

use super::errors::failed;
use super::session::Session;
use crate::error::{Error, Result};

pub(super) mod grant;
mod identity;
pub(super) mod right;
mod rules;

pub use grant::{ANONYMOUS, grant_command, grant_manifest};
pub use identity::{Identity, who_am_i};
pub use right::Access;
pub use rules::granted;

use grant::grant_hint;

/// A namespace that cannot exist: names of namespaces have no dots.
///
/// The rules for a namespace are those of cluster-wide bindings and those of the bindings in it.
/// There are none in this one, so what its rules allow is allowed cluster-wide.
const NOWHERE: &str = "cluster-wide.invalid";

/// From this many open questions about one namespace, its rules are asked for first.
const WORTH_THE_RULES: usize = 3;

/// Questions that are asked at the same time.
const CONCURRENCY: usize = 8;

/// Returns those of `wanted` that the session's user does not have, in their order, each once.
///
/// With RBAC alone one request answers most of it: the rules that hold cluster-wide, which are
/// evaluated here as the API server does. What they do not allow is asked for one by one, so that
/// the answer is exact with other authorizers too (they may list no rules); a namespace with
/// several open questions is asked for its rules first. A cluster administrator costs one
/// request.
///
/// # Errors
///
/// That the server cannot be reached or does not say.
pub async fn missing(session: &Session, wanted: &[Access]) -> Result<Vec<Access>> {
    let mut open: Vec<&Access> = Vec::new();
    for access in wanted {
        if !open.contains(&access) {
            open.push(access);
        }
    }
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let everywhere = rules_in(session, NOWHERE).await?;
    open.retain(|access| !rules::allow(&everywhere, access));

    let mut namespaces: Vec<&str> = open
        .iter()
        .filter_map(|access| access.namespace.as_deref())
        .collect();
    namespaces.sort_unstable();
    for group in namespaces.chunk_by(|one, other| one == other) {
        if group.len() >= WORTH_THE_RULES {
            let there = rules_in(session, group[0]).await?;
            open.retain(|access| {
                access.namespace.as_deref() != Some(group[0]) || !rules::allow(&there, access)
            });
        }
    }

    let answers = futures::stream::iter(open)
        .map(async |access| is_allowed(session, access).await.map(|yes| (access, yes)))
        .buffered(CONCURRENCY)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(answers
        .into_iter()
        .filter(|(_, yes)| !yes)
        .map(|(access, _)| access.clone())
        .collect())
}

/// Returns the rules that hold in a namespace; none when the server lists none.
async fn rules_in(session: &Session, namespace: &str) -> Result<Vec<ResourceRule>> {
    let review = SelfSubjectRulesReview {
        spec: SelfSubjectRulesReviewSpec {
            namespace: Some(namespace.to_owned()),
        },
        ..SelfSubjectRulesReview::default()
    };
    let api: Api<SelfSubjectRulesReview> = Api::all(session.client.clone());
    match api.create(&PostParams::default(), &review).await {
        Ok(review) => Ok(review
            .status
            .map(|status| status.resource_rules)
            .unwrap_or_default()),
        // Every single question is still asked, so an unwilling server costs requests, no truth.
        Err(kube::Error::Api(status)) if matches!(status.code, 400 | 403 | 404 | 405 | 422) => {
            Ok(Vec::new())
        }
        Err(error) => {
            let reviews = "selfsubjectrulesreviews.authorization.k8s.io";
            Err(failed("create", reviews)(error))
        }
    }
}

/// Asks the server about one right.
///
/// # Errors
///
/// That the server cannot be reached or does not say.
pub async fn is_allowed(session: &Session, access: &Access) -> Result<bool> {
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(access.into()),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(session.client.clone());
    let review = api
        .create(&PostParams::default(), &review)
        .await
        .map_err(failed(
            "create",
            "selfsubjectaccessreviews.authorization.k8s.io",
        ))?;
    Ok(review.status.is_some_and(|status| status.allowed))
}

/// Refuses for rights that are missing, if there are any; `role` as for [`refused`].
///
/// # Errors
///
/// All of them, and what grants them; that the server does not say who one is.
pub async fn refuse(session: &Session, missing: &[Access], role: &str) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let me = who_am_i(session).await?.username;
    Err(refused(missing, &me, role))
}

/// Returns the error for missing rights: all of them, and what grants them.
///
/// `user` is who lacks them, `role` a name for the role that the hint creates.
#[must_use]
pub fn refused(missing: &[Access], user: &str, role: &str) -> Error {
    let width = |column: fn(&Access) -> String| {
        missing
            .iter()
            .map(|access| column(access).chars().count())
            .max()
            .unwrap_or_default()
    };
    let (verbs, whats) = (width(|access| access.verb.clone()), width(Access::what));
    let rights = if missing.len() == 1 {
        "a right".to_owned()
    } else {
        format!("{} rights", missing.len())
    };
    let error = Error::failed(format!(
        "user \"{user}\" lacks {rights}; nothing was changed"
    ));
    missing
        .iter()
        .fold(error, |error, access| {
            let (verb, what, scope) = (&access.verb, access.what(), access.scope());
            error.with_detail(format!("{verb:<verbs$}  {what:<whats$}  {scope}"))
        })
        .with_hint(grant_hint(missing, user, role))
}

#[cfg(test)]
mod tests;
