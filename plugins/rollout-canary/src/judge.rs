//! Whether a canary that holds is good. One question, asked at every look while it is watched.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::observe::{Cluster, text};
use crate::record::Record;

/// What is known when the question is asked.
#[derive(Clone, Copy)]
pub struct Holding<'a> {
    /// The run.
    pub record: &'a Record,
    /// Everything that was seen last.
    pub cluster: &'a Cluster,
    /// Restarts by pod UID when the watching of this weight began.
    pub restarts: &'a BTreeMap<String, i32>,
    /// For how long it has been watched at this weight, blindness not counted.
    pub watched: Duration,
    /// For how long it is to be watched.
    pub soak: Duration,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Not yet: why, and how much longer it takes if that is known.
    Undecided {
        /// What is missing.
        why: String,
        /// How much longer.
        longer: Option<Duration>,
    },
    /// Nothing speaks against it.
    Good,
    /// It is bad.
    Bad {
        /// Why.
        why: String,
    },
}

/// Judges by what Kubernetes itself knows: restarts since the watching began, and readiness.
pub async fn judge(holding: &Holding<'_>) -> Judgement {
    let arm = |set: Option<&serde_json::Value>| {
        let uid = set.map(|set| text(&set["metadata"]["uid"]).to_owned());
        let uid = uid.unwrap_or_default();
        let pods: Vec<_> = holding.cluster.pods_of(&uid).collect();
        let restarts: i32 = pods
            .iter()
            .map(|pod| pod.restarts - holding.restarts.get(&pod.uid).unwrap_or(&0))
            .sum();
        let unready = pods.iter().filter(|pod| !pod.ready).count();
        (pods.len(), restarts, unready)
    };
    let (canaries, restarted, unready) = arm(holding.cluster.canary(holding.record));
    let (stable, stable_restarted, _) = arm(holding.cluster.stable(holding.record));
    let rate = |restarts: i32, pods: usize| {
        f64::from(restarts) / f64::from(u32::try_from(pods.max(1)).unwrap_or(u32::MAX))
    };
    // A stable set that restarts as often says nothing against the canary.
    if restarted > 0 && rate(restarted, canaries) > 2.0 * rate(stable_restarted, stable) {
        return Judgement::Bad {
            why: format!(
                "{restarted} restarts of {canaries} canary pods, {stable_restarted} of {stable} \
                 stable pods"
            ),
        };
    }
    if holding.watched < holding.soak {
        return Judgement::Undecided {
            why: "it has not been watched for long enough".to_owned(),
            longer: Some(holding.soak - holding.watched),
        };
    }
    if unready > 0 {
        return Judgement::Undecided {
            why: format!("{unready} of {canaries} canary pods are not Ready"),
            longer: None,
        };
    }
    Judgement::Good
}
