//! The comparison of an emitted policy with the engine: the pod's own account decides by its rights.

use groundcrew::app::Frame;
use groundcrew::client::Session;
use groundcrew::error::Result;
use psp_advise::model::psp::{Policy, admission_policy, faults_as_is, probes};
use psp_advise::model::subject::Subject;
use psp_advise::model::trial::{Compared, Trial, Try};
use serde_json::{Value, json};

use crate::cluster::trial;

/// Every how many pods of a policy the accounts that may use all and no policies try it too.
const OTHERS: usize = 5;
/// The account that may use every policy.
const ALL: &str = "all";
/// The account that may use none.
const NONE: &str = "none";

/// What is compared where.
pub(super) struct Asked<'a> {
    pub(super) session: &'a Session,
    pub(super) policies: &'a [Policy],
    /// Workloads whose pods are tried too.
    pub(super) subjects: &'a [Subject],
}

/// Compares.
///
/// # Errors
///
/// That something differs, or that nothing can be said about a policy; what the server says.
pub(super) async fn run(asked: &Asked<'_>, yes: bool, frame: &Frame) -> Result<Compared> {
    let policies = asked.policies.iter();
    let mut alive: Vec<&Policy> = policies.filter(|policy| policy.dead().is_none()).collect();
    alive.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
    let names: Vec<&str> = alive.iter().map(|it| it.metadata.name.as_str()).collect();
    let use_of = |names: &[&str]| {
        json!([{"apiGroups": ["policy"], "resources": ["podsecuritypolicies"],
            "resourceNames": names, "verbs": ["use"]}])
    };
    let mut accounts = vec![
        (NONE.to_owned(), Value::Null),
        (ALL.to_owned(), use_of(&names)),
    ];
    for (index, name) in names.iter().enumerate() {
        accounts.push((only(index), use_of(&[name])));
    }
    let trial = Trial {
        policy: &admission_policy("trial", asked.policies),
        accounts,
        never: &Try {
            pod: json!({"spec": {"containers": [{"name": "c", "image": "i"}]}}),
            account: NONE.to_owned(),
            expected: false,
            part: None,
        },
        tries: tries(&alive, asked.subjects),
        parts: names.iter().map(|&name| name.to_owned()).collect(),
    };
    frame.confirm(&trial::question(asked.session), yes)?;
    trial::run(asked.session, &trial, &frame.ui, &frame.interrupt).await
}

/// Returns the account that may use one policy.
fn only(policy: usize) -> String {
    format!("only-{policy}")
}

fn tries(policies: &[&Policy], subjects: &[Subject]) -> Vec<Try> {
    let mut all = Vec::new();
    let mut add = |pod: &Value, account: &str, expected: bool, part: Option<usize>| {
        all.push(Try {
            pod: pod.clone(),
            account: account.to_owned(),
            expected,
            part,
        });
    };
    let by_any = |pod: &Value| policies.iter().any(|it| faults_as_is(it, pod).is_empty());
    for (index, policy) in policies.iter().enumerate() {
        for (number, pod) in probes(policy).iter().enumerate() {
            let expected = faults_as_is(policy, pod).is_empty();
            add(pod, &only(index), expected, Some(index));
            if number % OTHERS == 0 {
                add(pod, ALL, by_any(pod), None);
                add(pod, NONE, false, None);
            }
        }
    }
    for subject in subjects {
        add(&subject.pod, ALL, by_any(&subject.pod), None);
    }
    all
}
