//! Reads a policy from a cluster.

use std::collections::BTreeMap;

use can_i_audit::model::catalog::Catalog;
use can_i_audit::model::gap::{Gap, Read};
use can_i_audit::model::policy::Policy;
use groundcrew::client::Session;
use groundcrew::client::access::{self, Access};
use groundcrew::client::errors::failed;
use groundcrew::error::{Error, Kind, Result};
use groundcrew::finding::reason;
use serde::Deserialize;

use super::discovery;
use super::lists::{
    ALL, CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, Listed, Lister, NAMESPACES, ROLE_BINDINGS, ROLES,
    Resource, SERVICE_ACCOUNTS, get,
};

/// Objects of one LIST answer, as for kubectl.
pub const CHUNK: u32 = 500;

/// Reads everything that may be read, `chunk` objects to an answer.
///
/// # Errors
///
/// That none of roles and bindings could be read, for whatever reason.
pub async fn read(session: &Session, chunk: u32) -> Result<Policy> {
    let lister = Lister::new(session, chunk);
    let (lister, (catalog, minor)) = futures::join!(lister, async {
        futures::join!(discovery::read(session), minor(session))
    });
    let (cluster_roles, roles, cluster_role_bindings, role_bindings, namespaces, accounts) = futures::join!(
        lister.list(CLUSTER_ROLES),
        lister.list(ROLES),
        lister.list(CLUSTER_ROLE_BINDINGS),
        lister.list(ROLE_BINDINGS),
        lister.list(NAMESPACES),
        lister.list(SERVICE_ACCOUNTS),
    );
    let mut gaps = Vec::new();
    let mut found = Found::default();
    let mut policy = Policy {
        cluster_roles: found.take(CLUSTER_ROLES, cluster_roles),
        roles: found.take(ROLES, roles),
        cluster_role_bindings: found.take(CLUSTER_ROLE_BINDINGS, cluster_role_bindings),
        role_bindings: found.take(ROLE_BINDINGS, role_bindings),
        namespaces: found.take(NAMESPACES, namespaces),
        service_accounts: found.take(SERVICE_ACCOUNTS, accounts),
        catalog: Catalog::default(),
        unseen: Vec::new(),
        from_cluster: true,
        overwritten: BTreeMap::new(),
        server_minor: minor,
        resource_versions: found.moments,
    };
    let failures = found.failures;
    let nothing = policy.cluster_role_bindings.is_empty() && policy.role_bindings.is_empty();
    if nothing && failures.len() >= 4 {
        return Err(unreadable(session, failures).await);
    }
    gaps.extend(failures.into_iter().map(|(gap, _)| gap));
    policy.catalog = match catalog {
        Ok((catalog, unreachable)) => {
            gaps.extend(unreachable.into_iter().map(|group| Gap {
                resource: Read::Other(format!("resources of {group}")),
                except_namespace: None,
                why: "its API server does not respond".to_owned(),
            }));
            catalog
        }
        Err(error) => {
            gaps.push(Gap {
                resource: Read::Other("discovery".to_owned()),
                except_namespace: None,
                why: reason(&failed("get", "/apis")(error)),
            });
            Catalog::built_in()
        }
    };
    policy.unseen = gaps;
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

type Failure = (Gap, Error);

/// Facts about the lists, beside their objects.
#[derive(Default)]
struct Found {
    failures: Vec<Failure>,
    moments: BTreeMap<String, String>,
}

impl Found {
    /// Takes the objects of a list, and keeps its revision and the reason why it ended early.
    fn take<T>(&mut self, resource: Resource, listed: Listed<T>) -> Vec<T> {
        let plural = resource.plural.to_owned();
        if let Some(moment) = listed.moment {
            self.moments.insert(plural.clone(), moment);
        }
        if let Some(error) = listed.error {
            let error = failed("list", resource.full())(error);
            let gap = Gap {
                resource: Read::from(plural),
                except_namespace: listed.only,
                why: reason(&error),
            };
            self.failures.push((gap, error));
        }
        listed.items
    }
}

/// The error when there is nothing to answer from.
async fn unreadable(session: &Session, mut failures: Vec<Failure>) -> Error {
    let other = failures.iter().position(|(_, error)| !error.is_forbidden());
    if let Some(other) = other {
        return failures.swap_remove(other).1;
    }
    let me = match access::who_am_i(session).await {
        Ok(identity) => identity.username,
        Err(error) => return error,
    };
    let missing: Vec<Access> = ALL
        .iter()
        .map(|resource| Access::new("list", &resource.full()))
        .collect();
    let mut error = Error::new(
        Kind::Incomplete,
        format!("you ({me}) cannot list bindings or roles, so there is nothing to audit"),
    );
    // The server says the same of each.
    let lists: Vec<String> = failures.iter().map(|(gap, _)| gap.what()).collect();
    error = error.with_detail(format!(
        "Error from server (Forbidden): cannot list {}",
        lists.join(", ")
    ));
    error.with_hint(format!(
        "an administrator can grant it:\n{}",
        access::grant_command(&missing, &me, "access-auditor")
    ))
}
