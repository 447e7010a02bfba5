//! Reading and patching any object by plain requests.

use std::collections::BTreeMap;

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use psp_advise::model::workload::ObjectRef;
use serde::Deserialize;
use serde_json::Value;

use super::requests::{self, encode, refused};

/// Where an object is.
#[derive(Clone, Debug)]
pub struct Place {
    /// Path of the request.
    pub uri: String,
    /// `deployment.apps/api`, as kubectl prints it.
    pub shown: String,
    resource: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
struct Resources {
    resources: Vec<Resource>,
}

#[derive(Clone, Debug, Deserialize)]
struct Resource {
    name: String,
    kind: String,
}

/// Finds the resource of a kind, and asks for each group once.
#[derive(Debug, Default)]
pub struct Finder(BTreeMap<String, Vec<Resource>>);

impl Finder {
    /// Returns where an object is.
    ///
    /// # Errors
    ///
    /// That the server does not have the kind.
    pub async fn find(&mut self, session: &Session, object: &ObjectRef) -> Result<Place> {
        let api = if object.group().is_empty() {
            format!("/api/{}", object.api_version)
        } else {
            format!("/apis/{}", object.api_version)
        };
        if !self.0.contains_key(&api) {
            let list: Resources = requests::get(session, &api).await.map_err(|error| {
                refused(error, "get", "the kinds of an API", &object.api_version, "")
            })?;
            self.0.insert(api.clone(), list.resources);
        }
        let known = self.0.get(&api).into_iter().flatten();
        let resource = known
            .filter(|resource| !resource.name.contains('/'))
            .find(|resource| resource.kind == object.kind)
            .ok_or_else(|| {
                let (kind, version) = (&object.kind, &object.api_version);
                Error::failed(format!("the server has no kind {kind} in {version}"))
            })?;
        let group = object.group();
        let dot = if group.is_empty() { "" } else { "." };
        Ok(Place {
            uri: format!(
                "{api}/namespaces/{}/{}/{}",
                encode(&object.namespace),
                resource.name,
                encode(&object.name)
            ),
            shown: object.full(),
            resource: format!("{}{dot}{group}", resource.name),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
        })
    }
}

impl Place {
    /// Explains why something could not be done to the object.
    #[must_use]
    pub fn refused(&self, error: kube::Error, verb: &'static str) -> Error {
        let resource = self.resource.clone();
        refused(error, verb, resource, &self.name, &self.namespace)
    }
}

/// Reads an object.
///
/// # Errors
///
/// What the server says.
pub async fn get(session: &Session, place: &Place) -> Result<Value> {
    requests::get(session, &place.uri)
        .await
        .map_err(|error| place.refused(error, "get").context(&place.shown))
}

/// Sends a JSON patch.
///
/// # Errors
///
/// What the client says.
pub async fn patch(
    session: &Session,
    place: &Place,
    patch: &Value,
    manager: &str,
    dry_run: bool,
) -> Result<Value, kube::Error> {
    let mut uri = format!("{}?fieldManager={}", place.uri, encode(manager));
    if dry_run {
        uri.push_str("&dryRun=All");
    }
    let request = http::Request::patch(uri)
        .header("Content-Type", "application/json-patch+json")
        .body(patch.to_string().into_bytes())
        .map_err(kube::Error::HttpError)?;
    session.client.request(request).await
}
