//! What the authorizer says about somebody, asked in the user's name and without their credential
//! (SubjectAccessReview).

use futures::{StreamExt as _, TryStreamExt as _};
use groundcrew::client::Session;
use groundcrew::client::access::Access;
use groundcrew::error::Result;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use k8s_openapi::api::authorization::v1::{SubjectAccessReview, SubjectAccessReviewSpec};

use crate::model::credential_kind::CredentialKind;
use crate::model::labels;
use crate::model::login::Asserted;
use crate::model::user::UserName;

/// Questions that are asked at the same time.
const CONCURRENCY: usize = 8;

/// Who the API server would take a credential's holder for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The user name.
    pub user: String,
    /// Every group, also those that the server adds to all who are authenticated: a review adds
    /// none by itself.
    pub groups: Vec<String>,
}

impl Subject {
    /// Returns the holder of a credential of `user`; `groups` are those inside a certificate.
    #[must_use]
    pub fn of(user: &UserName, kind: CredentialKind, groups: &[String]) -> Self {
        let (user, mut groups) = match kind {
            CredentialKind::Certificate | CredentialKind::Oidc | CredentialKind::Exec => {
                (user.as_str().to_owned(), groups.to_vec())
            }
            CredentialKind::Token => {
                let account = labels::binding_name(user);
                let all = "system:serviceaccounts";
                (
                    format!("system:serviceaccount:{SYSTEM_NAMESPACE}:{account}"),
                    vec![all.to_owned(), format!("{all}:{SYSTEM_NAMESPACE}")],
                )
            }
        };
        groups.push("system:authenticated".to_owned());
        Self { user, groups }
    }
}

impl From<(&UserName, &Asserted)> for Subject {
    /// Returns who a login makes the user.
    fn from((user, asserted): (&UserName, &Asserted)) -> Self {
        let (user, group) = match asserted {
            Asserted::User(name) => (name.clone(), None),
            Asserted::Group(name) => (user.as_str().to_owned(), Some(name.clone())),
        };
        let authenticated = "system:authenticated".to_owned();
        Self {
            user,
            groups: group.into_iter().chain([authenticated]).collect(),
        }
    }
}

/// What the authorizer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The user may.
    pub allowed: bool,
    /// The server's own words for why: `RBAC: allowed by RoleBinding "…"`; often empty for a no.
    pub reason: String,
    /// What the authorizer could not evaluate; a no with this is less than a no.
    pub trouble: Option<String>,
}

/// Asks whether `subject` may.
///
/// # Errors
///
/// That the server cannot be reached, or does not let this session ask.
pub async fn may(session: &Session, subject: &Subject, access: &Access) -> Result<Answer> {
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(subject.user.clone()),
            groups: Some(subject.groups.clone()),
            resource_attributes: Some(access.into()),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let review = session.of::<SubjectAccessReview>().ask(&review).await?;
    let status = review.status.unwrap_or_default();
    Ok(Answer {
        allowed: status.allowed,
        reason: status.reason.unwrap_or_default(),
        trouble: status.evaluation_error.filter(|text| !text.is_empty()),
    })
}

/// Asks about several rights at once; the answers are in the order of the questions.
///
/// # Errors
///
/// As [`may`], for the first question that fails.
pub async fn may_each(
    session: &Session,
    subject: &Subject,
    accesses: &[Access],
) -> Result<Vec<Answer>> {
    futures::stream::iter(accesses)
        .map(|access| may(session, subject, access))
        .buffered(CONCURRENCY)
        .try_collect()
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_whom_the_server_would_see() {
        let alice = UserName::parse("alice").unwrap();
        let groups = ["onboard:alice:g1".to_owned()];
        let holder = Subject::of(&alice, CredentialKind::Certificate, &groups);
        assert_eq!(holder.user, "alice");
        assert_eq!(holder.groups, ["onboard:alice:g1", "system:authenticated"]);
        let account = Subject::of(&alice, CredentialKind::Token, &[]);
        assert_eq!(
            account.user,
            "system:serviceaccount:groundcrew-system:onboard-alice"
        );
        assert!(
            account
                .groups
                .contains(&"system:serviceaccounts:groundcrew-system".to_owned())
        );
    }
}
