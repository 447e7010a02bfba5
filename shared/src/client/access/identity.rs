//! Who the server takes one for.

use std::collections::BTreeMap;

use k8s_openapi::api::authentication::v1::UserInfo;
use serde::Deserialize;

use crate::client::errors::{failed, status};
use crate::client::session::Session;
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
/// An older server is asked to rehearse a certificate request: it stamps every one with who made
/// it (`pkg/registry/certificates/certificates/strategy.go`), and keeps none of a rehearsal.
///
/// # Errors
///
/// That the server cannot be reached, refuses the credentials, or is too old to say.
pub async fn who_am_i(session: &Session) -> Result<Identity> {
    let failed_to_ask = failed("create", "selfsubjectreviews.authentication.k8s.io");
    let mut refused = None;
    for version in ["v1", "v1beta1"] {
        match ask(session, version).await {
            Ok(user) => return Ok(identity(user)),
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            // Where there is no such resource, nobody but an admin has a right to it.
            Err(error) if error_code(&error) == Some(403) => {
                refused = Some(error);
                break;
            }
            Err(error) => return Err(failed_to_ask(error)),
        }
    }
    match stamped(session).await {
        Ok(user) => Ok(identity(user)),
        Err(_) if !is_old(session).await => match refused {
            Some(error) => Err(failed_to_ask(error)),
            None => Err(Error::failed("the server does not say who you are")),
        },
        Err(error) => {
            let requests = "certificatesigningrequests.certificates.k8s.io";
            Err(failed("create", requests)(error).with_detail(
                "before Kubernetes 1.27 a server says who you are only to users who may create \
                 certificate requests",
            ))
        }
    }
}

fn error_code(error: &kube::Error) -> Option<u16> {
    status(error).map(|status| status.code)
}

/// Says whether the server is older than the review; one that says nothing is taken to be not.
async fn is_old(session: &Session) -> bool {
    let Ok(version) = session.client.apiserver_version().await else {
        return false;
    };
    let digits: String = version
        .minor
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    version.major == "1" && digits.parse::<u32>().is_ok_and(|minor| minor < 27)
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

/// A certificate request of nobody's, in PEM and Base64: what it asks for is not of interest.
const QUESTION: &str = concat!(
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIT01IVUNBUUF3RXpFUk1BOEdBMVVFQXd3SWQy",
    "aHZMV0Z0TFdrd1dUQVRCZ2NxaGtqT1BRSUJCZ2dxaGtqTwpQUU1CQndOQ0FBVFROOE5yK2hZOVRod3dYdnN2eUh6",
    "VzRTMk80WUlYR2luOGdLblcvemdmdFdPdHlOblZRUEM3CmZrZ3h3Q2NJbmJ3YlcycjFTUVVBNFlRL1JDZURBQTc2",
    "b0FBd0NnWUlLb1pJemowRUF3SURTUUF3UmdJaEFLNVgKYlMxb25tWng1cWYzUGZscEFnRmJuZW12b0tKd0Q1bVRx",
    "cjBIcFhqR0FpRUF3MmZXMHpieDE0ZG5Sb1NRdmhHbApYQXU4WXp1c1piTUJFSTZKeWFyUGE5cz0KLS0tLS1FTkQg",
    "Q0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg==",
);

#[derive(Deserialize)]
struct Stamped {
    spec: UserInfo,
}

async fn stamped(session: &Session) -> kube::Result<UserInfo> {
    let group = "certificates.k8s.io";
    let body = serde_json::json!({
        "apiVersion": format!("{group}/v1"),
        "kind": "CertificateSigningRequest",
        "metadata": {"generateName": "who-am-i-"},
        "spec": {
            "request": QUESTION,
            // Nobody signs for it, even if a server were to keep the request.
            "signerName": "groundcrew.dev/who-am-i",
            "usages": ["client auth"],
        },
    });
    let path = format!("/apis/{group}/v1/certificatesigningrequests?dryRun=All");
    let request = http::Request::post(path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body.to_string().into_bytes())
        .map_err(kube::Error::HttpError)?;
    let made: Stamped = session.client.request(request).await?;
    Ok(made.spec)
}

fn identity(user: UserInfo) -> Identity {
    Identity {
        username: user.username.unwrap_or_default(),
        uid: user.uid.filter(|uid| !uid.is_empty()),
        groups: user.groups.unwrap_or_default(),
        extra: user.extra.unwrap_or_default(),
    }
}
