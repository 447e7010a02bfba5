//! Proves, with the user's own file alone, that they can do their work and nothing beyond it.

pub mod expected;
pub mod guard;
pub mod review;

use std::time::Duration;

use futures::future::{join_all, try_join_all};
use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::client::access::{ANONYMOUS, Access, Identity, is_allowed};
use groundcrew::client::errors::explain;
use groundcrew::cluster::{Patience, poll};
use groundcrew::error::{Error, Result};
use groundcrew::write::status;
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use serde_json::json;
use tokio::time::Instant;

use crate::cluster::access_reviews::Subject;
use crate::cluster::proof::expected::{Expected, PROPAGATION, can, cannot, granted_in};
use crate::model::check::Check;
use crate::model::credential_kind::CredentialKind;

/// Extra under which the API server reports the certificate it saw (Kubernetes 1.32 and later).
const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";

/// Asks the server everything as the user; returns the user name that it sees, and the checks.
///
/// # Errors
///
/// When the server could not be asked; an answer that is not as expected is a failed [`Check`].
pub async fn prove(
    holder: &Session,
    expected: &Expected<'_>,
    timeout: Duration,
) -> Result<(String, Vec<Check>)> {
    let deadline = Instant::now() + timeout.min(PROPAGATION);
    let me = identity(holder, expected.kind).await?;
    let mut checks = who(&me, expected);
    let forbidden = cannot(expected);
    let answers = try_join_all(forbidden.iter().map(|access| is_allowed(holder, access))).await?;
    for (access, allowed) in forbidden.iter().zip(answers) {
        let failure = allowed.then(|| "the user can, through another binding".to_owned());
        checks.push(Check::new(format!("cannot {access}"), failure));
    }
    if expected.claims {
        checks.push(guard::binds_no_roles(holder, expected).await?);
    }
    let mut wanted = can(expected);
    let pods = |access: &Access| access.verb == "create" && access.resource == "pods";
    let makes_pods = wanted.iter().any(pods);
    if wanted.len() > 1 {
        // The pod below shows it better than an answer would.
        wanted.retain(|access| !pods(access));
    }
    wanted.extend(
        expected
            .also
            .iter()
            .filter_map(|(namespace, rules)| granted_in(namespace, rules).into_iter().next()),
    );
    // New rights reach the authorizer's cache a moment after they are written.
    let answers = join_all(
        wanted
            .iter()
            .map(|access| until_allowed(holder, access, deadline)),
    )
    .await;
    for (access, allowed) in wanted.iter().zip(answers) {
        let failure = (!allowed?).then(|| "the user cannot".to_owned());
        checks.push(Check::new(format!("can {access}"), failure));
    }
    if makes_pods {
        checks.extend(pod(holder, expected, deadline).await?);
    }
    Ok((me.username, checks))
}

/// Asks the server who it sees.
///
/// # Errors
///
/// That a certificate makes nobody known to it, see [`is_not_arrived`]; what the server says.
pub async fn identity(holder: &Session, kind: CredentialKind) -> Result<Identity> {
    let is_certificate = kind == CredentialKind::Certificate;
    match groundcrew::client::access::who_am_i(holder).await {
        Ok(me) if is_certificate && me.username == ANONYMOUS => {
            Err(not_arrived(holder, "system:anonymous"))
        }
        Err(error) if is_certificate && is_nobodys(&error) => {
            Err(not_arrived(holder, "system:anonymous"))
        }
        Err(error) if is_certificate && error.answer() == Some(401) => {
            Err(not_arrived(holder, "401 Unauthorized"))
        }
        me => me,
    }
}

/// A certificate that the signer issued does not make anybody known to the API server.
#[derive(Debug)]
struct NotArrived(&'static str);

impl std::fmt::Display for NotArrived {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the API server answered {}", self.0)
    }
}

impl std::error::Error for NotArrived {}

