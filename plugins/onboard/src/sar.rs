//! What somebody else may do, in the server's own words.

use groundcrew::client::Session;
use groundcrew::client::access::Access;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::Result;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::{Api, PostParams};

/// The server's answer about one right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Allowed.
    pub allowed: bool,
    /// Why; RBAC names the binding, other authorizers may say nothing.
    pub reason: String,
}

/// Asks the server whether a user with these groups has a right.
///
/// # Errors
///
/// That the server cannot be reached or does not say.
pub async fn may(
    session: &Session,
    user: &str,
    groups: &[String],
    access: &Access,
) -> Result<Verdict> {
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(user.to_owned()),
            groups: Some(groups.to_vec()),
            resource_attributes: Some(ResourceAttributes {
                verb: Some(access.verb.clone()),
                group: Some(access.group.clone()),
                resource: Some(access.resource.clone()),
                subresource: access.subresource.clone(),
                name: access.name.clone(),
                namespace: access.namespace.clone(),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let api: Api<SubjectAccessReview> = Api::all(session.client.clone());
    let answer = api
        .create(&PostParams::default(), &review)
        .await
        .map_err(|error| {
            explain(
                error,
                &Doing::new("create", "subjectaccessreviews.authorization.k8s.io"),
            )
        })?;
    let status = answer.status.unwrap_or_default();
    Ok(Verdict {
        allowed: status.allowed,
        reason: status.reason.unwrap_or_default(),
    })
}
