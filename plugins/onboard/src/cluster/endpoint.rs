//! Where the user reaches the API server.

use std::collections::BTreeMap;

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::config::Kubeconfig;
use tokio::sync::{Mutex, OnceCell};

use crate::model::credential::unbase64;
use crate::model::kubeconfig::Endpoint;

/// What every person's run reads once.
#[derive(Debug, Default)]
pub struct Cache {
    /// Who has claimed which namespace.
    pub index: OnceCell<BTreeMap<String, String>>,
    published: OnceCell<Option<Endpoint>>,
    pub rules: Mutex<BTreeMap<String, Vec<PolicyRule>>>,
}

/// Chooses the address the user gets: as given, as the cluster publishes it for joining machines,
/// or as the admin's own kubeconfig has it. Never the admin's credentials or a switched-off check.
///
/// # Errors
///
/// Usage, when the admin's own file skips the check of the server's certificate.
pub async fn endpoint(session: &Session, stated: Option<&str>, cache: &Cache) -> Result<Endpoint> {
    let own = &session.endpoint;
    let mut endpoint = Endpoint {
        server: own.server.clone(),
        certificate_authority: own.certificate_authority.clone(),
        tls_server_name: own.tls_server_name.clone(),
        proxy_url: own.proxy_url.clone(),
    };
    if let Some(server) = stated {
        endpoint.server = server.to_owned();
    } else {
        let published = cache.published.get_or_init(|| published(session)).await;
        if let Some(published) = published {
            return Ok(published.clone());
        }
    }
    if own.insecure && endpoint.certificate_authority.is_none() {
        return Err(Error::usage(
            "this kubeconfig has insecure-skip-tls-verify set, which is not copied to the user's file",
        )
        .with_hint("pass the cluster's CA with --certificate-authority"));
    }
    Ok(endpoint)
}

/// Reads `kube-public/cluster-info`, which kubeadm keeps for machines that join. Anybody who may
/// not read it, or a cluster without it, falls back to the admin's own address.
async fn published(session: &Session) -> Option<Endpoint> {
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
