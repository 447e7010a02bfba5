//! The resources that a server serves: which have namespaces, which verbs and subresources.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Built-in resources of Kubernetes 1.37, one per line: group, plural, scope, verbs, singular,
/// short names, subresources with their verbs.
const BUILT_IN: &str = include_str!("catalog.txt");

/// Resources, sorted by group and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Catalog {
    entries: Vec<Entry>,
}

/// One resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Entry {
    /// API group, empty for the core group.
    pub group: String,
    /// Plural.
    pub resource: String,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Verbs that are served.
    pub verbs: Vec<String>,
    /// Singular.
    pub singular: String,
    /// Short names.
    pub short: Vec<String>,
    /// Subresources with their verbs.
    pub subresources: BTreeMap<String, Vec<String>>,
}

/// Subresources of nodes that no API server serves: the kubelet asks whether its own paths may be
/// read (`pkg/kubelet/server/auth.go` of Kubernetes, KEP-2862).
const KUBELET: [&str; 9] = [
    "checkpoint",
    "configz",
    "healthz",
    "log",
    "metrics",
    "pods",
    "proxy",
    "spec",
    "stats",
];

impl Entry {
    /// Says whether it has a subresource, served or only asked about.
    #[must_use]
    pub fn has(&self, subresource: &str) -> bool {
        let is_node = self.group.is_empty() && self.resource == "nodes";
        self.subresources.contains_key(subresource) || (is_node && KUBELET.contains(&subresource))
    }
}

impl Catalog {
    /// Returns the resources that come with Kubernetes, for manifests without a cluster.
    #[must_use]
    pub fn built_in() -> Self {
        Self::new(BUILT_IN.lines().filter_map(parse).collect())
    }

    /// Returns a catalog; of several entries for one resource the first counts.
    #[must_use]
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by(|one, other| key(one).cmp(&key(other)));
        entries.dedup_by(|next, kept| key(next) == key(kept));
        Self { entries }
    }

    /// Returns this catalog with more resources.
    #[must_use]
    pub fn with(mut self, more: Vec<Entry>) -> Self {
        self.entries.extend(more);
        Self::new(self.entries)
    }

    /// Returns every resource in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns a resource.
    #[must_use]
    pub fn get(&self, group: &str, resource: &str) -> Option<&Entry> {
        self.entries
            .binary_search_by(|entry| key(entry).cmp(&(group, resource)))
            .ok()
            .map(|index| &self.entries[index])
    }

    /// Says whether the types of a group are known.
    #[must_use]
    pub fn has_group(&self, group: &str) -> bool {
        let at = self
            .entries
            .partition_point(|entry| entry.group.as_str() < group);
        self.entries
            .get(at)
            .is_some_and(|entry| entry.group == group)
    }

    /// Says whether objects of a resource live in namespaces; `None` when it is not known.
    #[must_use]
    pub fn is_namespaced(&self, group: &str, resource: &str) -> Option<bool> {
        self.get(group, resource).map(|entry| entry.namespaced)
    }

    /// Finds what somebody means by `po`, `pod`, `pods`, `deployments.apps`, `deploy.apps`: the
    /// core group first, then groups by name, as kubectl prefers built-in groups.
    #[must_use]
    pub fn find(&self, word: &str) -> Option<&Entry> {
        let (name, group) = match word.split_once('.') {
            Some((name, group)) => (name, Some(group)),
            None => (word, None),
        };
        let of = |matches: &dyn Fn(&Entry) -> bool| {
            self.entries
                .iter()
                .filter(|entry| group.is_none_or(|group| entry.group == group))
                .filter(|entry| matches(entry))
                .min_by_key(|entry| preference(entry))
        };
        let lower = name.to_lowercase();
        of(&|entry| entry.resource == name)
            .or_else(|| of(&|entry| entry.singular == lower))
            .or_else(|| of(&|entry| entry.short.contains(&lower)))
    }
}

/// The core group, groups of Kubernetes itself, others; `events` means the core group's.
fn preference(entry: &Entry) -> (u8, &str) {
    let rank = match entry.group.as_str() {
        "" => 0,
        "apps" | "batch" | "policy" | "autoscaling" => 1,
        group if group.ends_with(".k8s.io") => 2,
        _ => 3,
    };
    (rank, &entry.group)
}

fn key(entry: &Entry) -> (&str, &str) {
    (&entry.group, &entry.resource)
}

fn parse(line: &str) -> Option<Entry> {
    let words: Vec<&str> = line.split(' ').collect();
    let [group, resource, scope, verbs, singular, short, subresources] = words.as_slice() else {
        return None;
    };
    let list = |text: &str| -> Vec<String> {
        text.split(',')
            .filter(|word| *word != "-")
            .map(str::to_owned)
            .collect()
    };
    Some(Entry {
        group: group.trim_start_matches('-').to_owned(),
        resource: (*resource).to_owned(),
        namespaced: *scope == "namespaced",
        verbs: list(verbs),
        singular: (*singular).to_owned(),
        short: list(short),
        subresources: subresources
            .split(';')
            .filter_map(|part| part.split_once('='))
            .map(|(name, verbs)| (name.to_owned(), list(verbs)))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_built_in_catalog_is_read() {
        let catalog = Catalog::built_in();
        assert_eq!(catalog.entries().len(), BUILT_IN.lines().count());
        let pods = catalog.get("", "pods").unwrap();
        assert!(pods.namespaced && pods.subresources["exec"].contains(&"create".to_owned()));
    }

    #[test]
    fn words_mean_what_they_mean_to_kubectl() {
        let catalog = Catalog::built_in();
        let find = |word: &str| {
            catalog
                .find(word)
                .map(|entry| format!("{}/{}", entry.group, entry.resource))
        };
        assert_eq!(find("po").as_deref(), Some("/pods"));
        assert_eq!(find("deploy").as_deref(), Some("apps/deployments"));
        assert_eq!(find("Deployment").as_deref(), Some("apps/deployments"));
        assert_eq!(find("events").as_deref(), Some("/events"));
        assert_eq!(
            find("events.events.k8s.io").as_deref(),
            Some("events.k8s.io/events")
        );
        assert_eq!(find("deployments.example.com"), None);
    }
}
