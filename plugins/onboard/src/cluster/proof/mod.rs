//! Proves, with her own file alone, that she can do her work and nothing beyond it.

mod guard;
pub mod review;

use std::fmt;
use std::time::Duration;

use futures::future::{join_all, try_join_all};
use groundcrew::client::Session;
use groundcrew::client::access::{Access, Identity, granted, is_allowed};
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::write::status;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::api::{Api, PostParams};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::identity::UserName;
use crate::login::Asserted;
use crate::record::CredentialKind;
use crate::sar::Subject;

/// How long a fresh binding may take to reach every API server; seen: about 0.1 s.
const PROPAGATION: Duration = Duration::from_secs(10);

/// Extra under which the API server reports the certificate it saw (Kubernetes 1.32 and later).
const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";

/// What a working person is expected to be able to do, the most telling first.
const TELLING: [(&str, &str); 8] = [
    ("create", "pods"),
    ("create", "deployments.apps"),
    ("get", "pods/log"),
    ("create", "services"),
    ("list", "pods"),
    ("get", "configmaps"),
    ("list", "deployments.apps"),
    ("get", "services"),
];

/// How many of those are asked for; the rest of a role stands and falls with its binding.
const ASKED: usize = 3;

/// What has to be true.
#[derive(Debug)]
pub struct Expected<'a> {
    /// Her name.
    pub user: &'a UserName,
    /// Her namespace.
    pub namespace: &'a str,
    /// What her file holds.
    pub kind: CredentialKind,
    /// The groups inside her certificate.
    pub groups: &'a [String],
    /// SHA-256 of her certificate.
    pub sha256: Option<&'a str>,
    /// The rules of her role.
    pub rules: &'a [PolicyRule],
    /// Other namespaces where she has a role, with its rules.
    pub also: Vec<(&'a str, &'a [PolicyRule])>,
    /// A LimitRange fills in resources that a pod leaves out.
    pub limited: bool,
    /// She may claim namespaces: she holds the right to bind roles everywhere, and the guard of
    /// `kubectl ns-claim` keeps it to her claims.
    pub claims: bool,
    /// Whom a login makes her, when that is not in a credential of hers.
    pub asserted: Option<&'a Asserted>,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    name: String,
    verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed(String),
    Undecided(String),
}

impl Check {
    /// Returns a check that was made; `failure` says what is not as it should be.
    #[must_use]
    pub fn new(name: impl Into<String>, failure: Option<String>) -> Self {
        let verdict = failure.map_or(Verdict::Passed, Verdict::Failed);
        Self {
            name: name.into(),
            verdict,
        }
    }

    /// Returns a check that could not be made, and why.
    #[must_use]
    pub fn undecided(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            verdict: Verdict::Undecided(why.into()),
        }
    }

    /// Returns a check that failed, and why.
    #[must_use]
    pub fn failed(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(name, Some(why.into()))
    }

    /// Returns what was checked.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the word for how it ended, and why it did not end well.
    #[must_use]
    pub fn result(&self) -> (&'static str, Option<&str>) {
        match &self.verdict {
            Verdict::Passed => ("ok", None),
            Verdict::Failed(why) => ("no", Some(why)),
            Verdict::Undecided(why) => ("unknown", Some(why)),
        }
    }

    /// Returns whether it is as it should be.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::Passed
    }

    /// Returns how a run with these checks ends: any that failed is a no, any that could not be
    /// made leaves the answer open.
    #[must_use]
    pub fn exit(checks: &[Self]) -> Exit {
        let any = |is: fn(&Verdict) -> bool| checks.iter().any(|check| is(&check.verdict));
        if any(|verdict| matches!(verdict, Verdict::Failed(_))) {
            Exit::No
        } else if any(|verdict| matches!(verdict, Verdict::Undecided(_))) {
            Exit::Incomplete
        } else {
            Exit::Done
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.verdict {
            Verdict::Passed => write!(f, "{name}: as expected"),
            Verdict::Failed(why) => write!(f, "{name}: {why}"),
            Verdict::Undecided(why) => write!(f, "{name}: not tried: {why}"),
        }
    }
}

