//! Reads a policy from a cluster, page by page.

use can_i_audit::catalog::Catalog;
use can_i_audit::policy::{Gap, Policy};
use groundcrew::client::Session;
use groundcrew::client::access::{self, Access};
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Kind, Result};
use http::header::ACCEPT;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::discovery;

/// Objects of one LIST answer.
const PAGE: u32 = 500;
/// How often a list is begun again when the server forgets where it was (410).
const RESTARTS: u32 = 3;
/// Metadata is all that counts of namespaces and service accounts.
const METADATA: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

/// One resource that is listed.
#[derive(Clone, Copy)]
struct Resource {
    prefix: &'static str,
    plural: &'static str,
    /// Plural with the group, as errors name it.
    full: &'static str,
    namespaced: bool,
    accept: &'static str,
}

const fn rbac(plural: &'static str, full: &'static str, namespaced: bool) -> Resource {
    Resource {
        prefix: RBAC,
        plural,
        full,
        namespaced,
        accept: "application/json",
    }
}

const CLUSTER_ROLES: Resource = rbac(
    "clusterroles",
    "clusterroles.rbac.authorization.k8s.io",
    false,
);
const ROLES: Resource = rbac("roles", "roles.rbac.authorization.k8s.io", true);
const CLUSTER_ROLE_BINDINGS: Resource = rbac(
    "clusterrolebindings",
    "clusterrolebindings.rbac.authorization.k8s.io",
    false,
);
const ROLE_BINDINGS: Resource = rbac(
    "rolebindings",
    "rolebindings.rbac.authorization.k8s.io",
    true,
);
const NAMESPACES: Resource = Resource {
    prefix: "/api/v1",
    plural: "namespaces",
    full: "namespaces",
    namespaced: false,
    accept: METADATA,
};
const SERVICE_ACCOUNTS: Resource = Resource {
    prefix: "/api/v1",
    plural: "serviceaccounts",
    full: "serviceaccounts",
    namespaced: true,
    accept: METADATA,
};
const ALL: [Resource; 6] = [
    CLUSTER_ROLES,
    ROLES,
    CLUSTER_ROLE_BINDINGS,
    ROLE_BINDINGS,
    NAMESPACES,
    SERVICE_ACCOUNTS,
];

/// One page, without what nobody needs: fields that are not named here are skipped while parsing.
#[derive(Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ListMeta {
    #[serde(rename = "continue")]
    next: Option<String>,
}

/// What was read of one resource.
struct Listed<T> {
    items: Vec<T>,
    gap: Option<(Gap, kube::Error, Doing)>,
}

/// Reads everything that may be read.
///
/// # Errors
///
/// That none of roles and bindings could be read, for whatever reason.
pub async fn read(session: &Session) -> Result<Policy> {
    let (cluster_roles, roles, cluster_role_bindings, role_bindings, rest) = futures::join!(
        list(session, CLUSTER_ROLES),
        list(session, ROLES),
        list(session, CLUSTER_ROLE_BINDINGS),
        list(session, ROLE_BINDINGS),
        async {
            futures::join!(
                list(session, NAMESPACES),
                list(session, SERVICE_ACCOUNTS),
                discovery::read(session),
                minor(session)
            )
        }
    );
    let (namespaces, service_accounts, catalog, minor) = rest;
    let mut gaps = Vec::new();
    let mut failures = Vec::new();
    let mut policy = Policy {
        cluster_roles: take(cluster_roles, &mut failures),
        roles: take(roles, &mut failures),
        cluster_role_bindings: take(cluster_role_bindings, &mut failures),
        role_bindings: take(role_bindings, &mut failures),
        namespaces: take(namespaces, &mut failures),
        service_accounts: take(service_accounts, &mut failures),
        catalog: Catalog::default(),
        gaps: Vec::new(),
        from_cluster: true,
        server_minor: minor,
    };
    let nothing = policy.cluster_role_bindings.is_empty() && policy.role_bindings.is_empty();
    if nothing && failures.len() >= 4 {
        return Err(unreadable(session, failures).await);
    }
    gaps.extend(failures.into_iter().map(|(gap, _, _)| gap));
    policy.catalog = match catalog {
        Ok((catalog, unreachable)) => {
            gaps.extend(unreachable.into_iter().map(|group| Gap {
                resource: format!("resources of {group}"),
                except_namespace: None,
                why: "its API server does not answer".to_owned(),
            }));
            catalog
        }
        Err(error) => {
            let doing = Doing::new("get", "/apis");
            gaps.push(Gap {
                resource: "discovery".to_owned(),
                except_namespace: None,
                why: one_line(&explain(error, &doing)),
            });
            Catalog::built_in()
        }
    };
    policy.gaps = gaps;
    Ok(policy)
}