fn not_arrived(holder: &Session, seen: &'static str) -> Error {
    let server = &holder.endpoint.server;
    Error::failed(format!(
        "the API server does not see the client certificate at {server}"
    ))
    .with_source(NotArrived(seen))
    .with_detail("Rancher, Teleport and gateways end TLS in between; and some API servers trust")
    .with_detail("another authority for clients than the signer's.")
    .with_hint("pass --auth token, or the provider's login: --auth oidc")
}

/// Says whether a proof failed because the certificate does not reach the API server, or means
/// nothing to it.
#[must_use]
pub fn is_not_arrived(error: &Error) -> bool {
    let source = std::error::Error::source(error);
    source.is_some_and(<dyn std::error::Error>::is::<NotArrived>)
}

/// Says whether a refusal is about a request that brought no credential.
#[must_use]
pub fn is_nobodys(error: &Error) -> bool {
    error.is_forbidden() && error.to_string().contains(&format!("\"{ANONYMOUS}\""))
}

/// Compares the identity that the server sees.
fn who(me: &Identity, expected: &Expected<'_>) -> Vec<Check> {
    let Subject { user, mut groups } = Subject::of(expected.user, expected.kind, expected.groups);
    groups.sort();
    let mut got = me.groups.clone();
    got.sort();
    let name = &me.username;
    let mut checks = vec![
        Check::new(
            "user name",
            (*name != user).then(|| format!("{name:?} instead of {user:?}")),
        ),
        Check::new(
            "groups",
            (got != groups)
                .then(|| format!("[{}] instead of [{}]", got.join(", "), groups.join(", "))),
        ),
    ];
    let seen = me
        .extra
        .get(CREDENTIAL_ID)
        .and_then(|values| values.first());
    if let (Some(seen), Some(sha256)) = (seen, expected.sha256) {
        let differs = *seen != format!("X509SHA256={sha256}");
        checks.push(Check::new(
            "certificate",
            differs.then(|| format!("the server saw {seen}")),
        ));
    }
    checks
}

async fn until_allowed(holder: &Session, access: &Access, deadline: Instant) -> Result<bool> {
    let seen = poll(until(deadline), &Interrupt::never(), async || {
        Ok(is_allowed(holder, access).await?.then_some(()))
    })
    .await?;
    Ok(seen.is_some())
}

/// Returns the patience that is left until a deadline.
fn until(deadline: Instant) -> Patience {
    Patience::of(deadline.saturating_duration_since(Instant::now()))
}

/// Sends a pod without resources through admission: quota, limits and pod security all act on it,
/// and nothing is kept. (A Deployment would prove nothing: its pods meet the quota later.)
async fn pod(holder: &Session, expected: &Expected<'_>, deadline: Instant) -> Result<Vec<Check>> {
    let pods = holder.in_(expected.namespace).of::<Pod>();
    let probe = probe();
    let params = PostParams {
        dry_run: true,
        field_manager: None,
    };
    let refused = |why: &str| vec![Check::new("a pod is admitted", Some(why.to_owned()))];
    let mut last = String::new();
    let seen = poll(until(deadline), &Interrupt::never(), async || {
        let error = match pods.api().create(&params, &probe).await {
            Ok(pod) => return Ok(Some(admitted(&pod, expected.limited))),
            Err(error) => error,
        };
        let Some(refusal) = status(&error).filter(|status| matches!(status.code, 403 | 422)) else {
            return Err(explain(error, &pods.doing("create")));
        };
        // The service account of a new namespace appears a moment after it, and so does a new
        // right at another API server.
        let early = ["serviceaccount", "cannot create resource"]
            .iter()
            .any(|word| refusal.message.contains(word));
        last.clone_from(&refusal.message);
        Ok((!early).then(|| refused(&last)))
    })
    .await?;
    Ok(seen.unwrap_or_else(|| refused(&last)))
}

