//! Trying the guard out: somebody who may claim does what no claimer may, as a dry run.

use std::time::Duration;

use groundcrew::client::errors::{Doing, explain};
use groundcrew::client::{self, Product, Session};
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
        name: "probe-of-the-guard".to_owned(),
        owner: meta::PROBE_USER.to_owned(),
        team: None,
        purpose: None,
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

/// Tries until every policy denies.
///
/// # Errors
///
/// Which one does not, after `patience`; that one may not impersonate the probe.
pub async fn all_deny(
    probe: &Session,
    settings: &Settings,
    now: Timestamp,
    patience: Duration,
) -> Result<()> {
    let deadline = tokio::time::Instant::now() + patience;
    for attempt in attempts(now, settings)? {
        loop {
            let answer = send(probe, &attempt).await;
            match &answer {
                Err(error) if denied_by(error, attempt.policy) => break,
                Err(kube::Error::Api(status)) if status.message.contains("cannot impersonate") => {
                    let doing = Doing::new("impersonate", "users").named(meta::PROBE_USER);
                    return Err(answer.map_or_else(
                        |error| explain(error, &doing),
                        |_| Error::failed("the guard cannot be tried out"),
                    ));
                }
                _ => {}
            }
            if tokio::time::Instant::now() >= deadline {
                let said = match &answer {
                    Ok(()) => "it lets a claimer pass".to_owned(),
                    Err(error) => {
                        status(error).map_or_else(|| error.to_string(), |s| s.message.clone())
                    }
                };
                return Err(Error::failed(format!(
                    "the guard does not deny: validatingadmissionpolicy/{}",
                    attempt.policy
                ))
                .with_detail(said));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
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
