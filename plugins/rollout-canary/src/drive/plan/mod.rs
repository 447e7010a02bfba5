//! `plan`: everything that can be known before anything is written.

pub mod ahead;
pub mod before;
pub mod foresee;
pub mod rights;
pub mod text;

pub mod traffic;
pub mod trial;
pub mod weights;

use groundcrew::client::access;
use groundcrew::client::clock::Clock;
use groundcrew::error::{Error, Result};
use groundcrew::finding::{Finding, Severity, Unseen};
use serde::Serialize;
use serde_json::Value;

use crate::cluster::routes::detect;
use crate::cluster::{deployment, neighbors};
use crate::drive::plan::before::Nearest;
use crate::drive::plan::rights::{Begins, rights};
use crate::drive::plan::traffic::{Traffic, traffic};
use crate::drive::plan::weights::{AtWeight, Bounds, Ways, walk_all};
use crate::drive::routes::no_route;
use crate::drive::session::Open;
use crate::drive::this_process;
use crate::model::change::Change;
use crate::model::controller::rounding::Steps;
use crate::model::controller::world::World;
use crate::model::findings::findings;
use crate::model::findings::question::Question;
use crate::model::intent::Intent;
use crate::model::machine::next::End;
use crate::model::object;
use crate::model::pod::Pod;
use crate::model::record::driver::Driver;
use crate::model::record::{Layout, Record};
use crate::model::snapshot::Snapshot;
use crate::model::steps::Step;
use crate::model::traffic::Router;
use crate::model::traffic::service::Canary;
use crate::model::walk::Walk;
use crate::model::weight::Weight;
use groundcrew::plural::count;

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
    pub steps: Vec<AtWeight>,
    /// Who gives the canary its share of the requests.
    pub traffic: Traffic,
    /// Rights that are held.
    pub rights_held: Vec<String>,
    /// Rights that are missing.
    pub rights_missing: Vec<String>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What could not be seen.
    pub unseen: Vec<Unseen>,
}

/// What a start rests on.
pub struct Draft {
    /// The Deployment as it is.
    cluster: Snapshot,
    /// The template of the pods that run.
    stable: Value,
    /// The canary's template, if anything is new.
    canary: Option<Value>,
    /// The record of it.
    record: Record,
}

/// A start that can be carried out.
pub struct Start {
    /// The record, with every form on the way to its first weight.
    pub record: Record,
    /// The way there.
    pub way: Walk,
}

/// Drafts a start: nothing is new in it where nothing was asked for.
///
/// # Errors
///
/// What the server says; what keeps any canary from beginning.
pub async fn draft(
    intent: &Intent,
    open: &Open,
    cluster: &Snapshot,
    (clock, me): (&Clock, &Driver),
) -> Result<Draft> {
    let before = before::before(cluster, &open.target)?;
    let canary = if intent.change == Change::Pending && !before.pending {
        None
    } else {
        Some(before::canary(&intent.change, open, cluster, &before).await?)
    };
    let stable = before.template.clone();
    let template = canary.clone().unwrap_or(Value::Null);
    let mut record = before::record(intent, cluster, before, template, me, clock);
    record.written_by(&open.target.manager);
    Ok(Draft {
        record,
        cluster: cluster.clone(),
        stable,
        canary,
    })
}

impl Draft {
    /// Returns the nearest split, where it is far from what was asked.
    #[must_use]
    pub fn nearest(&self) -> Option<Nearest> {
        before::nearest(&self.record, &self.cluster).filter(|_| self.canary.is_some())
    }

    /// Takes the nearest split, however far it is.
    pub fn take_nearest(&mut self) {
        self.record.accept_weight = true;
    }

    /// Returns the start, if it is one.
    ///
    /// # Errors
    ///
    /// That nothing is new; that no split is near enough to what was asked for, or could be left.
    pub async fn start(&self, intent: &Intent, open: &Open) -> Result<Start> {
        if self.canary.is_none() {
            return Err(before::nothing_new(&open.target));
        }
        let way = before::planned(&self.record, &self.cluster, &open.target, &intent.course)?;
        if self.record.router == Router::Gateway {
            let found = detect::detect(&open.session, &canary_of(open, &self.record)).await?;
            if found.target.is_none() {
                return Err(no_route(&found.why.unwrap_or_default()));
            }
        }
        let record = Record {
            forms: way.record.forms.clone(),
            ..self.record.clone()
        };
        Ok(Start { record, way })
    }

