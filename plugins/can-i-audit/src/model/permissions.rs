//! Access as sets of permissions: what can be asked, laid out as bits.
//!
//! A permission is a verb on a resource, with a name where some rule lists it, or a verb on a path.
//! Everything that two policies can differ in is a permission: the resources that are served or named,
//! with the verbs that they have or that a rule names. A wildcard is the permissions that it covers, so
//! `*` and a list of everything there is are the same.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::model::engine::{World, url_matches};
use crate::model::policy::{Policy, Rule};
use crate::model::subject::{Subject, SubjectRef};

/// The verbs of an ordinary resource, for those of which nothing is known.
pub const ORDINARY: [&str; 8] = [
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];

/// One permission.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// API group; empty is the core group, `*` any that nothing is known of.
    pub group: String,
    /// `pods`, `pods/log`, or a path.
    pub resource: String,
    /// The name; `None` is any that no rule lists.
    pub name: Option<String>,
    /// The verb.
    pub verb: String,
    /// It is a path and no resource.
    pub is_path: bool,
    /// A RoleBinding can give it.
    pub namespaced: bool,
}

/// A set of permissions, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PermissionSet(Vec<u64>);

impl PermissionSet {
    fn empty(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    fn set(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    /// Says whether a permission is in it.
    #[must_use]
    pub fn has(&self, at: usize) -> bool {
        self.0
            .get(at / 64)
            .is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    /// Adds another set.
    pub fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    /// Takes another set away.
    pub fn remove(&mut self, other: &Self) {
        for (word, less) in self.0.iter_mut().zip(&other.0) {
            *word &= !less;
        }
    }

    /// Says whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Returns the numbers in it.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(index, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                if left == 0 {
                    return None;
                }
                let bit = left.trailing_zeros() as usize;
                left &= left - 1;
                Some(index * 64 + bit)
            })
        })
    }
}

/// All permissions of some policies.
#[derive(Debug)]
pub struct Universe {
    /// The permissions, sorted.
    pub permissions: Vec<Permission>,
    by_resource: HashMap<String, Vec<usize>>,
    by_subresource: HashMap<String, Vec<usize>>,
    resources: Vec<usize>,
    paths: Vec<usize>,
}

type Kinds = BTreeMap<(String, String), BTreeSet<String>>;

impl Universe {
    /// Lays out what the policies can differ in.
    #[must_use]
    pub fn new(policies: &[&Policy]) -> Self {
        let mut kinds: Kinds = BTreeMap::new();
        for entry in policies.iter().flat_map(|policy| policy.catalog.entries()) {
            let verbs = kinds
                .entry((entry.group.clone(), entry.resource.clone()))
                .or_default();
            verbs.extend(entry.verbs.iter().cloned());
            for (sub, verbs) in &entry.subresources {
                let combined = format!("{}/{sub}", entry.resource);
                let known = kinds.entry((entry.group.clone(), combined)).or_default();
                known.extend(verbs.iter().cloned());
            }
        }
        // Each distinct rule once, in an order that does not depend on the roles.
        let distinct: HashSet<&Rule> = policies
            .iter()
            .flat_map(|policy| policy.cluster_roles.iter().chain(&policy.roles))
            .flat_map(|role| &role.rules)
            .collect();
        let mut rules: Vec<&Rule> = distinct.into_iter().collect();
        rules.sort_unstable();
        for rule in &rules {
            name_kinds(rule, &mut kinds);
        }
        let mut names: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for rule in rules.iter().filter(|rule| !rule.resource_names.is_empty()) {
            for (group, resource) in kinds.keys() {
                if covers(rule, group, resource) {
                    let known = names.entry((group.clone(), resource.clone())).or_default();
                    known.extend(rule.resource_names.iter().cloned());
                }
            }
        }
        let mut permissions = Vec::new();
        for ((group, resource), verbs) in &kinds {
            let plain = resource.split('/').next().unwrap_or_default();
            let scope = policies
                .iter()
                .find_map(|policy| policy.catalog.is_namespaced(group, plain));
            let own = group.is_empty() && plain == "namespaces";
            let key = (group.clone(), resource.clone());
            let named = names.get(&key).into_iter().flatten().cloned().map(Some);
            for name in std::iter::once(None).chain(named) {
                for verb in verbs {
                    permissions.push(Permission {
                        group: group.clone(),
                        resource: resource.clone(),
                        name: name.clone(),
                        verb: verb.clone(),
                        is_path: false,
                        namespaced: scope != Some(false) || own,
                    });
                }
            }
        }
        permissions.extend(path_permissions(&rules));
        Self::indexed(permissions)
    }

