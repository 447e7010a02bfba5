//! Trying the guard out: someone who may claim does what no claimer may, as a dry run.

use std::time::Duration;

use groundcrew::app::Interrupt;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::client::{self, Product, Session};
use groundcrew::cluster::{Patience, poll};
use groundcrew::error::{Error, Result};
use groundcrew::flags::KubeArgs;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::ui::Ui;
use groundcrew::write::status;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::model::settings::Settings;
use crate::model::{meta, objects};

const PAUSE: Duration = Duration::from_millis(150);

/// Something that the guard has to refuse.
struct Attempt {
    policy: &'static str,
    method: http::Method,
    path: String,
    body: Value,
}

fn attempts(now: Timestamp, settings: &Settings) -> Result<Vec<Attempt>> {
    let inside = |resource: &str| format!("/api/v1/namespaces/{SYSTEM_NAMESPACE}/{resource}");
    let post = |policy, path, body| Attempt {
        policy,
        method: http::Method::POST,
        path,
        body,
    };
    let claim = objects::namespace(&objects::Terms {
        name: format!(
            "{}probe-of-the-guard",
            settings.name_prefix.as_deref().unwrap_or_default()
        ),
        owner: meta::PROBE_USER.to_owned(),
        team: None,
        purpose: None,
        contact: None,
        // Right in every other way, however short claims may be here.
        expires: now.checked_add(settings.min_ttl().0).unwrap_or(now),
        warned: None,
    });
    let claim = serde_json::to_value(claim)
        .map_err(|error| Error::failed("an object cannot be written").with_source(error))?;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "probe"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": meta::PROBE_USER}],
    });
    Ok(vec![
        post(
            "groundcrew-claims-namespaces",
            "/api/v1/namespaces".to_owned(),
            json!({"metadata": {"name": "probe-of-the-guard"}}),
        ),
        post(
            "groundcrew-claims-entries",
            "/api/v1/namespaces".to_owned(),
            claim,
        ),
        post(
            "groundcrew-claims-contents",
            inside("resourcequotas"),
            json!({"metadata": {"name": "probe"}, "spec": {"hard": {"pods": "0"}}}),
        ),
        post(
            "groundcrew-claims-rolebindings",
            format!(
                "/apis/rbac.authorization.k8s.io/v1/namespaces/{SYSTEM_NAMESPACE}/rolebindings"
            ),
            binding,
        ),
        Attempt {
            policy: "groundcrew-claims-index",
            method: http::Method::PATCH,
            path: inside(&format!("configmaps/{}", meta::INDEX)),
            body: json!({"metadata": {"annotations": {"groundcrew.dev/probe": "x"}}}),
        },
    ])
}

/// Connects as the probe.
///
/// # Errors
///
/// What is wrong with the connection.
pub async fn connect(args: &KubeArgs, product: &Product, ui: &Ui) -> Result<Session> {
    let mut args = args.clone();
    args.impersonate = Some(meta::PROBE_USER.to_owned());
    args.impersonate_groups = Vec::new();
    args.impersonate_uid = None;
    args.impersonate_extra = Vec::new();
    client::connect(&args, product, ui).await
}

/// What trying the guard out told.
#[derive(Debug)]
pub enum Tried {
    /// Every policy denies.
    Denies,
    /// This one lets a claimer pass; what the server said instead.
    Open { policy: &'static str, said: String },
    /// The caller may not act as the probe.
    NotAllowed(Error),
}

impl Tried {
    /// Says that the guard denies, or why that is not known.
    ///
    /// # Errors
    ///
    /// Which policy does not deny; that it could not be tried.
    pub fn denies(self) -> Result<()> {
        match self {
            Self::Denies => Ok(()),
            Self::Open { policy, said } => Err(Error::failed(format!(
                "the guard does not deny: validatingadmissionpolicy/{policy}"
            ))
            .with_detail(said)),
            Self::NotAllowed(error) => Err(error),
        }
    }
}

/// Tries until every policy denies, each for no longer than `patience` in all.
///
/// # Errors
///
/// Interrupted; that an object cannot be written.
pub async fn try_all(
    probe: &Session,
    interrupt: &Interrupt,
    settings: &Settings,
    now: Timestamp,
    patience: Duration,
) -> Result<Tried> {
    let deadline = tokio::time::Instant::now() + patience;
    for attempt in attempts(now, settings)? {
        let mut said = String::new();
        let patience = Patience {
            limit: deadline.saturating_duration_since(tokio::time::Instant::now()),
            first: PAUSE,
            longest: PAUSE,
        };
        let denied = poll(patience, interrupt, async || {
            match send(probe, &attempt).await {
                Err(error) if denied_by(&error, attempt.policy) => return Ok(Some(Ok(()))),
                Err(error) if is_not_allowed(&error) => return Ok(Some(Err(error))),
                Err(error) => {
                    said = status(&error).map_or_else(|| error.to_string(), |s| s.message.clone());
                }
                Ok(()) => "it lets a claimer pass".clone_into(&mut said),
            }
            Ok(None)
        });
        match denied.await? {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                let doing = Doing::new("impersonate", "users").named(meta::PROBE_USER);
                return Ok(Tried::NotAllowed(explain(error, &doing)));
            }
            None => {
                return Ok(Tried::Open {
                    policy: attempt.policy,
                    said,
                });
            }
        }
    }
    Ok(Tried::Denies)
}

fn is_not_allowed(error: &kube::Error) -> bool {
    status(error).is_some_and(|status| status.message.contains("cannot impersonate"))
}

fn denied_by(error: &kube::Error, policy: &str) -> bool {
    status(error).is_some_and(|status| {
        status
            .message
            .contains(&format!("ValidatingAdmissionPolicy '{policy}'"))
    })
}

async fn send(probe: &Session, attempt: &Attempt) -> kube::Result<()> {
    let content = if attempt.method == http::Method::PATCH {
        "application/merge-patch+json"
    } else {
        "application/json"
    };
    let request = http::Request::builder()
        .method(&attempt.method)
        .uri(format!("{}?dryRun=All", attempt.path))
        .header(http::header::CONTENT_TYPE, content)
        .body(attempt.body.to_string().into_bytes())
        .map_err(kube::Error::HttpError)?;
    probe.client.request::<Value>(request).await.map(drop)
}
