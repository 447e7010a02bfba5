//! Answers: is something allowed, through which chain, and to which subjects.

use std::collections::{BTreeMap, BTreeSet};

use super::chain::Chain;
use super::rules::Asked;
use super::subjects::Entry;
use super::world::World;
use crate::model::question::{Action, Question, Target};
use crate::model::subject::{MASTERS, Principal, Subject};

/// All that allows something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// The principal is in `system:masters`, which is never asked about.
    pub superuser: bool,
    /// Chains, ClusterRoleBindings first.
    pub chains: Vec<Chain>,
}

impl Grants {
    /// Says whether it is allowed.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.superuser || !self.chains.is_empty()
    }
}

/// A subject that may do something, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhoRow<'a> {
    /// The subject.
    pub subject: Subject,
    /// Namespace; `None` is cluster-wide.
    pub namespace: Option<&'a str>,
    /// The chains in that scope.
    pub chains: Vec<Chain>,
}

impl<'a> World<'a> {
    /// Says whether something is allowed, without naming the chains.
    #[must_use]
    pub fn allows(&self, question: &Question) -> bool {
        if is_superuser(&question.principal) {
            return true;
        }
        let asked = Asked::new(&question.action, &self.symbols);
        let namespace = question.action.namespace();
        let mut found = false;
        self.each_entry(&question.principal, namespace, |entry| {
            found = found
                || self.sets[self.bindings[entry.binding as usize].set.index()]
                    .compiled
                    .iter()
                    .any(|rule| rule.allows(&asked));
        });
        found
    }

    /// Returns every chain that allows something: of each binding the first subject that matches,
    /// and each of its rules that allows it.
    #[must_use]
    pub fn grants(&self, question: &Question) -> Grants {
        let asked = Asked::new(&question.action, &self.symbols);
        let mut subjects: BTreeMap<usize, usize> = BTreeMap::new();
        self.each_entry(&question.principal, question.action.namespace(), |entry| {
            let at = entry.subject as usize;
            subjects
                .entry(entry.binding as usize)
                .and_modify(|first| *first = at.min(*first))
                .or_insert(at);
        });
        let mut chains = Vec::new();
        for (binding, subject) in subjects {
            let set = &self.sets[self.bindings[binding].set.index()];
            for (rule, compiled) in set.compiled.iter().enumerate() {
                if compiled.allows(&asked) {
                    chains.push(Chain {
                        binding,
                        subject,
                        rule,
                    });
                }
            }
        }
        Grants {
            superuser: is_superuser(&question.principal),
            chains,
        }
    }

    /// Returns the bindings that give a principal anything, with the subject that matches;
    /// `namespace` is `None` for all of them, empty for the cluster-wide ones.
    #[must_use]
    pub fn bindings_of(
        &self,
        principal: &Principal,
        namespace: Option<&str>,
    ) -> Vec<(usize, usize)> {
        let mut found: BTreeMap<usize, usize> = BTreeMap::new();
        let mut add = |entry: Entry| {
            let at = entry.subject as usize;
            found
                .entry(entry.binding as usize)
                .and_modify(|first| *first = at.min(*first))
                .or_insert(at);
        };
        match namespace {
            Some(namespace) => self.each_entry(principal, namespace, add),
            None => {
                let whos = self.subjects().whos(principal);
                for space in self.subjects().everywhere() {
                    for entry in whos.iter().filter_map(|who| space.get(who)).flatten() {
                        add(*entry);
                    }
                }
            }
        }
        found.into_iter().collect()
    }

    /// Returns the namespaces in which a RoleBinding gives a principal anything, in order.
    #[must_use]
    pub fn namespaces_of(&self, principal: &Principal) -> BTreeSet<&str> {
        let bindings = self.bindings_of(principal, None).into_iter();
        let inside = bindings.filter(|(binding, _)| !self.is_cluster_wide(*binding));
        inside.map(|(binding, _)| self.scope_of(binding)).collect()
    }

    /// Returns who may do something: cluster-wide, and in `namespace` (`None` is every one that
    /// has a RoleBinding). The action's own namespace is not looked at.
    #[must_use]
    pub fn who(&self, action: &Action, namespace: Option<&str>) -> Vec<WhoRow<'a>> {
        let asked = Asked::new(action, &self.symbols);
        // Each distinct list of rules is tried once, however many bindings give it.
        let matching: Vec<Vec<usize>> = self
            .sets
            .iter()
            .map(|set| {
                let rules = set.compiled.iter().enumerate();
                rules
                    .filter(|(_, rule)| rule.allows(&asked))
                    .map(|(index, _)| index)
                    .collect()
            })
            .collect();
        let mut rows: BTreeMap<(Subject, Option<&'a str>), Vec<Chain>> = BTreeMap::new();
        let policy = self.policy;
        let both = policy
            .cluster_role_bindings
            .iter()
            .chain(&policy.role_bindings);
        for (index, binding) in both.enumerate() {
            let rules = &matching[self.bindings[index].set.index()];
            if rules.is_empty() {
                continue;
            }
            let inside = if self.is_cluster_wide(index) {
                None
            } else {
                Some(binding.metadata.namespace.as_str())
            };
            // A path has no namespace, so a RoleBinding never gives one.
            let no_namespace = matches!(action.target, Target::Path(_));
            if inside.is_some()
                && (no_namespace || namespace.is_some_and(|only| Some(only) != inside))
            {
                continue;
            }
            for (at, subject) in binding.subjects.iter().enumerate() {
                let Some(subject) = Subject::of_binding(subject, inside.unwrap_or_default()) else {
                    continue;
                };
                let chains = rows.entry((subject, inside)).or_default();
                // Of one binding the first subject counts, as for the server.
                if chains.last().is_some_and(|chain| chain.binding == index) {
                    continue;
                }
                chains.extend(rules.iter().map(|&rule| Chain {
                    binding: index,
                    subject: at,
                    rule,
                }));
            }
        }
        rows.into_iter()
            .map(|((subject, namespace), chains)| WhoRow {
                subject,
                namespace,
                chains,
            })
            .collect()
    }

    fn each_entry(&self, principal: &Principal, namespace: &str, mut visit: impl FnMut(Entry)) {
        let spaces = self.subjects().within(namespace);
        for who in self.subjects().whos(principal) {
            for space in spaces.clone() {
                for entry in space.get(&who).into_iter().flatten() {
                    visit(*entry);
                }
            }
        }
    }
}

fn is_superuser(principal: &Principal) -> bool {
    principal.groups.iter().any(|group| group == MASTERS)
}
