//! Asks the server itself.

use can_i_audit::model::question::{Question, Target};
use futures::StreamExt as _;
use groundcrew::client::Session;
use groundcrew::cluster::Objects;
use groundcrew::error::Result;
use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};

/// Reviews that are asked at the same time.
const CONCURRENCY: usize = 24;

/// The server's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// It is allowed.
    pub allowed: bool,
    /// It is denied whatever other authorizers say.
    pub denied: bool,
    /// The reason, in the server's words.
    pub reason: String,
}

/// Asks every question, in any order, and returns the answers in theirs.
///
/// # Errors
///
/// What the server says, above all that the user may not ask about others.
pub async fn ask(session: &Session, questions: &[Question]) -> Result<Vec<Verdict>> {
    let reviews = &session.of::<SubjectAccessReview>();
    let mut answers = vec![Verdict::default(); questions.len()];
    let mut asked = futures::stream::iter(
        questions
            .iter()
            .enumerate()
            .map(|(index, question)| async move { (index, one(reviews, question).await) }),
    )
    .buffer_unordered(CONCURRENCY);
    while let Some((index, answer)) = asked.next().await {
        answers[index] = answer?;
    }
    Ok(answers)
}

async fn one(reviews: &Objects<SubjectAccessReview>, question: &Question) -> Result<Verdict> {
    let review = SubjectAccessReview {
        spec: spec(question),
        ..SubjectAccessReview::default()
    };
    let status = reviews.ask(&review).await?.status.unwrap_or_default();
    Ok(Verdict {
        allowed: status.allowed,
        denied: status.denied.unwrap_or_default(),
        reason: status.reason.unwrap_or_default(),
    })
}

fn spec(question: &Question) -> SubjectAccessReviewSpec {
    let verb = Some(question.action.verb.clone());
    let mut spec = SubjectAccessReviewSpec {
        user: Some(question.principal.user.clone()),
        groups: Some(question.principal.groups.clone()),
        ..SubjectAccessReviewSpec::default()
    };
    match &question.action.target {
        Target::Path(path) => {
            spec.non_resource_attributes = Some(NonResourceAttributes {
                path: Some(path.clone()),
                verb,
            });
        }
        Target::Resource(resource) => {
            spec.resource_attributes = Some(ResourceAttributes {
                verb,
                group: Some(resource.group.clone()),
                resource: Some(resource.resource.clone()),
                subresource: Some(resource.subresource.clone()),
                name: Some(resource.name.clone()),
                namespace: Some(resource.namespace.clone()),
                ..ResourceAttributes::default()
            });
        }
    }
    spec
}
