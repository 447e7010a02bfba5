//! What findings are about: the Deployment, and what stands around it.

use std::collections::BTreeMap;

use groundcrew::finding::{Finding, Severity, Unseen};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::Value;

use crate::model::object::text;

/// Accepts that a Service does not select the canary.
pub const ACCEPT_NO_TRAFFIC: &str = "--accept-no-traffic";

/// Accepts that a GitOps tool will take the canary away.
pub const ACCEPT_OWNER: &str = "--accept-owner";

/// Accepts that a quota leaves too little room at present.
pub const ACCEPT_QUOTA: &str = "--accept-quota";

/// What stands around.
#[derive(Debug, Default)]
pub struct Around {
    /// Services of the namespace.
    pub services: Vec<Service>,
    /// Autoscalers.
    pub autoscalers: Vec<HorizontalPodAutoscaler>,
    /// Disruption budgets.
    pub budgets: Vec<PodDisruptionBudget>,
    /// Whether they were looked for.
    pub has_budgets: bool,
    /// Quotas.
    pub quotas: Vec<ResourceQuota>,
    /// Limit ranges, where they change what pods take.
    pub ranges: Vec<LimitRange>,
    /// Routes of every kind that is known, as JSON.
    pub routes: Vec<Value>,
    /// The Deployments of the namespace.
    pub deployments: Vec<Neighbor>,
    /// The objects of GitOps tools that keep the Deployment, as far as they could be read.
    pub owners: Vec<Keeper>,
    /// ConfigMaps and Secrets that the template names, with when they were last written.
    pub configs: Vec<(String, Option<jiff::Timestamp>)>,
    /// What could not be read, and why.
    pub unseen: Vec<Unseen>,
}

/// What the findings are about.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The Deployment, as JSON.
    pub deployment: &'a Value,
    /// The field manager under which it is written.
    pub manager: &'a str,
    /// The template of the pods that run.
    pub stable: &'a Value,
    /// The canary's, if it is known.
    pub canary: Option<&'a Value>,
    /// Stable and canary pods at the first weight.
    pub split: Option<(i32, i32)>,
    /// Pods above what runs now, at most.
    pub more: i32,
    /// Its pods that are on their way out.
    pub ending: i32,
    /// Whether the canary's ReplicaSet is there from an earlier revision.
    pub known: bool,
    /// Whether the record is there already.
    pub recorded: bool,
    /// Since when the stable template runs.
    pub since: Option<jiff::Timestamp>,
    /// Whether the layout has more pods than replicas.
    pub surges: bool,
}

/// A Deployment of the same namespace.
#[derive(Clone, Debug)]
pub struct Neighbor {
    /// Its name.
    pub name: String,
    /// What it takes for its pods.
    pub selector: LabelSelector,
    /// The labels of its pods.
    pub labels: BTreeMap<String, String>,
    /// Its replicas.
    pub replicas: i32,
}

/// An object of a GitOps tool that keeps Deployments.
#[derive(Clone, Debug, PartialEq)]
pub struct Keeper {
    /// What it is.
    pub what: Place,
    /// The object, as JSON; absent when it could not be read.
    pub object: Option<Value>,
}

/// Where the object of a GitOps tool is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An Application of Argo CD, in whichever namespace.
    Application(String),
    /// A Kustomization of Flux: namespace and name.
    Kustomization(String, String),
    /// A HelmRelease of Flux: namespace and name.
    HelmRelease(String, String),
}

pub(super) fn add(
    found: &mut Vec<Finding>,
    severity: Severity,
    about: impl Into<String>,
    text: String,
) {
    found.push(Finding::new(severity, text, "").at(about));
}

pub(super) fn labels(template: &Value) -> BTreeMap<String, String> {
    let labels = template["metadata"]["labels"].as_object();
    labels
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), text(value).to_owned()))
        .collect()
}
