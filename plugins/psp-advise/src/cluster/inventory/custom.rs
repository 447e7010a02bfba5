//! Objects of other kinds, where `--pod-template-path` says that they hold a pod.

use groundcrew::error::{Error, Result};
use psp_advise::model::decision::Source;
use psp_advise::model::manifest::{Segment, segments};
use psp_advise::model::pod::{Meta, Origin, Pod};
use psp_advise::model::report::{Builder, Live};
use psp_advise::model::workload::{TemplatePath, Workload};
use serde::Deserialize;
use serde_json::Value;

use super::owners::{Owners, object};
use super::reader::Reader;
use crate::cluster::requests::{each, encode, get, refused};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    preferred_version: Version,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    group_version: String,
}

#[derive(Deserialize)]
struct Resources {
    resources: Vec<ApiResource>,
}

#[derive(Deserialize)]
struct ApiResource {
    name: String,
    kind: String,
}

/// Evaluates the objects of a custom kind.
pub(super) async fn observe(
    reader: &Reader<'_>,
    place: &TemplatePath,
    namespace: Option<&str>,
    owners: &mut Owners,
    builder: &mut Builder<'_>,
) -> Result<()> {
    let session = reader.session;
    let name = place
        .kind
        .as_deref()
        .or(place.plural.as_deref())
        .unwrap_or_default();
    let group = place.group.as_deref().unwrap_or_default();
    let group_uri = format!("/apis/{}", encode(group));
    let found = match get::<Group>(session, &group_uri).await {
        Ok(group) => group,
        Err(kube::Error::Api(status)) if status.code == 404 => return Err(unknown_kind(name)),
        Err(error) => return Err(refused(error, "get", "/apis", "", "")),
    };
    let api_version = found.preferred_version.group_version;
    let resources: Resources = get(session, &format!("/apis/{api_version}"))
        .await
        .map_err(|error| refused(error, "get", "/apis", "", ""))?;
    let resource = resources
        .resources
        .into_iter()
        .find(|resource| resource.kind == name || resource.name == name)
        .ok_or_else(|| unknown_kind(name))?;
    let scope = namespace.map_or_else(String::new, |name| format!("/namespaces/{}", encode(name)));
    let path = format!("/apis/{api_version}{scope}/{}", resource.name);
    let taken = each(session, &path, reader.selector, |item: Value| {
        take(&item, &api_version, &resource.kind, place, owners, builder);
    })
    .await;
    match taken {
        Ok(()) => Ok(()),
        Err(error) => {
            let full = format!("{}.{group}", resource.name);
            reader.unseen(error, &full, namespace, builder)
        }
    }
}

fn take(
    item: &Value,
    api_version: &str,
    kind: &str,
    path: &TemplatePath,
    owners: &mut Owners,
    builder: &mut Builder<'_>,
) {
    let Ok(meta) = Meta::deserialize(&item["metadata"]) else {
        return;
    };
    let object = object(&meta, api_version, kind);
    owners.insert(meta.uid.clone(), object.clone());
    let template = segments(&path.path).fold(item, |value, segment| match segment {
        Segment::Key(key) => &value[key],
        Segment::Index(index) => &value[index],
    });
    if template.is_null() {
        return;
    }
    match Pod::deserialize(template) {
        Ok(pod) => {
            let workload = Workload {
                object: object.clone(),
                path: path.path.clone(),
                origin: Origin::Template,
                pod,
            };
            builder.add(&workload, &object, Live::default(), Source::default());
        }
        Err(error) => {
            builder.open(&object.namespace);
            builder.unseen(object.short(), error.to_string());
        }
    }
}

/// Returns the error for a custom kind that the server does not know.
fn unknown_kind(name: &str) -> Error {
    Error::usage(format!("the server has no kind \"{name}\""))
        .with_hint("list the kinds:  kubectl api-resources")
}
