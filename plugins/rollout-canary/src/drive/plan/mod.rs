//! `plan`: everything that can be known before anything is written.

pub mod before;
pub mod rights;
pub mod steps;
pub mod traffic;

use groundcrew::client::access;
use groundcrew::error::{Error, Result};
use serde::Serialize;
use serde_json::Value;

use crate::cluster::{deployment, neighbors};
use crate::drive::plan::rights::rights;
use crate::drive::plan::steps::{Bounds, Step, Ways, walk_all};
use crate::drive::plan::traffic::{Traffic, traffic};
use crate::drive::session::Open;
use crate::drive::this_process;
use crate::model::change::Change;
use crate::model::controller::rounding::Steps;
use crate::model::controller::world::World;
use crate::model::findings::{Finding, Question, Severity, findings};
use crate::model::intent::Intent;
use crate::model::object;
use crate::model::record::Layout;
use crate::model::snapshot::Snapshot;
use crate::model::traffic::Router;
use crate::model::walk::Walk;
use crate::model::weight::Weight;

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The Deployment.
    pub deployment: String,
    /// Its namespace.
    pub namespace: String,
    /// `spec.replicas`.
    pub replicas: i32,
    /// Most pods at any moment that are not on their way out, whichever way it ends.
    pub most_pods: i32,
    /// Fewest Ready pods at any moment, if they are all Ready now and none dies by itself.
    pub fewest_ready: i32,
    /// Both while the canary is promoted, from whichever weight.
    pub promotion: Bounds,
    /// Both while it is taken back, from whichever weight.
    pub abort: Bounds,
    /// The weights, one after the other.
    pub steps: Vec<Step>,
    /// Who gives the canary its share of the requests.
    pub traffic: Traffic,
    /// Rights that are held.
    pub rights_held: Vec<String>,
    /// Rights that are missing.
    pub rights_missing: Vec<String>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What could not be seen.
    pub unseen: Vec<String>,
}

/// Makes the plan, and says whether something blocks it.
///
/// # Errors
///
/// What the server says; what keeps any canary from beginning.
pub async fn make(intent: &Intent, open: &Open) -> Result<(Plan, bool)> {
    let (stored, clock) = open.store.read(&open.session).await?;
    if stored.is_some() {
        return Err(
            Error::conflict(format!("{} has a canary already", open.target.name))
                .with_hint(format!("see it:  {}", open.target.words("status", "")))
                .with_hint(format!("go on:  {}", open.target.words("", "WEIGHT"))),
        );
    }
    let cluster = deployment::cluster(&open.session, &open.target).await?;
    let before = before::before(&cluster, &open.target)?;
    let canary = if intent.change == Change::Pending && !before.pending {
        None
    } else {
        Some(before::canary(&intent.change, open, &cluster, &before).await?)
    };
    let stable = before.template.clone();
    let first = intent.weights.first();
    let template = canary.clone().unwrap_or(Value::Null);
    let me = this_process::me(clock.now());
    let record = before::record(
        &intent.split,
        &cluster,
        before,
        template,
        first,
        &me,
        &clock,
    );
    before::possible(&record, &cluster)?;
    let steps = walk_all(&record, cluster.replicas(), &intent.weights);
    let ways = Ways::of(&steps, World::at_rest(cluster.replicas(), Steps::default()));
    let extremes = ways.all();
    let router = intent.split.router.unwrap_or_default();
    let (traffic, mut unseen) = traffic(router, open, &record).await?;
    let wanted = rights(open, &traffic);
    let missing = access::missing(&open.session, &wanted).await?;
    let around = neighbors::around(&open.session, &open.target.namespace, &stable).await;
    let question = Question {
        deployment: &cluster.deployment,
        stable: &stable,
        canary: canary.as_ref(),
        more: extremes.most_sized - cluster.replicas(),
        since: since(&cluster),
        surges: steps.iter().any(|(step, _)| step.layout == Layout::Surge),
    };
    let mut found = findings(&question, &around);
    // What the plan says of a route that is used is not what its pods alone would get.
    found.retain(|one| !(traffic.gateway && traffic.routes.contains(&one.about.to_lowercase())));
    if let Some(step) = steps.iter().map(|(step, _)| step).find(|step| !step.parked) {
        found.push(unparked(step, cluster.replicas()));
    }
    let no_route = router == Router::Gateway && !traffic.gateway;
    let blocked =
        no_route || !missing.is_empty() || found.iter().any(|one| one.weight == Severity::Blocks);
    unseen.extend(around.unseen);
    let plan = Plan {
        traffic,
        deployment: open.target.name.clone(),
        namespace: open.target.namespace.clone(),
        replicas: cluster.replicas(),
        most_pods: extremes.most,
        fewest_ready: extremes.fewest_ready,
        promotion: ways.promotion.into(),
        abort: ways.abort.into(),
        steps: steps.into_iter().map(|(step, _)| step).collect(),
        rights_held: wanted
            .iter()
            .filter(|access| !missing.contains(access))
            .map(ToString::to_string)
            .collect(),
        rights_missing: missing.iter().map(ToString::to_string).collect(),
        findings: found,
        unseen,
    };
    Ok((plan, blocked))
}

/// Says what a weight that cannot be parked needs, and what stays of it.
fn unparked(step: &Step, replicas: i32) -> Finding {
    let text = format!(
        "{replicas} cannot be parked: {}+{} holds only while --steps drives it, and is promoted or \
         taken back when that ends; should its process be killed, it stays as it is until resume or \
         abort, and scaling it then may give the canary more (without a driver: --accept-weight)",
        step.stable, step.canary
    );
    Finding {
        weight: Severity::Warns,
        about: "replicas".to_owned(),
        text,
    }
}

/// When the stable ReplicaSet was made.
fn since(cluster: &Snapshot) -> Option<jiff::Timestamp> {
    let set = cluster.active().into_iter().next()?;
    object::text(&set["metadata"]["creationTimestamp"])
        .parse()
        .ok()
}

/// Returns one line with the plan.
#[must_use]
pub fn planned(walk: &Walk) -> String {
    let (stable, canary) = (walk.world.stable.size, walk.world.canary.size);
    let share = Weight::of(canary, stable + canary);
    format!(
        "{} replicas → {stable} stable + {canary} canary ({}), Ready never below {}, at most {} \
         pods",
        walk.world.replicas, share, walk.extremes.fewest_ready, walk.extremes.most
    )
}
