//! Reads the cluster and the output path into one plain value.

use std::collections::BTreeMap;

use futures::future::try_join3;
use futures::{StreamExt as _, TryStreamExt as _};
use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Result};
use groundcrew::write::is_not_found;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::{ConfigMap, LimitRange, Namespace, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, ListParams};
use kube::config::Kubeconfig;
use tokio::sync::{Mutex, OnceCell};

use crate::credential::unbase64;
use crate::handover;
use crate::identity::UserName;
use crate::kubeconfig::{self, Endpoint, Existing};
use crate::meta;
use crate::objects;
use crate::options::{KeySource, Options};
use crate::plan::{self, Place};
use crate::record::{self, Extra, Record, SYSTEM_NAMESPACE};

/// Questions that are asked at the same time.
const CONCURRENCY: usize = 8;

/// Everything that the plan depends on.
#[derive(Debug)]
pub struct Observed {
    /// The record of earlier runs, with the metadata that a write has to match.
    pub record: Option<FoundRecord>,
    /// Her namespace, if there is one of that name.
    pub namespace: Option<FoundNamespace>,
    /// Her RoleBindings, where she has a role or is to lose one.
    pub bindings: Vec<RoleBinding>,
    /// Her ClusterRoleBindings.
    pub wide: Vec<ClusterRoleBinding>,
    /// What limits her own namespace.
    pub existing: InNamespace,
    /// Her certificate requests that are still there.
    pub requests: Vec<CertificateSigningRequest>,
    /// The rules of the roles that she gets, by the role's name.
    pub role_rules: BTreeMap<String, Vec<PolicyRule>>,
    /// Where she reaches the API server.
    pub endpoint: Endpoint,
    /// What stands at the output path.
    pub file: Existing,
}

/// The objects that limit a namespace, as far as they are there. A failed run takes back only
/// what it made, and what is as it should be is not written again.
#[derive(Debug, Default)]
pub struct InNamespace {
    /// The LimitRange.
    pub limits: Option<LimitRange>,
    /// The ResourceQuota.
    pub quota: Option<ResourceQuota>,
    /// The NetworkPolicy.
    pub policy: Option<NetworkPolicy>,
}

/// A record and the object that holds it.
#[derive(Debug)]
pub struct FoundRecord {
    /// What it says.
    pub record: Record,
    /// Name, UID and resourceVersion of its ConfigMap.
    pub metadata: ObjectMeta,
}

/// A namespace as far as it matters here.
#[derive(Clone, Debug, Default)]
pub struct FoundNamespace {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// It is being deleted.
    pub terminating: bool,
    /// Name, UID and resourceVersion.
    pub metadata: ObjectMeta,
}

/// What every person's run reads once.
#[derive(Debug, Default)]
pub struct Cache {
    published: OnceCell<Option<Endpoint>>,
    rules: Mutex<BTreeMap<String, Vec<PolicyRule>>>,
}

/// Reads everything.
///
/// # Errors
///
/// What the server says, with the request named; usage when a role or a namespace to join does not
/// exist, or the output path cannot be used.
pub async fn observe(session: &Session, options: &Options, cache: &Cache) -> Result<Observed> {
    let user = &options.user;
    let file = match &options.key {
        KeySource::Here => kubeconfig::look(&options.out, user, &session.cluster)?,
        KeySource::Hers(request) => handover::look(&options.out, user, request.fingerprint())?,
    };
    let record = record_of(session, user).await?;
    let known = record.as_ref().map(|found| &found.record);
    let places = plan::places(options, known)?;
    let own = places.iter().find(|place| place.own);
    let (found, role_rules, endpoint) = try_join3(
        async {
            match own {
                Some(own) => namespace_named(session, &own.namespace).await,
                None => Ok(None),
            }
        },
        rules(session, &places, cache),
        endpoint(session, options.server.as_deref(), cache),
    )
    .await?;
    for place in places.iter().filter(|place| !place.own) {
        let joined = namespace_named(session, &place.namespace).await?;
        plan::check_joined(&place.namespace, joined.as_ref())?;
    }
    let extras = plan::extras(options, known);
    let wide = wide_of(session, &extras, user).await?;
    let left = known.iter().flat_map(|record| plan::left(options, record));
    let with_binding = places
        .iter()
        .filter(|place| !place.own || found.is_some())
        .map(|place| place.namespace.clone())
        .chain(left);
    let with_binding: Vec<String> = with_binding.collect();
    // A namespace that is not there holds nothing, and nobody who is not on record has asked for a
    // certificate yet.
    let (bindings, existing, requests) = try_join3(
        async {
            let mut all = bindings_of(session, &with_binding, user).await?;
            if extras.contains(&Extra::Claims) {
                let name = Extra::Claims.binding_name(user);
                all.extend(binding_named(session, SYSTEM_NAMESPACE, &name).await?);
            }
            Ok(all)
        },
        async {
            match own.filter(|_| found.is_some()) {
                Some(own) => existing(session, &own.namespace).await,
                None => Ok(InNamespace::default()),
            }
        },
        async {
            if found.is_some() || record.is_some() {
                requests_of(session, user).await
            } else {
                Ok(Vec::new())
            }
        },
    )
    .await?;
    Ok(Observed {
        record,
        namespace: found,
        bindings,
        wide,
        existing,
        requests,
        role_rules,
        endpoint,
        file,
    })
}

