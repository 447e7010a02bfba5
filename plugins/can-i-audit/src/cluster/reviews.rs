//! Asks the server itself.

use can_i_audit::model::question::{Question, Target};
use futures::StreamExt as _;
use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::Result;
use serde::Deserialize;
use serde_json::{Value, json};

/// Reviews that are asked at the same time.
const CONCURRENCY: usize = 24;

/// What the server answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Verdict {
    /// It is allowed.
    pub allowed: bool,
    /// It is refused whatever other authorizers say.
    pub denied: bool,
    /// By what.
    pub reason: String,
}

#[derive(Deserialize)]
struct Review {
    #[serde(default)]
    status: Verdict,
}

/// Asks every question, in any order, and returns the answers in theirs.
///
/// # Errors
///
/// What the server says, above all that one may not ask about others.
pub async fn ask(session: &Session, questions: &[Question]) -> Result<Vec<Verdict>> {
    let mut answers = vec![Verdict::default(); questions.len()];
    let mut asked = futures::stream::iter(
        questions
            .iter()
            .enumerate()
            .map(|(index, question)| async move { (index, one(session, question).await) }),
    )
    .buffer_unordered(CONCURRENCY);
    while let Some((index, answer)) = asked.next().await {
        answers[index] = answer.map_err(|error| {
            let doing = Doing::new("create", "subjectaccessreviews.authorization.k8s.io");
            explain(error, &doing)
        })?;
    }
    Ok(answers)
}

async fn one(session: &Session, question: &Question) -> Result<Verdict, kube::Error> {
    let body = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": spec(question),
    });
    let request = http::Request::post("/apis/authorization.k8s.io/v1/subjectaccessreviews")
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body.to_string().into_bytes())
        .map_err(kube::Error::HttpError)?;
    let review: Review = session.client.request(request).await?;
    Ok(review.status)
}

fn spec(question: &Question) -> Value {
    let verb = &question.action.verb;
    let mut spec = json!({
        "user": question.principal.user,
        "groups": question.principal.groups,
    });
    match &question.action.target {
        Target::Path(path) => {
            spec["nonResourceAttributes"] = json!({"verb": verb, "path": path});
        }
        Target::Resource(resource) => {
            spec["resourceAttributes"] = json!({
                "verb": verb,
                "group": resource.group,
                "resource": resource.resource,
                "subresource": resource.subresource,
                "name": resource.name,
                "namespace": resource.namespace,
            });
        }
    }
    spec
}
