//! The resources that the server serves: aggregated discovery in two requests, or one for each group.

use std::collections::BTreeMap;

use can_i_audit::model::catalog::{Catalog, Entry};
use futures::future::join_all;
use groundcrew::client::Session;
use serde::Deserialize;

use super::lists::get;

/// KEP-3352; a server before 1.26 answers with a list of groups alone.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                          application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,\
                          application/json";

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    items: Vec<Group>,
    /// The older form.
    #[serde(default)]
    groups: Vec<OldGroup>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: Meta,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Meta {
    name: String,
}

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    resources: Vec<Resource>,
    #[serde(default)]
    freshness: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    resource: String,
    scope: String,
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    singular_resource: String,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    subresources: Vec<Subresource>,
}

#[derive(Deserialize)]
struct Subresource {
    subresource: String,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OldGroup {
    name: String,
    preferred_version: OldVersion,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OldVersion {
    group_version: String,
}

#[derive(Deserialize)]
struct OldList {
    resources: Vec<OldResource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OldResource {
    name: String,
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    singular_name: String,
    #[serde(default)]
    short_names: Vec<String>,
}

/// Returns what is served, and the groups whose servers do not answer.
pub(super) async fn read(session: &Session) -> Result<(Catalog, Vec<String>), kube::Error> {
    let (core, groups) = futures::join!(
        get::<Answer>(session, "/api", AGGREGATED),
        get::<Answer>(session, "/apis", AGGREGATED)
    );
    let (core, groups) = (core?, groups?);
    if groups.kind != "APIGroupDiscoveryList" {
        return one_by_one(session, groups.groups).await;
    }
    let mut entries = Vec::new();
    let mut unreachable = Vec::new();
    for group in core.items.into_iter().chain(groups.items) {
        let name = group.metadata.name;
        if group
            .versions
            .iter()
            .any(|version| version.freshness == "Stale")
        {
            unreachable.push(name.clone());
        }
        for resource in group
            .versions
            .into_iter()
            .flat_map(|version| version.resources)
        {
            entries.push(entry(&name, resource));
        }
    }
    Ok((Catalog::new(entries), unreachable))
}

fn entry(group: &str, resource: Resource) -> Entry {
    Entry {
        group: group.to_owned(),
        resource: resource.resource,
        namespaced: resource.scope == "Namespaced",
        verbs: sorted(resource.verbs),
        singular: resource.singular_resource,
        short: resource.short_names,
        subresources: resource
            .subresources
            .into_iter()
            .map(|sub| (sub.subresource, sorted(sub.verbs)))
            .collect(),
    }
}

fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words
}

async fn one_by_one(
    session: &Session,
    groups: Vec<OldGroup>,
) -> Result<(Catalog, Vec<String>), kube::Error> {
    let mut wanted = vec![(String::new(), "/api/v1".to_owned())];
    wanted.extend(groups.into_iter().map(|group| {
        (
            group.name,
            format!("/apis/{}", group.preferred_version.group_version),
        )
    }));
    let lists = join_all(
        wanted
            .iter()
            .map(|(_, path)| get::<OldList>(session, path, "application/json")),
    )
    .await;
    let mut entries = Vec::new();
    let mut unreachable = Vec::new();
    for ((group, _), list) in wanted.into_iter().zip(lists) {
        match list {
            Ok(list) => entries.extend(old_entries(&group, list)),
            Err(_) => unreachable.push(group),
        }
    }
    Ok((Catalog::new(entries), unreachable))
}

fn old_entries(group: &str, list: OldList) -> Vec<Entry> {
    let mut subresources: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    let mut entries = Vec::new();
    for resource in list.resources {
        match resource.name.split_once('/') {
            Some((parent, sub)) => {
                let of_parent = subresources.entry(parent.to_owned()).or_default();
                of_parent.insert(sub.to_owned(), sorted(resource.verbs));
            }
            None => entries.push(Entry {
                group: group.to_owned(),
                resource: resource.name,
                namespaced: resource.namespaced,
                verbs: sorted(resource.verbs),
                singular: resource.singular_name,
                short: resource.short_names,
                subresources: BTreeMap::new(),
            }),
        }
    }
    for entry in &mut entries {
        entry.subresources = subresources.remove(&entry.resource).unwrap_or_default();
    }
    entries
}
