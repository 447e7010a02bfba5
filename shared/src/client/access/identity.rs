//! Who the server takes one for.

use std::collections::BTreeMap;

use k8s_openapi::api::authentication::v1::UserInfo;
use serde::Deserialize;

use crate::client::Session;
use crate::client::errors::{Doing, explain};
use crate::error::{Error, Result};

/// A user as the server sees it, after impersonation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The name.
    pub username: String,
    /// The UID, where the authenticator has one.
    pub uid: Option<String>,
    /// The groups, `system:authenticated` among them.
    pub groups: Vec<String>,
    /// What else the authenticator says, such as the credential's ID.
    pub extra: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Review {
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    user_info: UserInfo,
}

/// Asks the server who one is (`SelfSubjectReview`: v1 from Kubernetes 1.28, v1beta1 from 1.27).
///
/// # Errors
///
/// That the server cannot be reached, refuses the credentials, or is too old to say.
pub async fn who_am_i(session: &Session) -> Result<Identity> {
    let doing = Doing::new("create", "selfsubjectreviews.authentication.k8s.io");
    for version in ["v1", "v1beta1"] {
        match ask(session, version).await {
            Ok(user) => return Ok(identity(user)),
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(explain(error, &doing)),
        }
    }
    Err(Error::failed(
        "the server cannot say who you are: it is older than Kubernetes 1.27",
    ))
}

async fn ask(session: &Session, version: &str) -> kube::Result<UserInfo> {
    let group = "authentication.k8s.io";
    let body = serde_json::json!({
        "apiVersion": format!("{group}/{version}"),
        "kind": "SelfSubjectReview",
    });
    let request = http::Request::post(format!("/apis/{group}/{version}/selfsubjectreviews"))
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body.to_string().into_bytes())
        .map_err(kube::Error::HttpError)?;
    let review: Review = session.client.request(request).await?;
    Ok(review.status.user_info)
}

fn identity(user: UserInfo) -> Identity {
    Identity {
        username: user.username.unwrap_or_default(),
        uid: user.uid.filter(|uid| !uid.is_empty()),
        groups: user.groups.unwrap_or_default(),
        extra: user.extra.unwrap_or_default(),
    }
}