fn admitted(pod: &Pod, limited: bool) -> Vec<Check> {
    let mut checks = vec![Check::new("a pod is admitted", None)];
    if limited {
        let container = pod.spec.as_ref().and_then(|spec| spec.containers.first());
        let requests = container.and_then(|c| c.resources.as_ref()?.requests.as_ref());
        let missing = requests.is_none_or(std::collections::BTreeMap::is_empty);
        let failure = missing.then(|| "its resources were not filled in".to_owned());
        checks.push(Check::new("limits apply to a pod", failure));
    }
    checks
}

/// A pod that `restricted` accepts, so that it raises no warning, and that asks for no resources.
fn probe() -> Pod {
    let spec = json!({
        "metadata": {"generateName": "onboard-probe-"},
        "spec": {
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "probe",
                "image": "registry.k8s.io/pause:3.10",
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "capabilities": {"drop": ["ALL"]},
                },
            }],
        },
    });
    serde_json::from_value(spec).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::proof::expected::ASKED;
    use crate::model::user::UserName;
    use groundcrew::exit::Exit;
    use k8s_openapi::api::rbac::v1::PolicyRule;

    fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> PolicyRule {
        let all = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        PolicyRule {
            api_groups: all(groups),
            resources: all(resources),
            verbs: words(verbs),
            ..PolicyRule::default()
        }
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn expected<'a>(
        user: &'a UserName,
        groups: &'a [String],
        rules: &'a [PolicyRule],
    ) -> Expected<'a> {
        Expected {
            user,
            namespace: "alice",
            kind: CredentialKind::Certificate,
            groups,
            sha256: Some("ab"),
            rules,
            also: Vec::new(),
            asserted: None,
            claims: false,
            limited: true,
        }
    }

    #[test]
    fn only_what_the_role_grants_is_expected() {
        let user = UserName::parse("alice").unwrap();
        let view = [rule(&[""], &["pods", "pods/log"], &["get", "list"])];
        let shown: Vec<String> = can(&expected(&user, &[], &view))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(shown.len(), 2, "{shown:?}");
        assert!(cannot(&expected(&user, &[], &view)).len() == 3);
        let admin = [rule(&["*"], &["*"], &["*"])];
        assert_eq!(can(&expected(&user, &[], &admin)).len(), ASKED);
        assert_eq!(cannot(&expected(&user, &[], &admin)).len(), 2);
    }

    #[test]
    fn an_identity_that_differs_fails_by_name() {
        let user = UserName::parse("alice").unwrap();
        let groups = words(&["onboard:alice:g1"]);
        let expected = expected(&user, &groups, &[]);
        let mut me = Identity {
            username: "alice".into(),
            groups: words(&["onboard:alice:g1", "system:authenticated"]),
            extra: [(CREDENTIAL_ID.to_owned(), words(&["X509SHA256=ab"]))].into(),
            uid: None,
        };
        assert!(who(&me, &expected).iter().all(Check::passed));
        assert_eq!(who(&me, &expected).len(), 3);
        me.groups = words(&["onboard:alice:g1", "system:authenticated", "system:masters"]);
        me.extra = [(CREDENTIAL_ID.to_owned(), words(&["X509SHA256=cd"]))].into();
        let failed: Vec<String> = who(&me, &expected)
            .iter()
            .filter(|check| !check.passed())
            .map(|check| check.name.clone())
            .collect();
        assert_eq!(failed, ["groups", "certificate"]);
    }

    #[test]
    fn a_no_outweighs_what_is_open() {
        let good = Check::new("a", None);
        let bad = Check::new("b", Some("no".to_owned()));
        let open = Check::undecided("c", "no route");
        assert_eq!(Check::exit(&[]), Exit::Done);
        assert_eq!(Check::exit(std::slice::from_ref(&good)), Exit::Done);
        assert_eq!(Check::exit(&[good.clone(), open.clone()]), Exit::Incomplete);
        assert_eq!(Check::exit(&[good, open, bad]), Exit::No);
    }

    #[test]
    fn a_pod_whose_resources_stay_empty_shows_that_limits_do_not_apply() {
        assert!(admitted(&probe(), false).iter().all(Check::passed));
        assert!(!admitted(&probe(), true).iter().all(Check::passed));
    }
}