    fn indexed(permissions: Vec<Permission>) -> Self {
        let mut by_resource: HashMap<String, Vec<usize>> = HashMap::new();
        let mut by_subresource: HashMap<String, Vec<usize>> = HashMap::new();
        let (mut resources, mut paths) = (Vec::new(), Vec::new());
        for (index, permission) in permissions.iter().enumerate() {
            if permission.is_path {
                paths.push(index);
                continue;
            }
            resources.push(index);
            by_resource
                .entry(permission.resource.clone())
                .or_default()
                .push(index);
            if let Some((_, sub)) = permission.resource.split_once('/') {
                by_subresource
                    .entry(format!("*/{sub}"))
                    .or_default()
                    .push(index);
            }
        }
        Self {
            permissions,
            by_resource,
            by_subresource,
            resources,
            paths,
        }
    }

    /// Returns what a list of rules covers, through a RoleBinding or cluster-wide.
    #[must_use]
    pub fn covered(&self, rules: &[Rule], in_namespace: bool) -> PermissionSet {
        let mut bits = PermissionSet::empty(self.permissions.len());
        let none = Vec::new();
        for rule in rules {
            for entry in &rule.resources {
                let exact = self.by_resource.get(entry).unwrap_or(&none);
                let starred = self.by_subresource.get(entry).unwrap_or(&none);
                let all = if entry == "*" { &self.resources } else { &none };
                for &index in exact.iter().chain(starred).chain(all) {
                    let permission = &self.permissions[index];
                    let fits = (permission.namespaced || !in_namespace)
                        && has(&rule.verbs, &permission.verb)
                        && has(&rule.api_groups, &permission.group)
                        && names_fit(rule, permission);
                    if fits {
                        bits.set(index);
                    }
                }
            }
            if in_namespace {
                continue;
            }
            for url in &rule.non_resource_urls {
                for &index in &self.paths {
                    let permission = &self.permissions[index];
                    if has(&rule.verbs, &permission.verb) && url_matches(url, &permission.resource)
                    {
                        bits.set(index);
                    }
                }
            }
        }
        bits
    }
}

fn names_fit(rule: &Rule, permission: &Permission) -> bool {
    rule.resource_names.is_empty()
        || permission
            .name
            .as_ref()
            .is_some_and(|name| rule.resource_names.contains(name))
}

fn has(list: &[String], word: &str) -> bool {
    list.iter().any(|one| one == "*" || one == word)
}

/// Adds what a rule names itself; wildcards name nothing.
fn name_kinds(rule: &Rule, kinds: &mut Kinds) {
    for resource in &rule.resources {
        if resource.starts_with('*') {
            continue;
        }
        for group in &rule.api_groups {
            if group == "*" && kinds.keys().any(|(_, known)| known == resource) {
                continue;
            }
            let key = (group.clone(), resource.clone());
            let verbs = kinds
                .entry(key)
                .or_insert_with(|| ORDINARY.map(str::to_owned).into());
            verbs.extend(rule.verbs.iter().filter(|verb| *verb != "*").cloned());
        }
    }
}

fn covers(rule: &Rule, group: &str, resource: &str) -> bool {
    let starred = resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
    has(&rule.api_groups, group)
        && (has(&rule.resources, resource)
            || starred.is_some_and(|starred| rule.resources.contains(&starred)))
}

fn path_permissions(rules: &[&Rule]) -> Vec<Permission> {
    let mut verbs: BTreeSet<&str> = ["get"].into();
    let mut paths: BTreeSet<&str> = BTreeSet::new();
    for rule in rules
        .iter()
        .filter(|rule| !rule.non_resource_urls.is_empty())
    {
        verbs.extend(
            rule.verbs
                .iter()
                .map(String::as_str)
                .filter(|one| *one != "*"),
        );
        paths.extend(rule.non_resource_urls.iter().map(String::as_str));
    }
    let mut permissions = Vec::new();
    for path in paths {
        for verb in &verbs {
            permissions.push(Permission {
                group: String::new(),
                resource: path.to_owned(),
                name: None,
                verb: (*verb).to_owned(),
                is_path: true,
                namespaced: false,
            });
        }
    }
    permissions
}

