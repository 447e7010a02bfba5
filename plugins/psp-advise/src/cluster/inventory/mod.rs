//! Reads the cluster page by page; what was evaluated is not kept.

use std::collections::BTreeMap;

use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Result};
use groundcrew::write::is_forbidden;
use psp_advise::decision::Source;
use psp_advise::pod::{Meta, Origin, OwnerReference, Pod, PodSpec};
use psp_advise::workload::{ObjectRef, Workload};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::options::Options;
use super::report::{Builder, Live};
use crate::cluster::{List, PAGE, encode, get};

mod custom;

/// A resource whose objects hold pods.
#[derive(Clone, Copy, Debug)]
struct Resource {
    api: &'static str,
    api_version: &'static str,
    plural: &'static str,
    kind: &'static str,
    /// The resource as errors name it.
    full: &'static str,
}

const fn resource(
    api: &'static str,
    api_version: &'static str,
    plural: &'static str,
    kind: &'static str,
    full: &'static str,
) -> Resource {
    Resource {
        api,
        api_version,
        plural,
        kind,
        full,
    }
}

const PODS: Resource = resource("/api/v1", "v1", "pods", "Pod", "pods");

/// Controllers; those that own others come first.
const CONTROLLERS: [Resource; 8] = [
    resource(
        "/apis/apps/v1",
        "apps/v1",
        "deployments",
        "Deployment",
        "deployments.apps",
    ),
    resource(
        "/apis/apps/v1",
        "apps/v1",
        "replicasets",
        "ReplicaSet",
        "replicasets.apps",
    ),
    resource(
        "/apis/apps/v1",
        "apps/v1",
        "statefulsets",
        "StatefulSet",
        "statefulsets.apps",
    ),
    resource(
        "/apis/apps/v1",
        "apps/v1",
        "daemonsets",
        "DaemonSet",
        "daemonsets.apps",
    ),
    resource(
        "/apis/batch/v1",
        "batch/v1",
        "cronjobs",
        "CronJob",
        "cronjobs.batch",
    ),
    resource("/apis/batch/v1", "batch/v1", "jobs", "Job", "jobs.batch"),
    resource(
        "/api/v1",
        "v1",
        "replicationcontrollers",
        "ReplicationController",
        "replicationcontrollers",
    ),
    resource(
        "/api/v1",
        "v1",
        "podtemplates",
        "PodTemplate",
        "podtemplates",
    ),
];

#[derive(Deserialize)]
struct NamespaceItem {
    metadata: Meta,
}

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

/// Who made what, by UID.
type Owners = BTreeMap<String, ObjectRef>;

/// Evaluates everything that the user may see.
///
/// # Errors
///
/// That the server cannot be reached, that a namespace is not there, or that namespaces cannot be
/// listed and none was named.
pub async fn observe(
    session: &Session,
    options: &Options,
    builder: &mut Builder<'_>,
) -> Result<()> {
    namespaces(session, options, builder).await?;
    let scopes: Vec<Option<&str>> = if options.namespaces.is_empty() {
        vec![None]
    } else {
        options
            .namespaces
            .iter()
            .map(|name| Some(name.as_str()))
            .collect()
    };
    let mut owners = Owners::new();
    for resource in CONTROLLERS {
        for scope in &scopes {
            let reader = Reader { session, options };
            let take = |item: ControllerItem, builder: &mut Builder<'_>| {
                controller(item, resource, &mut owners, builder);
            };
            reader.each(resource, *scope, builder, take).await?;
        }
    }
    for path in &options.custom {
        for scope in &scopes {
            custom::observe(session, options, path, *scope, &mut owners, builder).await?;
        }
    }
    for scope in &scopes {
        let reader = Reader { session, options };
        let take = |item: PodItem, builder: &mut Builder<'_>| pod(item, &owners, builder);
        reader.each(PODS, *scope, builder, take).await?;
    }
    Ok(())
}