/// Asks the server everything, as her; returns who she is and what was checked.
///
/// # Errors
///
/// When the server could not be asked; an answer that is not as expected is a failed [`Check`].
pub async fn prove(
    her: &Session,
    expected: &Expected<'_>,
    timeout: Duration,
) -> Result<(String, Vec<Check>)> {
    let deadline = Instant::now() + timeout.min(PROPAGATION);
    let me = groundcrew::client::access::who_am_i(her).await?;
    let mut checks = who(&me, expected);
    let forbidden = cannot(expected);
    let answers = try_join_all(forbidden.iter().map(|access| is_allowed(her, access))).await?;
    for (access, allowed) in forbidden.iter().zip(answers) {
        let failure = allowed.then(|| "she can, through another binding".to_owned());
        checks.push(Check::new(format!("cannot {access}"), failure));
    }
    if expected.claims {
        checks.push(guard::binds_no_roles(her, expected).await?);
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
            .map(|access| until_allowed(her, access, deadline)),
    )
    .await;
    for (access, allowed) in wanted.iter().zip(answers) {
        let failure = (!allowed?).then(|| "she cannot".to_owned());
        checks.push(Check::new(format!("can {access}"), failure));
    }
    if makes_pods {
        checks.extend(pod(her, expected, deadline).await?);
    }
    Ok((me.username, checks))
}

/// Compares who the server says she is.
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

/// Returns what she must not be able to do.
fn cannot(expected: &Expected<'_>) -> Vec<Access> {
    beyond(expected.namespace, expected.rules, expected.claims)
}

/// Returns what nobody must be able to do who has these rules in that namespace alone. Whoever may
/// claim namespaces may bind roles as far as RBAC goes; admission keeps that to her claims.
#[must_use]
pub fn beyond(namespace: &str, rules: &[PolicyRule], claims: bool) -> Vec<Access> {
    let elsewhere = if namespace == "kube-system" {
        "kube-public"
    } else {
        "kube-system"
    };
    let mut all = vec![
        Access::new("get", "secrets").within(elsewhere),
        Access::new("*", "*.*"),
    ];
    let bind = Access::new("create", "rolebindings.rbac.authorization.k8s.io");
    if !claims && !granted(rules, &bind) {
        all.push(bind.within(namespace));
    }
    all
}

/// Returns what her role says that she can do, as far as it is asked for.
fn can(expected: &Expected<'_>) -> Vec<Access> {
    let mut all = granted_in(expected.namespace, expected.rules);
    all.truncate(ASKED);
    all
}

/// Returns what a working person does in a namespace, the most telling first.
#[must_use]
pub fn telling(namespace: &str) -> Vec<Access> {
    let inside = |(verb, resource)| Access::new(verb, resource).within(namespace);
    TELLING.into_iter().map(inside).collect()
}

fn granted_in(namespace: &str, rules: &[PolicyRule]) -> Vec<Access> {
    let mut all = telling(namespace);
    all.retain(|access| granted(rules, access));
    all
}

async fn until_allowed(her: &Session, access: &Access, deadline: Instant) -> Result<bool> {
    let mut pause = Duration::from_millis(50);
    loop {
        if is_allowed(her, access).await? {
            return Ok(true);
        }
        if Instant::now() + pause > deadline {
            return Ok(false);
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

/// Sends a pod without resources through admission: quota, limits and pod security all act on it,
/// and nothing is kept. (A Deployment would prove nothing: its pods meet the quota later.)
async fn pod(her: &Session, expected: &Expected<'_>, deadline: Instant) -> Result<Vec<Check>> {
    let api = Api::<Pod>::namespaced(her.client.clone(), expected.namespace);
    let probe = probe();
    let params = PostParams {
        dry_run: true,
        field_manager: None,
    };
    let mut pause = Duration::from_millis(50);
    loop {
        match api.create(&params, &probe).await {
            Ok(pod) => return Ok(admitted(&pod, expected.limited)),
            Err(error) => {
                let Some(refusal) =
                    status(&error).filter(|status| matches!(status.code, 403 | 422))
                else {
                    let doing = Doing::new("create", "pods").within(expected.namespace);
                    return Err(explain(error, &doing));
                };
                // The service account of a new namespace appears a moment after it, and so does
                // a new right at another API server.
                let early = ["serviceaccount", "cannot create resource"]
                    .iter()
                    .any(|word| refusal.message.contains(word));
                if !early || Instant::now() + pause > deadline {
                    let why = Some(refusal.message.clone());
                    return Ok(vec![Check::new("a pod is admitted", why)]);
                }
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
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