/// The permissions that bindings give each subject, scope by scope; inside, the empty namespace is
/// the cluster.
#[derive(Debug, Default)]
pub struct Holdings<'a> {
    own: BTreeMap<Subject, BTreeMap<&'a str, PermissionSet>>,
}

impl<'a> Holdings<'a> {
    /// Collects it. Each distinct list of rules is laid out once.
    #[must_use]
    pub fn new(world: &'a World<'_>, universe: &Universe) -> Self {
        let mut known: HashMap<(usize, bool), PermissionSet> = HashMap::new();
        let mut own: HashMap<SubjectRef<'_>, BTreeMap<&'a str, PermissionSet>> = HashMap::new();
        for index in 0..world.binding_count() {
            let spaced = !world.is_cluster_wide(index);
            let set = world.set_of(index).index();
            let bits = known
                .entry((set, spaced))
                .or_insert_with(|| universe.covered(world.rules_of(set), spaced));
            if bits.is_empty() {
                continue;
            }
            let scope = if spaced { world.scope_of(index) } else { "" };
            for subject in &world.binding(index).subjects {
                if let Some(subject) = SubjectRef::of_binding(subject, scope) {
                    let scopes = own.entry(subject).or_default();
                    scopes.entry(scope).or_default().add(bits);
                }
            }
        }
        let own = own.into_iter();
        Self {
            own: own
                .map(|(subject, scopes)| (subject.to_subject(), scopes))
                .collect(),
        }
    }

    /// Returns everybody who is bound to something.
    pub fn subjects(&self) -> impl Iterator<Item = &Subject> {
        self.own.keys()
    }

    /// Returns the scopes in which a subject is bound itself.
    pub fn scopes(&self, subject: &Subject) -> impl Iterator<Item = Option<&'a str>> {
        let scopes = self.own.get(subject).into_iter();
        scopes
            .flat_map(|scopes| scopes.keys().copied())
            .map(|scope| (!scope.is_empty()).then_some(scope))
    }

    /// Returns what a subject is bound to itself in one scope.
    #[must_use]
    pub fn own(&self, subject: &Subject, scope: Option<&str>) -> Option<&PermissionSet> {
        self.own.get(subject)?.get(scope.unwrap_or_default())
    }

    /// Returns what a subject and groups are bound to, to be asked for one scope after the other.
    #[must_use]
    pub fn of(&self, subject: &Subject, groups: &[String]) -> Effective<'_> {
        let groups = groups.iter().map(|name| Subject::Group(name.clone()));
        let parts = groups
            .filter(|group| group != subject)
            .filter_map(|group| self.own.get(&group));
        Effective {
            parts: self.own.get(subject).into_iter().chain(parts).collect(),
        }
    }

    /// Returns what holds for a subject in a scope: what it and its groups have there and
    /// cluster-wide.
    #[must_use]
    pub fn effective(
        &self,
        subject: &Subject,
        groups: &[String],
        scope: Option<&str>,
    ) -> PermissionSet {
        self.of(subject, groups).within(scope)
    }
}

/// The permissions of one subject and its groups.
#[derive(Debug)]
pub struct Effective<'h> {
    parts: Vec<&'h BTreeMap<&'h str, PermissionSet>>,
}

impl<'h> Effective<'h> {
    /// Returns the scopes in which the subject or one of its groups is bound, cluster-wide first.
    #[must_use]
    pub fn scopes(&self) -> BTreeSet<Option<&'h str>> {
        let scopes = self.parts.iter().flat_map(|part| part.keys().copied());
        scopes
            .map(|scope| (!scope.is_empty()).then_some(scope))
            .collect()
    }

    /// Returns what holds in a scope, cluster-wide grants included.
    #[must_use]
    pub fn within(&self, scope: Option<&str>) -> PermissionSet {
        let mut bits = PermissionSet::default();
        for part in &self.parts {
            let here = scope.and_then(|scope| part.get(scope));
            for more in part.get("").into_iter().chain(here) {
                bits.add(more);
            }
        }
        bits
    }
}