async fn namespaces(session: &Session, options: &Options, builder: &mut Builder<'_>) -> Result<()> {
    if options.namespaces.is_empty() {
        let mut next = String::new();
        loop {
            let uri = format!("/api/v1/namespaces?limit={PAGE}&continue={}", encode(&next));
            let doing = Doing::new("list", "namespaces");
            let list: List<NamespaceItem> = get(session, &uri).await.map_err(|error| {
                let forbidden = is_forbidden(&error);
                let error = explain(error, &doing);
                if forbidden {
                    error.with_hint("one namespace is enough:  kubectl psp-advise -n NAME")
                } else {
                    error
                }
            })?;
            for item in list.items {
                builder.namespace(&item.metadata.name, Some(&item.metadata.labels));
            }
            next = list.metadata.next;
            if next.is_empty() {
                return Ok(());
            }
        }
    }
    for name in &options.namespaces {
        let uri = format!("/api/v1/namespaces/{}", encode(name));
        match get::<NamespaceItem>(session, &uri).await {
            Ok(item) => builder.namespace(name, Some(&item.metadata.labels)),
            Err(kube::Error::Api(status)) if status.code == 403 => {
                builder.namespace(name, None);
                builder.missing(
                    &format!("labels of namespace/{name}"),
                    None,
                    status.message.clone(),
                );
            }
            Err(error) => {
                return Err(explain(error, &Doing::new("get", "namespaces").named(name)));
            }
        }
    }
    Ok(())
}

fn controller(
    item: ControllerItem,
    resource: Resource,
    owners: &mut Owners,
    builder: &mut Builder<'_>,
) {
    let object = object(&item.metadata, resource.api_version, resource.kind);
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

fn object(meta: &Meta, api_version: &str, kind: &str) -> ObjectRef {
    ObjectRef {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
    }
}

fn managing(meta: &Meta) -> Option<&OwnerReference> {
    meta.owner_references.iter().find(|owner| owner.controller)
}

fn managing_uid(meta: &Meta) -> String {
    managing(meta)
        .map(|owner| owner.uid.clone())
        .unwrap_or_default()
}

/// Returns the root of an owner, or the owner itself where it was not seen.
fn root(owner: &OwnerReference, namespace: &str, owners: &Owners) -> ObjectRef {
    owners
        .get(&owner.uid)
        .cloned()
        .unwrap_or_else(|| ObjectRef {
            api_version: owner.api_version.clone(),
            kind: owner.kind.clone(),
            namespace: namespace.to_owned(),
            name: owner.name.clone(),
        })
}

/// Lists one resource.
struct Reader<'a> {
    session: &'a Session,
    options: &'a Options,
}

impl Reader<'_> {
    /// Hands every object to `take`; what may not be read is noted.
    async fn each<T: DeserializeOwned>(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        builder: &mut Builder<'_>,
        mut take: impl FnMut(T, &mut Builder<'_>),
    ) -> Result<()> {
        let path = match namespace {
            Some(namespace) => format!(
                "{}/namespaces/{}/{}",
                resource.api,
                encode(namespace),
                resource.plural
            ),
            None => format!("{}/{}", resource.api, resource.plural),
        };
        let selector = self.options.selector.as_deref().unwrap_or_default();
        let mut next = String::new();
        loop {
            let uri = format!(
                "{path}?limit={PAGE}&labelSelector={}&continue={}",
                encode(selector),
                encode(&next)
            );
            match get::<List<T>>(self.session, &uri).await {
                Ok(list) => {
                    for item in list.items {
                        take(item, builder);
                    }
                    next = list.metadata.next;
                }
                Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404 | 410) => {
                    builder.missing(resource.full, None, status.message.clone());
                    builder.unseen(namespace.unwrap_or_default());
                    return Ok(());
                }
                Err(error) => {
                    let mut doing = Doing::new("list", resource.full);
                    doing.namespace = namespace.map(str::to_owned);
                    return Err(explain(error, &doing));
                }
            }
            if next.is_empty() {
                return Ok(());
            }
        }
    }
}

/// Returns the error for a custom kind that the server does not know.
fn unknown_kind(name: &str) -> Error {
    Error::usage(format!("the server has no kind \"{name}\""))
        .with_hint("what there is:  kubectl api-resources")
}
