//! Where the user reaches the API server.

use std::collections::BTreeMap;

use groundcrew::client::Session;
use groundcrew::client::clock::Clock;
use groundcrew::error::{Error, Result};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::config::Kubeconfig;
use tokio::sync::{Mutex, OnceCell};

use crate::model::credential::unbase64;
use crate::model::kubeconfig::Endpoint;
use crate::model::onboarding::options::Way;
use crate::model::way;

/// What every person's run reads once.
#[derive(Debug, Default)]
pub struct Cache {
    /// Who has claimed which namespace.
    pub index: OnceCell<BTreeMap<String, String>>,
    /// The server's clock: everything is decided and recorded by it.
    pub clock: OnceCell<Clock>,
    published: OnceCell<Option<Endpoint>>,
    pub rules: Mutex<BTreeMap<String, Vec<PolicyRule>>>,
}

/// Chooses the address the user gets: as given, as the cluster publishes it for joining machines,
/// or as the admin's own kubeconfig has it. Never the admin's credentials or a switched-off check,
/// and nothing that was not parsed.
///
/// # Errors
///
/// Usage, when the admin's own file skips the check of the server's certificate, or holds what is
/// not for others.
pub async fn endpoint(session: &Session, wanted: &Way, cache: &Cache) -> Result<Endpoint> {
    let own = &session.endpoint;
    let mut endpoint = Endpoint::from(own);
    let mut published = None;
    if let Some(server) = &wanted.server {
        // What leads the admin to one address says nothing about another one.
        if *server != own.server {
            endpoint.tls_server_name = None;
            endpoint.proxy_url = None;
        }
        endpoint.server.clone_from(server);
    } else {
        published = cache
            .published
            .get_or_init(|| read_published(session))
            .await
            .clone();
    }
    let is_published = published.is_some();
    let mut endpoint = published.unwrap_or(endpoint);
    if let Some(proxy) = &wanted.proxy {
        endpoint.proxy_url = proxy.url().map(str::to_owned);
    }
    let place = if is_published {
        "configmap kube-public/cluster-info".to_owned()
    } else {
        format!(
            "the entry of cluster {:?} in the kubeconfig",
            session.cluster
        )
    };
    if endpoint
        .proxy_url
        .as_deref()
        .is_some_and(|url| way::proxy(url).is_err())
    {
        let why = way::checked(&endpoint).err().unwrap_or_default();
        return Err(Error::usage(format!("{place} is not for others: {why}"))
            .with_hint("pass the proxy for the user:  --user-proxy http://HOST:PORT")
            .with_hint("or none:  --user-proxy none"));
    }
    let endpoint = way::checked(&endpoint).map_err(|why| {
        Error::usage(format!("{place} is not for others: {why}"))
            .with_hint("pass the address for the user:  --user-server https://HOST:PORT")
    })?;
    if !is_published && own.insecure && endpoint.certificate_authority.is_none() {
        return Err(Error::usage(
            "this kubeconfig has insecure-skip-tls-verify set, which is not copied to the user's file",
        )
        .with_hint("pass the cluster's CA with --certificate-authority"));
    }
    Ok(endpoint)
}

/// Reads `kube-public/cluster-info`, which kubeadm keeps for machines that join. Anybody who may
/// not read it, or a cluster without it, falls back to the admin's own address.
async fn read_published(session: &Session) -> Option<Endpoint> {
    let public = session.in_("kube-public").of::<ConfigMap>();
    let map = public.find("cluster-info").await.ok()??;
    let config = Kubeconfig::from_yaml(map.data?.get("kubeconfig")?).ok()?;
    let cluster = config.clusters.into_iter().next()?.cluster?;
    let ca = cluster.certificate_authority_data?;
    Some(Endpoint {
        server: cluster.server?,
        certificate_authority: Some(unbase64(&ca)?),
        tls_server_name: cluster.tls_server_name,
        proxy_url: None,
    })
}