/// Reads her record.
///
/// # Errors
///
/// What the server says; conflict when it is somebody else's.
pub async fn record_of(session: &Session, user: &UserName) -> Result<Option<FoundRecord>> {
    let api = Api::<ConfigMap>::namespaced(session.client.clone(), SYSTEM_NAMESPACE);
    let name = record::name(user);
    let found = api.get_opt(&name).await.map_err(|error| {
        explain(
            error,
            &Doing::new("get", "configmaps")
                .named(&name)
                .within(SYSTEM_NAMESPACE),
        )
    })?;
    let Some(map) = found else { return Ok(None) };
    let record = Record::from_config_map(&map)?;
    if record.user != user.as_str() {
        return Err(Error::conflict(format!(
            "configmap {SYSTEM_NAMESPACE}/{name} is the record of {:?}, not of {user}",
            record.user
        )));
    }
    Ok(Some(FoundRecord {
        record,
        metadata: map.metadata,
    }))
}

/// Reads a namespace; `None` when there is none of that name.
///
/// # Errors
///
/// What the server says.
pub async fn namespace_named(session: &Session, name: &str) -> Result<Option<FoundNamespace>> {
    let found = Api::<Namespace>::all(session.client.clone())
        .get_opt(name)
        .await
        .map_err(|error| explain(error, &Doing::new("get", "namespaces").named(name)))?;
    Ok(found.map(|namespace| FoundNamespace {
        terminating: namespace.metadata.deletion_timestamp.is_some(),
        labels: namespace.metadata.labels.clone().unwrap_or_default(),
        annotations: namespace.metadata.annotations.clone().unwrap_or_default(),
        metadata: namespace.metadata,
    }))
}

async fn rules(
    session: &Session,
    places: &[Place],
    cache: &Cache,
) -> Result<BTreeMap<String, Vec<PolicyRule>>> {
    let mut all = BTreeMap::new();
    let mut cached = cache.rules.lock().await;
    for place in places {
        if !cached.contains_key(&place.role) {
            let rules = rules_of(session, &place.role).await?;
            cached.insert(place.role.clone(), rules);
        }
        if let Some(rules) = cached.get(&place.role) {
            all.insert(place.role.clone(), rules.clone());
        }
    }
    Ok(all)
}

/// Reads the rules of a ClusterRole.
///
/// # Errors
///
/// What the server says; usage when there is no such role.
pub async fn rules_of(session: &Session, role: &str) -> Result<Vec<PolicyRule>> {
    let found = Api::<ClusterRole>::all(session.client.clone())
        .get(role)
        .await;
    match found {
        Ok(found) => Ok(found.rules.unwrap_or_default()),
        Err(error) if is_not_found(&error) => {
            Err(Error::usage(format!("there is no ClusterRole {role:?}"))
                .with_hint("the usual ones are view, edit and admin:  kubectl get clusterroles"))
        }
        Err(error) => Err(explain(
            error,
            &Doing::new("get", "clusterroles.rbac.authorization.k8s.io").named(role),
        )),
    }
}