/// The version decides on a few rules; without it the newest is assumed.
async fn minor(session: &Session) -> Option<u32> {
    #[derive(Deserialize)]
    struct Version {
        minor: String,
    }
    let version: Version = get(session, "/version", "application/json").await.ok()?;
    let digits: String = version
        .minor
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

type Failure = (Gap, kube::Error, Doing);

fn take<T>(listed: Listed<T>, failures: &mut Vec<Failure>) -> Vec<T> {
    failures.extend(listed.gap);
    listed.items
}

/// Lists everywhere; where that is forbidden, in the namespace of this run.
async fn list<T: DeserializeOwned>(session: &Session, resource: Resource) -> Listed<T> {
    let (items, error) = pages(session, resource, None).await;
    let Some(error) = error else {
        return Listed { items, gap: None };
    };
    let doing = Doing::new("list", resource.full);
    let mut gap = Gap {
        resource: resource.plural.to_owned(),
        except_namespace: None,
        why: String::new(),
    };
    let mut items = items;
    if resource.namespaced && is_forbidden(&error) {
        let (inside, second) = pages(session, resource, Some(&session.namespace)).await;
        if second.is_none() {
            items = inside;
            gap.except_namespace = Some(session.namespace.clone());
        }
    }
    gap.why = one_line(&explain(copy(&error), &doing));
    Listed {
        items,
        gap: Some((gap, error, doing)),
    }
}

/// Lists page by page. What was read before an error is returned with it.
async fn pages<T: DeserializeOwned>(
    session: &Session,
    resource: Resource,
    namespace: Option<&str>,
) -> (Vec<T>, Option<kube::Error>) {
    let inside = namespace.map_or(String::new(), |name| format!("/namespaces/{name}"));
    let mut restarts = 0;
    let mut items = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let mut path = format!(
            "{}{inside}/{}?limit={PAGE}",
            resource.prefix, resource.plural
        );
        if let Some(token) = &next {
            path.push_str("&continue=");
            path.push_str(&escaped(token));
        }
        match get::<Page<T>>(session, &path, resource.accept).await {
            Ok(page) => {
                items.extend(page.items);
                match page.metadata.next.filter(|token| !token.is_empty()) {
                    Some(token) => next = Some(token),
                    None => return (items, None),
                }
            }
            // The server forgot the list: what was read is of another time, so all again.
            Err(error) if code(&error) == Some(410) && next.is_some() && restarts < RESTARTS => {
                restarts += 1;
                next = None;
                items.clear();
            }
            Err(error) => return (items, Some(error)),
        }
    }
}

/// Gets a document.
pub(super) async fn get<T: DeserializeOwned>(
    session: &Session,
    path: &str,
    accept: &str,
) -> Result<T, kube::Error> {
    let request = http::Request::get(path)
        .header(ACCEPT, accept)
        .body(Vec::new())
        .map_err(kube::Error::HttpError)?;
    session.client.request(request).await
}

/// A continue token is base64 for URLs in practice, and opaque by contract.
fn escaped(token: &str) -> String {
    let mut text = String::with_capacity(token.len());
    for byte in token.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

pub(super) fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

fn is_forbidden(error: &kube::Error) -> bool {
    code(error) == Some(403)
}

/// kube's errors cannot be cloned; the server's words are what is kept.
fn copy(error: &kube::Error) -> kube::Error {
    match error {
        kube::Error::Api(status) => kube::Error::Api(status.clone()),
        other => kube::Error::Service(chain(other).into()),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}

fn one_line(error: &Error) -> String {
    let line = error.headline();
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The error when there is nothing to answer from.
async fn unreadable(session: &Session, mut failures: Vec<Failure>) -> Error {
    let all_forbidden = failures.iter().all(|(_, error, _)| is_forbidden(error));
    if !all_forbidden {
        let other = failures
            .iter()
            .position(|(_, error, _)| !is_forbidden(error))
            .unwrap_or_default();
        let (_, error, doing) = failures.swap_remove(other);
        return explain(error, &doing);
    }
    let me = match access::who_am_i(session).await {
        Ok(identity) => identity.username,
        Err(error) => return error,
    };
    let missing: Vec<Access> = ALL
        .iter()
        .map(|resource| Access::new("list", resource.full))
        .collect();
    let mut error = Error::new(
        Kind::Incomplete,
        format!("you ({me}) may list neither bindings nor roles, so nothing can be said"),
    );
    for (gap, _, _) in &failures {
        error = error.with_detail(gap.to_string());
    }
    error.with_hint(format!(
        "an admin can grant it:\n{}",
        access::grant_command(&missing, &me, "access-auditor")
    ))
}
