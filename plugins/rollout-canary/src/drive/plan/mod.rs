//! `plan`: everything that can be known before anything is written.

mod steps;

pub use steps::{Bounds, Step};

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::client::access::{self, Access};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{Format, Globals, KubeArgs, OutputArgs};
use groundcrew::output::{Document, Kind, json, yaml};
use groundcrew::ui::Ui;
use serde::Serialize;
use serde_json::Value;
use steps::{Ways, walk_all};

use super::start::{ShapeArgs, StartArgs, begin};
use super::{Open, open};
use crate::change::ChangeArgs;
use crate::model::{Steps, World};
use crate::observe::{self, Cluster};
use crate::plan::{Finding, Question, Weight, findings};
use crate::record::{Layout, Record};
use crate::traffic::{self, Canary, Router};
use crate::{meta, render, weight};

/// Show what a canary would do, pod by pod, and what stands in the way
///
/// Nothing is written. The numbers come from an exact model of the Deployment's controller. The exit
/// code is 3 when something would keep it from working, 4 when something could not be seen.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Which Deployment: web or deploy/web
    #[arg(value_name = "DEPLOYMENT", add = crate::complete::deployments())]
    deployment: String,

    /// The canary's share of the pods, such as 10%, or weights to go through: 10,25,50
    #[arg(value_name = "WEIGHTS", value_parser = weight::steps)]
    steps: weight::Steps,

    #[command(flatten)]
    change: ChangeArgs,

    #[command(flatten)]
    shape: ShapeArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

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

/// Who gives the canary its share of the requests.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// Whether a route will.
    pub gateway: bool,
    /// Routes of the Gateway API that lead to the pods.
    pub routes: Vec<String>,
    /// The Service that a route would get beside the user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_service: Option<String>,
    /// Why no route can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Other routers that lead to the pods, which are left alone.
    pub others: Vec<String>,
}

impl PlanArgs {
    /// Returns what a start that is to write nothing shows.
    #[must_use]
    pub fn instead_of(args: StartArgs, deployment: String, steps: weight::Steps) -> Self {
        Self {
            deployment,
            steps,
            change: args.change,
            shape: args.shape,
            output: args.output,
            globals: args.globals,
            kube: args.kube,
        }
    }
}

/// Plans.
///
/// # Errors
///
/// What the server says; what stands in the way of any canary.
pub async fn run(args: PlanArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let open = open(&args.kube, &args.deployment, ui).await?;
    let (plan, blocked) = interrupt.guard(make(&args, &open)).await?;
    ui.answer(match args.output.format {
        Format::Json => json(&Document::new(Kind::CanaryPlan, &plan))?,
        Format::Yaml => yaml(&Document::new(Kind::CanaryPlan, &plan))?,
        Format::Name => format!("deployment.apps/{}\n", plan.deployment),
        Format::Table | Format::Wide => render::plan(&plan, !args.output.no_headers),
    })?;
    open.session.finish()?;
    Ok(match () {
        () if blocked => Exit::No,
        () if !plan.unseen.is_empty() => Exit::Incomplete,
        () => Exit::Done,
    })
}