    /// Makes the plan, and says whether something blocks it.
    ///
    /// # Errors
    ///
    /// What the server says; that no split is possible.
    pub async fn plan(self, intent: &Intent, open: &Open, look: Look) -> Result<(Plan, bool)> {
        let Self {
            cluster,
            stable,
            canary,
            record,
        } = self;
        before::possible(&record, &cluster)?;
        let steps = walk_all(&record, cluster.replicas(), &intent.weights);
        let ways = Ways::of(&steps, World::at_rest(cluster.replicas(), Steps::default()));
        let extremes = ways.all();
        let router = intent.split.router.unwrap_or_default();
        let (traffic, mut unseen) = if look == Look::BeforeStart && router == Router::Replicas {
            (Traffic::default(), Vec::new())
        } else {
            traffic(router, open, &record).await?
        };
        let walks = steps.iter().map(|(_, walk)| walk);
        let forms = trial::distinct(walks, &record);
        let mut will: Vec<Step> = forms.iter().copied().map(Step::Form).collect();
        will.extend(traffic.steps());
        let ends = [End::Parked, End::Promoted, End::Aborted];
        let mut wanted = rights(open, Begins::New, &will, &ends);
        if look == Look::BeforeStart {
            wanted.retain(|access| !rights::is_optional(access));
        }
        let newest = canary.as_ref().unwrap_or(&stable);
        let (session, namespace) = (&open.session, &open.target.namespace);
        let everything = look == Look::Everything;
        let (missing, around, refused, unroutable) = futures::join!(
            access::missing(session, &wanted),
            neighbors::around(
                session,
                namespace,
                (&cluster.deployment, newest),
                everything
            ),
            trial::refused(open, &record, forms, &cluster),
            traffic.refused(open, &record, &steps),
        );
        let missing = missing?;
        let question = Question {
            deployment: &cluster.deployment,
            manager: &open.target.manager,
            stable: &stable,
            canary: canary.as_ref(),
            split: steps.first().map(|(step, _)| (step.stable, step.canary)),
            more: extremes.most_sized - cluster.replicas(),
            ending: ending(&cluster),
            known: cluster.canary(&record).is_some(),
            recorded: false,
            since: since(&cluster),
            surges: steps.iter().any(|(step, _)| step.layout == Layout::Surge),
        };
        let mut found = refused?;
        found.extend(findings(&question, &around));
        accept(&mut found, &intent.accepted);
        // What the plan says of a route that is used is not what its pods alone would get.
        found
            .retain(|one| !(traffic.gateway && traffic.routes.contains(&one.place.to_lowercase())));
        found.extend(unroutable);
        let own = record.own_steps(cluster.replicas());
        if own.surge == 0 && extremes.most_sized > cluster.replicas() {
            let more = count(extremes.most_sized - cluster.replicas(), "pod");
            let text = format!("is 0, and a canary takes {more} above the replicas for a while");
            found.push(Finding::new(Severity::Warning, text, "").at("maxSurge"));
        }
        if let Some(step) = steps.iter().map(|(step, _)| step).find(|step| !step.parked) {
            found.push(unparked(step, cluster.replicas()));
        }
        let no_route = router == Router::Gateway && !traffic.gateway;
        let blocked = no_route
            || !missing.is_empty()
            || found.iter().any(|one| one.severity == Severity::Error);
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
}

/// Reads what there is, and plans.
///
/// # Errors
///
/// What the server says; what keeps any canary from beginning.
pub async fn make(intent: &Intent, open: &Open) -> Result<(Plan, bool)> {
    let (stored, clock) = open.store.read(&open.session).await?;
    if stored.is_some() {
        return Err(
            Error::conflict(format!("{} already has a canary", open.target.name))
                .with_hint(format!("see it:  {}", open.target.words("status", "")))
                .with_hint(format!("go on:  {}", open.target.words("", "WEIGHT"))),
        );
    }
    let cluster = deployment::cluster(&open.session, &open.target).await?;
    let me = this_process::me(clock.now());
    let draft = draft(intent, open, &cluster, (&clock, &me)).await?;
    draft.plan(intent, open, Look::Everything).await
}

/// How much a plan looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Everything around the Deployment.
    Everything,
    /// What blocks a start, or is worth a word before it: no list of what leads there, and no right
    /// that a start can do without.
    BeforeStart,
}

/// Turns what blocks and was accepted into notes.
pub(super) fn accept(found: &mut [Finding], accepted: &[&str]) {
    for finding in found {
        if finding.severity == Severity::Error && accepted.contains(&finding.fix.as_str()) {
            finding.severity = Severity::Warning;
        }
    }
}

/// Counts the Deployment's pods that are on their way out.
fn ending(cluster: &Snapshot) -> i32 {
    let is = |pod: &&Pod| pod.deleting && !pod.ended && cluster.sets.contains_key(&pod.owner);
    i32::try_from(cluster.pods.values().filter(is).count()).unwrap_or(i32::MAX)
}

fn canary_of(open: &Open, record: &Record) -> Canary {
    Canary::of(&open.target, &record.uid, record.templates(), "")
}

/// Says what a weight that cannot be parked needs, and what stays of it.
fn unparked(step: &AtWeight, replicas: i32) -> Finding {
    let text = format!(
        "cannot be parked: {}+{} holds only while --steps drives it, and is promoted or rolled back \
         when that ends; if its process is killed, it stays as it is until resume or abort, and \
         scaling it then may give the canary more pods (without a driver: --accept-weight)",
        step.stable, step.canary
    );
    Finding::new(Severity::Warning, text, "").at(count(replicas, "replica"))
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
        "{} → {stable} stable + {canary} canary ({}), Ready never below {}, at most {}",
        count(walk.world.replicas, "replica"),
        share,
        walk.extremes.fewest_ready,
        count(walk.extremes.most, "pod")
    )
}
