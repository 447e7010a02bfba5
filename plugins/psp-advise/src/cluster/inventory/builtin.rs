//! Objects of the kinds that Kubernetes brings.

use groundcrew::error::Result;
use psp_advise::model::decision::Source;
use psp_advise::model::pod::{Meta, Origin, Pod, PodSpec};
use psp_advise::model::report::{Builder, Live};
use psp_advise::model::workload::Workload;
use serde::Deserialize;

use super::owners::{Owners, managing, managing_uid, object, root};
use super::reader::Reader;
use crate::cluster::resources::{CONTROLLERS, POD_TEMPLATES, PODS, Resource};

#[derive(Deserialize)]
struct PodItem {
    metadata: Meta,
    #[serde(default)]
    spec: PodSpec,
    #[serde(default)]
    status: PodStatus,
}

#[derive(Default, Deserialize)]
struct PodStatus {
    #[serde(default)]
    phase: String,
}

/// Every controller has its template in one of three places.
#[derive(Deserialize)]
struct ControllerItem {
    metadata: Meta,
    #[serde(default)]
    spec: ControllerSpec,
    template: Option<Pod>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ControllerSpec {
    template: Option<Pod>,
    job_template: Option<JobTemplate>,
}

#[derive(Deserialize)]
struct JobTemplate {
    spec: Option<JobSpec>,
}

#[derive(Deserialize)]
struct JobSpec {
    template: Option<Pod>,
}

/// Evaluates controllers, then templates.
pub(super) async fn controllers(
    reader: &Reader<'_>,
    scopes: &[Option<&str>],
    owners: &mut Owners,
    builder: &mut Builder<'_>,
) -> Result<()> {
    for resource in CONTROLLERS.into_iter().chain([POD_TEMPLATES]) {
        for scope in scopes {
            let take = |item: ControllerItem, builder: &mut Builder<'_>| {
                controller(item, resource, owners, builder);
            };
            reader.each(resource, *scope, builder, take).await?;
        }
    }
    Ok(())
}

/// Evaluates pods.
pub(super) async fn pods(
    reader: &Reader<'_>,
    scopes: &[Option<&str>],
    owners: &Owners,
    builder: &mut Builder<'_>,
) -> Result<()> {
    for scope in scopes {
        let take = |item: PodItem, builder: &mut Builder<'_>| pod(item, owners, builder);
        reader.each(PODS, *scope, builder, take).await?;
    }
    Ok(())
}

fn controller(
    item: ControllerItem,
    resource: Resource,
    owners: &mut Owners,
    builder: &mut Builder<'_>,
) {
    let object = object(&item.metadata, &resource.api_version(), resource.kind);
    let root = managing(&item.metadata)
        .map(|owner| root(owner, &item.metadata.namespace, owners))
        .unwrap_or_else(|| object.clone());
    owners.insert(item.metadata.uid.clone(), root.clone());
    // What a Deployment or a CronJob made has its template from there; old revisions are history.
    if root != object && owners.contains_key(&managing_uid(&item.metadata)) {
        return;
    }
    let (path, template) = match (item.template, item.spec.template, item.spec.job_template) {
        (Some(template), _, _) => ("template", Some(template)),
        (_, Some(template), _) => ("spec.template", Some(template)),
        (_, _, Some(job)) => (
            "spec.jobTemplate.spec.template",
            job.spec.and_then(|spec| spec.template),
        ),
        _ => ("", None),
    };
    let Some(pod) = template else { return };
    let workload = Workload {
        object,
        path: path.to_owned(),
        origin: Origin::Template,
        pod,
    };
    builder.add(&workload, &root, Live::default(), Source::default());
}

fn pod(item: PodItem, owners: &Owners, builder: &mut Builder<'_>) {
    let object = object(&item.metadata, "v1", "Pod");
    let root = managing(&item.metadata)
        .map(|owner| root(owner, &item.metadata.namespace, owners))
        // A static pod is its node's, and stays a workload of its own.
        .filter(|root| root.kind != "Node")
        .unwrap_or_else(|| object.clone());
    let live = Live {
        is_pod: true,
        ended: matches!(item.status.phase.as_str(), "Succeeded" | "Failed"),
    };
    let workload = Workload {
        object,
        path: String::new(),
        origin: Origin::Pod,
        pod: Pod {
            metadata: item.metadata,
            spec: item.spec,
        },
    };
    builder.add(&workload, &root, live, Source::default());
}