async fn make(args: &PlanArgs, open: &Open) -> Result<(Plan, bool)> {
    let (stored, clock) = open.store.read(&open.session).await?;
    if stored.is_some() {
        return Err(
            Error::conflict(format!("{} has a canary already", open.target.name))
                .with_hint(format!("see it:  {}", open.target.words("status", "")))
                .with_hint(format!("go on:  {}", open.target.words("", "WEIGHT"))),
        );
    }
    let cluster = observe::cluster(&open.session, &open.target).await?;
    let before = begin::before(&cluster, &open.target)?;
    let canary = if args.change.is_empty() && !before.pending {
        None
    } else {
        let change = &args.change;
        Some(begin::canary(change, open, &cluster, &before).await?)
    };
    let stable = before.template.clone();
    let first = args.steps.0.first().copied().unwrap_or_default();
    let template = canary.clone().unwrap_or(Value::Null);
    let me = crate::record::Driver::me(clock.now());
    let record = begin::record(&args.shape, &cluster, before, template, first, &me, &clock);
    begin::possible(&record, &cluster)?;
    let steps = walk_all(&record, cluster.replicas(), &args.steps.0);
    let ways = Ways::of(&steps, World::at_rest(cluster.replicas(), Steps::default()));
    let extremes = ways.all();
    let (traffic, mut unseen) = traffic(args, open, &record).await?;
    let wanted = rights(open, &traffic);
    let missing = access::missing(&open.session, &wanted).await?;
    let around = observe::around(&open.session, &open.target.namespace, &stable).await;
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
    let no_route = args.shape.traffic == Some(Router::Gateway) && !traffic.gateway;
    let blocked =
        no_route || !missing.is_empty() || found.iter().any(|one| one.weight == Weight::Blocks);
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

/// Looks for routes, and says what could not be looked at if a route was asked for.
async fn traffic(args: &PlanArgs, open: &Open, record: &Record) -> Result<(Traffic, Vec<String>)> {
    let router = args.shape.traffic.unwrap_or_default();
    let canary = Canary::of(record, &open.target, "");
    let found = match traffic::detect(&open.session, &canary).await {
        Ok(found) => found,
        // Whoever wants no route needs no right to look for one.
        Err(error) if router == Router::Replicas => {
            tracing::info!(%error, "routes were not looked for");
            return Ok((Traffic::default(), Vec::new()));
        }
        Err(error) => return Err(error),
    };
    let target = found.target;
    let traffic = Traffic {
        gateway: router != Router::Replicas && target.is_some(),
        routes: target
            .iter()
            .flat_map(|target| target.routes.iter().map(traffic::shown))
            .collect(),
        extra_service: target.map(|target| target.extra),
        why: found.why,
        others: found.others,
    };
    let asked = router != Router::Replicas;
    Ok((traffic, if asked { found.unseen } else { Vec::new() }))
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
        weight: Weight::Warns,
        about: "replicas".to_owned(),
        text,
    }
}

/// When the stable ReplicaSet was made.
fn since(cluster: &Cluster) -> Option<jiff::Timestamp> {
    let set = cluster.active().into_iter().next()?;
    observe::text(&set["metadata"]["creationTimestamp"])
        .parse()
        .ok()
}

/// Every right that a canary needs from its first look to its last write.
fn rights(open: &Open, traffic: &Traffic) -> Vec<Access> {
    let target = &open.target;
    let within =
        |verb: &str, resource: &str| Access::new(verb, resource).within(target.namespace.clone());
    let record = meta::record_name(&target.name);
    let mut rights = vec![
        within("get", "deployments.apps").named(&target.name),
        within("list", "deployments.apps").named(&target.name),
        within("watch", "deployments.apps").named(&target.name),
        within("patch", "deployments.apps").named(&target.name),
        within("list", "replicasets.apps"),
        within("watch", "replicasets.apps"),
        within("list", "pods"),
        within("watch", "pods"),
        within("get", "pods/log"),
        within("list", "events"),
        within("create", "configmaps"),
    ];
    rights
        .extend(["get", "update", "delete"].map(|verb| within(verb, "configmaps").named(&record)));
    if let Some(extra) = traffic.extra_service.as_ref().filter(|_| traffic.gateway) {
        rights.extend([
            within("list", "services"),
            within("create", "services"),
            within("get", "services").named(extra),
            within("delete", "services").named(extra),
            within("list", "endpointslices.discovery.k8s.io"),
        ]);
        for route in &traffic.routes {
            let (kind, name) = route.split_once('/').unwrap_or((route, ""));
            let resource = format!("{kind}s.gateway.networking.k8s.io");
            rights.extend(["get", "patch"].map(|verb| within(verb, &resource).named(name)));
        }
    }
    rights
}
