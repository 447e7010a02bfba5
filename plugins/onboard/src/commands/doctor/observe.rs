//! Reads everything that the diagnosis is made of.

use groundcrew::client::access::{Access, Identity};
use groundcrew::client::errors::failed;
use groundcrew::client::{Session, access};
use groundcrew::error::{Error, Result};
use groundcrew::finding::{Sight, sight};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::client::Body;

use crate::cluster::people::People;
use crate::cluster::{endpoint, people};
use crate::commands::doctor::grant;
use crate::commands::doctor::probe::Outcome;
use crate::model::kubeconfig::Endpoint;
use crate::model::labels;
use crate::model::onboarding::options::Way;

/// Everything that was looked at.
#[derive(Debug)]
pub struct Observed {
    /// What the server calls its version: `v1.36.3`.
    pub version: Sight<String>,
    /// How far this machine's clock is ahead of the API server's, in seconds.
    pub skew: Sight<i64>,
    /// Who runs this.
    pub me: Sight<Identity>,
    /// Rights that onboarding needs and that are missing.
    pub missing: Sight<Vec<Access>>,
    /// The address that kubeconfigs get.
    pub endpoint: Sight<Endpoint>,
    /// Every DaemonSet.
    pub daemon_sets: Sight<Vec<DaemonSet>>,
    /// Names of the API groups that are served.
    pub groups: Sight<Vec<String>>,
    /// Whether the signer issues.
    pub signer: Outcome,
    /// Every record.
    pub people: Sight<People>,
    /// Every namespace.
    pub namespaces: Sight<Vec<ObjectMeta>>,
    /// Every RoleBinding.
    pub bindings: Sight<Vec<RoleBinding>>,
    /// Every ClusterRoleBinding.
    pub cluster_bindings: Sight<Vec<ClusterRoleBinding>>,
    /// Certificate requests that this plugin made.
    pub requests: Sight<Vec<ObjectMeta>>,
    /// Secrets that this plugin made; never what is in them.
    pub secrets: Sight<Vec<ObjectMeta>>,
}

impl Observed {
    /// Returns why a probe would be refused.
    pub fn may_not_probe(&self) -> Option<String> {
        let missing = self.missing.as_ref().ok()?;
        let needed = |access: &&Access| {
            access.resource == "certificatesigningrequests" || access.resource == "signers"
        };
        let missing: Vec<String> = missing
            .iter()
            .filter(needed)
            .map(ToString::to_string)
            .collect();
        (!missing.is_empty()).then(|| format!("missing right: {}", missing.join("; ")))
    }
}

/// Looks at everything but the signer.
///
/// # Errors
///
/// That the server cannot be reached or does not accept who asks; whatever else cannot be read is
/// kept as such.
pub async fn observe(session: &Session) -> Result<Observed> {
    // A first request that fails ends the run: without a server there is no diagnosis.
    let (version, skew) = version(session).await?;
    let required = grant::required();
    let cache = endpoint::Cache::default();
    let way = Way::default();
    let (me, missing, endpoint, groups) = futures::join!(
        access::who_am_i(session),
        access::missing(session, &required),
        endpoint::endpoint(session, &way, &cache),
        groups(session),
    );
    let marked = format!("{}={}", labels::MANAGED_BY.0, labels::MANAGED_BY.1);
    let (all, marked) = (ListParams::default(), ListParams::default().labels(&marked));
    let namespaces = session.of::<Namespace>();
    let bindings = session.everywhere::<RoleBinding>();
    let cluster_bindings = session.of::<ClusterRoleBinding>();
    let requests = session.of::<CertificateSigningRequest>();
    let secrets = session.in_(SYSTEM_NAMESPACE).of::<Secret>();
    let daemon_sets = session.everywhere::<DaemonSet>();
    // For Secrets nothing but metadata may be read, and for the others it is less.
    let (people, namespaces, bindings, cluster_bindings, requests, secrets, daemon_sets) = futures::join!(
        people::all(session),
        namespaces.list_metadata(&all),
        bindings.list(),
        cluster_bindings.list(),
        requests.list_metadata(&marked),
        secrets.list_metadata(&marked),
        daemon_sets.list(),
    );
    Ok(Observed {
        version: Ok(version),
        skew: skew.ok_or_else(|| "the server sends no Date".to_owned()),
        me: sight(me),
        missing: sight(missing),
        endpoint: sight(endpoint),
        daemon_sets: sight(daemon_sets),
        groups: sight(groups),
        signer: Outcome::Unasked,
        people: sight(people),
        namespaces: sight(namespaces),
        bindings: sight(bindings),
        cluster_bindings: sight(cluster_bindings),
        requests: sight(requests),
        secrets: sight(secrets),
    })
}

/// Returns the version, and how far this machine's clock is ahead. The answer's `Date` has whole
/// seconds, and the moment that it was written lies between question and answer.
async fn version(session: &Session) -> Result<(String, Option<i64>)> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Version {
        git_version: String,
    }
    let failed = failed("get", "/version");
    let request = http::Request::get("/version")
        .body(Body::empty())
        .map_err(|error| Error::failed("cannot ask for the version").with_source(error))?;
    let asked = Timestamp::now();
    let answer = session.client.send(request).await.map_err(&failed)?;
    let answered = Timestamp::now();
    let date = answer
        .headers()
        .get(http::header::DATE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| jiff::fmt::rfc2822::parse(text).ok())
        .map(|date| date.timestamp().as_second());
    let skew = date.map(|date| {
        if answered.as_second() < date {
            answered.as_second() - date
        } else {
            (asked.as_second() - date).max(0)
        }
    });
    let body = answer.into_body().collect_bytes().await.map_err(failed)?;
    let version = serde_json::from_slice::<Version>(&body)
        .map_err(|error| Error::failed("the server does not say its version").with_source(error))?;
    Ok((version.git_version, skew))
}

async fn groups(session: &Session) -> Result<Vec<String>> {
    let groups = session
        .client
        .list_api_groups()
        .await
        .map_err(failed("get", "/apis"))?;
    Ok(groups.groups.into_iter().map(|group| group.name).collect())
}