/// Reads her RoleBinding in one namespace.
///
/// # Errors
///
/// What the server says.
pub async fn binding_of(
    session: &Session,
    namespace: &str,
    user: &UserName,
) -> Result<Option<RoleBinding>> {
    binding_named(session, namespace, &objects::binding_name(user)).await
}

async fn binding_named(
    session: &Session,
    namespace: &str,
    name: &str,
) -> Result<Option<RoleBinding>> {
    let api = Api::<RoleBinding>::namespaced(session.client.clone(), namespace);
    api.get_opt(name).await.map_err(|error| {
        let doing = Doing::new("get", "rolebindings.rbac.authorization.k8s.io");
        explain(error, &doing.named(name).within(namespace))
    })
}

/// Reads the ClusterRoleBindings behind `extras`; what has to be installed for them is there.
async fn wide_of(
    session: &Session,
    extras: &[Extra],
    user: &UserName,
) -> Result<Vec<ClusterRoleBinding>> {
    let mut all = Vec::new();
    for extra in extras {
        if *extra == Extra::Claims {
            let role = rules_of(session, extra.role()).await;
            role.map_err(|error| error.with_hint("install it:  kubectl ns-claim install"))?;
        }
        let name = extra.binding_name(user);
        let api = Api::<ClusterRoleBinding>::all(session.client.clone());
        let found = api.get_opt(&name).await.map_err(|error| {
            let doing = Doing::new("get", "clusterrolebindings.rbac.authorization.k8s.io");
            explain(error, &doing.named(&name))
        })?;
        all.extend(found);
    }
    Ok(all)
}

async fn bindings_of(
    session: &Session,
    namespaces: &[String],
    user: &UserName,
) -> Result<Vec<RoleBinding>> {
    let found = futures::stream::iter(namespaces)
        .map(|namespace| binding_of(session, namespace, user))
        .buffered(CONCURRENCY)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

async fn existing(session: &Session, namespace: &str) -> Result<InNamespace> {
    let client = &session.client;
    let limits = Api::<LimitRange>::namespaced(client.clone(), namespace);
    let quotas = Api::<ResourceQuota>::namespaced(client.clone(), namespace);
    let policies = Api::<NetworkPolicy>::namespaced(client.clone(), namespace);
    let failed = |resource: &'static str| {
        move |error| explain(error, &Doing::new("get", resource).within(namespace))
    };
    let (limits, quota, policy) = try_join3(
        async {
            let found = limits.get_opt(objects::LIMITS).await;
            found.map_err(failed("limitranges"))
        },
        async {
            let found = quotas.get_opt(objects::LIMITS).await;
            found.map_err(failed("resourcequotas"))
        },
        async {
            let found = policies.get_opt(objects::DEFAULT_DENY).await;
            found.map_err(failed("networkpolicies.networking.k8s.io"))
        },
    )
    .await?;
    Ok(InNamespace {
        limits,
        quota,
        policy,
    })
}

async fn requests_of(session: &Session, user: &UserName) -> Result<Vec<CertificateSigningRequest>> {
    let selector = format!("{}={}", meta::USER_LABEL, user.slug());
    let found = Api::<CertificateSigningRequest>::all(session.client.clone())
        .list(&ListParams::default().labels(&selector))
        .await
        .map_err(|error| {
            explain(
                error,
                &Doing::new("list", "certificatesigningrequests.certificates.k8s.io"),
            )
        })?;
    Ok(found.items)
}

/// Chooses the address she gets: as stated, as the cluster publishes it for joining machines, or
/// as the admin's own kubeconfig has it. Never the admin's credentials or a switched-off check.
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
            "this kubeconfig skips the check of the server's certificate, which is not passed on",
        )
        .with_hint("name the cluster's CA with --certificate-authority"));
    }
    Ok(endpoint)
}

/// Reads `kube-public/cluster-info`, which kubeadm keeps for machines that join. Whoever may not
/// read it, or a cluster without it, falls back to the admin's own address.
async fn published(session: &Session) -> Option<Endpoint> {
    let api = Api::<ConfigMap>::namespaced(session.client.clone(), "kube-public");
    let map = api.get_opt("cluster-info").await.ok()??;
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
