//! Everything that gives a user something, found by looking at the whole cluster.

use groundcrew::client::Session;
use groundcrew::error::Result;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::{
    Namespace, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;

use crate::cluster::bindings::bindings;
use crate::cluster::namespaces::namespace_named;
use crate::cluster::records::record_of;
use crate::model::found::{FoundNamespace, FoundRecord};
use crate::model::identity::Binding;
use crate::model::labels;
use crate::model::user::UserName;

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The user's record.
    pub record: Option<FoundRecord>,
    /// Every binding of the cluster, also those that do not name the user: any of them may name a
    /// group that the user shares.
    pub bindings: Vec<Binding>,
    /// The namespace that the record names, or that is named after the user.
    pub namespace: Option<FoundNamespace>,
    /// What is in it.
    pub contents: Contents,
    /// Secrets behind the user's tokens.
    pub secrets: Vec<ObjectMeta>,
    /// The service account behind the user's tokens.
    pub account: Option<ObjectMeta>,
    /// Temporary namespaces that the user has claimed.
    pub claims: Vec<ObjectMeta>,
    /// Certificate requests of the user.
    pub requests: Vec<CertificateSigningRequest>,
}

/// What is in a namespace, as far as it matters to someone who deletes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Pods.
    pub pods: usize,
    /// PersistentVolumeClaims: data.
    pub claims: usize,
    /// Services of type LoadBalancer: addresses outside of the cluster.
    pub load_balancers: usize,
}

/// Looks at everything.
///
/// # Errors
///
/// What the server says. A user who may not list every binding cannot offboard anyone: what is
/// not seen cannot be taken away.
pub async fn find(session: &Session, user: &UserName) -> Result<Found> {
    let record = record_of(session, user).await?;
    let bindings = bindings(session).await?;
    let slug = user.slug();
    let name = record
        .as_ref()
        .map_or(slug.as_str(), |found| found.record.namespace.as_str());
    let namespace = namespace_named(session, name).await?;
    let contents = match &namespace {
        Some(_) => contents(session, name).await?,
        None => Contents::default(),
    };
    let (account, secrets) = behind_tokens(session, user).await?;
    let requests = requests(session, user).await?;
    let claims = claims(session, user).await?;
    Ok(Found {
        claims,
        record,
        bindings,
        namespace,
        contents,
        secrets,
        account,
        requests,
    })
}

async fn contents(session: &Session, namespace: &str) -> Result<Contents> {
    let place = session.in_(namespace);
    let pods = place.of::<Pod>();
    let claims = place.of::<PersistentVolumeClaim>();
    let services = place.of::<Service>();
    let (pods, claims, services) =
        futures::future::try_join3(pods.list(), claims.list(), services.list()).await?;
    let balanced = |service: &&Service| {
        let spec = service.spec.as_ref();
        spec.and_then(|spec| spec.type_.as_deref()) == Some("LoadBalancer")
    };
    Ok(Contents {
        pods: pods.len(),
        claims: claims.len(),
        load_balancers: services.iter().filter(balanced).count(),
    })
}

async fn behind_tokens(
    session: &Session,
    user: &UserName,
) -> Result<(Option<ObjectMeta>, Vec<ObjectMeta>)> {
    let system = session.in_(SYSTEM_NAMESPACE);
    let accounts = system.of::<ServiceAccount>();
    let secrets = system.of::<Secret>();
    let own = ListParams::default().labels(&format!("{}={}", labels::USER_LABEL, user.slug()));
    let name = labels::binding_name(user);
    // The Secrets' metadata says enough; what is inside stays where it is.
    let (account, secrets) =
        futures::future::try_join(accounts.find(&name), secrets.list_metadata(&own)).await?;
    Ok((account.map(|account| account.metadata), secrets))
}

/// Returns the namespaces that the user has claimed and that are not being deleted already.
async fn claims(session: &Session, user: &UserName) -> Result<Vec<ObjectMeta>> {
    let (key, value) = groundcrew::tenancy::CLAIM;
    // A token's holder claims under the name of its account.
    let account = format!(
        "system:serviceaccount:{SYSTEM_NAMESPACE}:{}",
        labels::binding_name(user)
    );
    let namespaces = session.of::<Namespace>();
    let found = namespaces.labelled(&format!("{key}={value}")).await?;
    let own = |metadata: &ObjectMeta| {
        let owner = metadata
            .annotations
            .as_ref()
            .and_then(|all| all.get(labels::OWNER));
        owner.is_some_and(|owner| owner == user.as_str() || *owner == account)
            && metadata.deletion_timestamp.is_none()
    };
    let all = found.into_iter().map(|namespace| namespace.metadata);
    Ok(all.filter(own).collect())
}

/// Returns every request that the user made, or that was made for them.
async fn requests(session: &Session, user: &UserName) -> Result<Vec<CertificateSigningRequest>> {
    let found = session.of::<CertificateSigningRequest>().list().await?;
    let slug = user.slug();
    let own = |request: &CertificateSigningRequest| {
        let labels = request.metadata.labels.as_ref();
        labels.and_then(|labels| labels.get(labels::USER_LABEL)) == Some(&slug)
            || request.spec.username.as_deref() == Some(user.as_str())
    };
    Ok(found.into_iter().filter(own).collect())
}
