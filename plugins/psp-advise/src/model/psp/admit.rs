//! The two phases and the choice. Source: `admission.go`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::mutate::mutate;
use super::policy::Policy;
use super::prepare::{map, prepare, store};
use super::rbac::{Grant, Rbac, User};
use super::validate::validate;

/// The annotation that names the policy that was chosen.
const CHOSEN: &str = "kubernetes.io/psp";

/// Who wants to create what where.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The pod as it is sent.
    pub pod: &'a Value,
    /// The namespace.
    pub namespace: &'a str,
    /// Who creates it; for a pod of a controller, the controller's service account.
    pub user: Option<User>,
    /// Roles and bindings; `None` takes every policy as usable.
    pub rbac: Option<&'a Rbac>,
}

/// What the server does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The policy that admits.
    pub policy: Option<String>,
    /// Whether that policy changed the pod.
    pub mutated: bool,
    /// The pod after it, as far as policies change it.
    pub pod: Value,
    /// Why usable policies did not admit: what the server says, which policy it is.
    pub reasons: BTreeMap<String, Vec<String>>,
    /// Why policies that may not be used would not have admitted; none where they would have.
    pub not_usable: BTreeMap<String, Vec<String>>,
    /// Policies that can never admit, and why.
    pub dead: BTreeMap<String, String>,
    /// Usable policies that would have admitted too, in the order in which they come.
    pub passed_over: Vec<String>,
    /// By what each policy may be used.
    pub grants: BTreeMap<String, Grant>,
    /// What the server says in front of the reasons.
    pub refusal: Option<String>,
}

/// What one policy makes of a pod.
struct Tried<'a> {
    policy: &'a Policy,
    pod: Value,
    mutated: bool,
    errors: Vec<String>,
    usable: bool,
}

/// Decides about the creation of a pod.
#[must_use]
pub fn decide(policies: &[Policy], request: &Request<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    let mut sorted: Vec<&Policy> = policies.iter().collect();
    sorted.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
    for policy in &sorted {
        if let Some(why) = policy.dead() {
            outcome.dead.insert(policy.metadata.name.clone(), why);
        }
    }
    sorted.retain(|policy| !outcome.dead.contains_key(&policy.metadata.name));
    let mut pod = request.pod.clone();
    prepare(&mut pod);
    outcome.pod = pod.clone();
    if sorted.is_empty() {
        outcome.refusal =
            Some("PodSecurityPolicy: no providers available to validate pod request".to_owned());
        return outcome;
    }
    grants(&sorted, request, &pod, &mut outcome);
    let tried: Vec<Tried<'_>> = sorted
        .iter()
        .map(|policy| attempt(policy, &pod, request, &outcome))
        .collect();
    let admits = |tried: &&Tried<'_>| tried.errors.is_empty() && tried.usable;
    let chosen = tried
        .iter()
        .filter(admits)
        .find(|tried| !tried.mutated)
        .or_else(|| tried.iter().find(admits));
    note(&tried, chosen.map(|tried| tried.policy), &mut outcome);
    let Some(chosen) = chosen else {
        outcome.refusal = Some("PodSecurityPolicy: unable to admit pod".to_owned());
        return outcome;
    };
    let name = chosen.policy.metadata.name.clone();
    let mut stored = chosen.pod.clone();
    map(&mut stored["metadata"], "annotations").insert(CHOSEN.to_owned(), json!(name));
    store(&mut stored);
    outcome.pod = stored;
    let mut again: Vec<&Policy> = sorted.clone();
    again.sort_by_key(|policy| policy.metadata.name != name);
    let second: Vec<Tried<'_>> = again
        .iter()
        .map(|policy| attempt(policy, &outcome.pod, request, &outcome))
        .collect();
    let validated = second.iter().filter(admits).any(|tried| !tried.mutated);
    if validated {
        outcome.mutated = chosen.mutated;
        outcome.policy = Some(name);
    } else {
        note(&second, None, &mut outcome);
        outcome.refusal = Some("PodSecurityPolicy: unable to validate pod".to_owned());
    }
    outcome
}

/// The service account first, then the creator of the pod.
fn grants(policies: &[&Policy], request: &Request<'_>, pod: &Value, outcome: &mut Outcome) {
    let Some(rbac) = request.rbac else { return };
    let account = pod["spec"]["serviceAccountName"]
        .as_str()
        .unwrap_or_default();
    let account = User::service_account(request.namespace, account);
    for policy in policies {
        let name = &policy.metadata.name;
        let grant = std::iter::once(&account)
            .chain(&request.user)
            .find_map(|user| rbac.grant(user, request.namespace, name));
        if let Some(grant) = grant {
            outcome.grants.insert(name.clone(), grant);
        }
    }
}

fn attempt<'a>(
    policy: &'a Policy,
    pod: &Value,
    request: &Request<'_>,
    outcome: &Outcome,
) -> Tried<'a> {
    let mut pod = pod.clone();
    let mutated = mutate(policy, &mut pod);
    Tried {
        errors: validate(policy, &pod),
        usable: request.rbac.is_none() || outcome.grants.contains_key(&policy.metadata.name),
        policy,
        pod,
        mutated,
    }
}

/// Notes why policies did not admit, and which others would have.
fn note(tried: &[Tried<'_>], chosen: Option<&Policy>, outcome: &mut Outcome) {
    let mut passed_over = BTreeSet::new();
    for one in tried {
        let name = one.policy.metadata.name.clone();
        if !one.usable {
            outcome.not_usable.insert(name, one.errors.clone());
        } else if !one.errors.is_empty() {
            outcome.reasons.insert(name, one.errors.clone());
        } else if chosen.is_some_and(|chosen| chosen.metadata.name != name) {
            passed_over.insert(name);
        }
    }
    outcome.passed_over = passed_over.into_iter().collect();
}

impl Outcome {
    /// Returns whether the pod is admitted.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.policy.is_some()
    }
}
