//! Reads the cluster and the output path into one plain value.

use std::collections::BTreeMap;

use futures::future::try_join3;
use futures::{StreamExt as _, TryStreamExt as _};
use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::tenancy::{CLAIM_OWNER_BINDING, SYSTEM_NAMESPACE};
use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, PolicyRule, RoleBinding};

use crate::cluster::certificates::Requests;
use crate::cluster::claims::{claim_index, claimed};
use crate::cluster::endpoint::{Cache, endpoint};
use crate::cluster::namespaces::namespace_named;
use crate::cluster::records::record_of;
use crate::cluster::roles::{binding_named, binding_of, rules_of};
use crate::model::labels;
use crate::model::objects::namespace;
use crate::model::onboarding::delivery::Delivery;
use crate::model::onboarding::observed::{InNamespace, Observed};
use crate::model::onboarding::options::Options;
use crate::model::onboarding::plan::Place;
use crate::model::onboarding::{decide, resolve};
use crate::model::settings::Extra;
use crate::model::user::UserName;
use crate::model::way;

/// Questions that are asked at the same time.
const CONCURRENCY: usize = 8;

/// Reads everything.
///
/// # Errors
///
/// What the server says, with the request named; usage when a role or a namespace to join does not
/// exist, or the output path cannot be used.
pub async fn observe(
    session: &Session,
    options: &Options,
    delivery: &dyn Delivery,
    cache: &Cache,
) -> Result<Observed> {
    let user = &options.user;
    if options.request().is_some() {
        way::cluster_name(&session.cluster).map_err(|why| {
            Error::usage(format!(
                "kubectl onboard accept would refuse the file: {why}"
            ))
            .with_hint(format!(
                "kubectl config view --minify  # rename cluster {:?}",
                session.cluster
            ))
        })?;
    }
    let file = delivery.look(options, &session.cluster)?;
    let record = record_of(session, user).await?;
    let known = record.as_ref().map(|found| &found.record);
    let places = resolve::places(options, known)?;
    let own = places.iter().find(|place| place.own);
    let (found, role_rules, endpoint) = try_join3(
        async {
            match own {
                Some(own) => namespace_named(session, &own.namespace).await,
                None => Ok(None),
            }
        },
        rules(session, &places, cache),
        endpoint(session, &options.way, cache),
    )
    .await?;
    for place in places.iter().filter(|place| !place.own) {
        let joined = namespace_named(session, &place.namespace).await?;
        resolve::check_joined(&place.namespace, joined.as_ref())?;
    }
    let extras = decide::extras(options, known);
    let wide = wide_of(session, &extras, user).await?;
    let left = known
        .iter()
        .flat_map(|record| resolve::left(options, record));
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
                Requests::of(session).made_for(user).await
            } else {
                Ok(Vec::new())
            }
        },
    )
    .await?;
    let mut unfinished = Vec::new();
    for namespace in known.iter().flat_map(|record| &record.replacing) {
        let name = labels::next_binding_name(user);
        unfinished.extend(binding_named(session, namespace, &name).await?);
    }
    let claims = match &record {
        // Who was never onboarded has claimed nothing that hangs on a generation.
        None => Vec::new(),
        Some(_) => claims_of(session, user, cache).await?,
    };
    Ok(Observed {
        record,
        namespace: found,
        bindings,
        unfinished,
        claims,
        wide,
        existing,
        requests,
        role_rules,
        endpoint,
        file,
    })
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
        let bindings = session.of::<ClusterRoleBinding>();
        all.extend(bindings.find(&name).await?);
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
    let place = session.in_(namespace);
    let (limits, quotas) = (place.of::<LimitRange>(), place.of::<ResourceQuota>());
    let policies = place.of::<NetworkPolicy>();
    let (limits, quota, policy) = try_join3(
        limits.find(namespace::LIMITS),
        quotas.find(namespace::LIMITS),
        policies.find(namespace::DEFAULT_DENY),
    )
    .await?;
    Ok(InNamespace {
        limits,
        quota,
        policy,
    })
}

/// Reads the owner bindings of what the user has claimed.
async fn claims_of(session: &Session, user: &UserName, cache: &Cache) -> Result<Vec<RoleBinding>> {
    let index = cache.index.get_or_try_init(|| claim_index(session)).await?;
    let mut all = Vec::new();
    for namespace in claimed(index, user) {
        all.extend(binding_named(session, &namespace, CLAIM_OWNER_BINDING).await?);
    }
    Ok(all)
}
