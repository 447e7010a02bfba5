//! Decides whether a subject can do what a condition is about, with the names that it may use.

use std::collections::BTreeSet;

use super::capabilities::Capability;
use super::conditions::{CONDITIONS, Condition, Names, Way};
use super::finder::Finder;
use super::finding::Severity;
use super::parts::Parts;

/// A condition that holds.
pub(super) struct Weight {
    /// Only objects of certain names are concerned.
    pub(super) limited: bool,
    /// What is behind it, for the chains.
    pub(super) capabilities: Vec<Capability>,
    pub(super) detail: String,
    /// A severity that does not follow from the rule and the place.
    pub(super) severity: Option<Severity>,
}

impl Weight {
    pub(super) fn new() -> Self {
        Self {
            limited: true,
            capabilities: Vec::new(),
            detail: String::new(),
            severity: None,
        }
    }

    pub(super) fn take(&mut self, way: &Way, limited: bool) {
        for part in way.parts {
            if !self.capabilities.contains(part) {
                self.capabilities.push(*part);
            }
        }
        self.limited &= limited;
    }
}

impl Finder<'_> {
    /// Weighs a condition, and returns `None` where the server would refuse the deed. `user` is the
    /// name of the subject itself, empty for a group.
    pub(super) fn weigh(
        &self,
        condition: &Condition,
        user: &str,
        parts: &Parts<'_>,
    ) -> Option<Weight> {
        let mut ways = condition.ways.iter().filter(|way| way.may(parts.mask));
        let first = ways.next()?;
        match condition.id {
            "CIA-005" => return self.impersonation(condition, user, parts),
            // Who can give more than that is told so.
            "CIA-023" => {
                let [escalate, bind, ..] = &CONDITIONS;
                for more in [escalate, bind] {
                    if self.weigh(more, user, parts).is_some() {
                        return None;
                    }
                }
            }
            _ => {}
        }
        let mut weight = Weight::new();
        for way in std::iter::once(first).chain(ways) {
            let whole = way.is_whole(parts.mask);
            if way.names == Names::Same && !whole && !self.share_a_name(way, parts) {
                continue;
            }
            if weight.capabilities.is_empty() {
                way.detail.clone_into(&mut weight.detail);
            }
            weight.take(way, !whole && way.names != Names::Chosen);
        }
        (!weight.capabilities.is_empty()).then_some(weight)
    }

    /// Says whether the parts of a way that are limited to names have one in common.
    fn share_a_name(&self, way: &Way, parts: &Parts<'_>) -> bool {
        let mut common: Option<BTreeSet<&str>> = None;
        let named = way.parts.iter();
        for part in named.filter(|part| parts.mask.all & part.bit() == 0) {
            let names = self.names_of(*part, parts);
            common = Some(match common {
                None => names,
                Some(known) => known.intersection(&names).copied().collect(),
            });
        }
        common.is_none_or(|names| !names.is_empty())
    }

    /// Returns the names that a capability is limited to.
    pub(super) fn names_of(&self, capability: Capability, parts: &Parts<'_>) -> BTreeSet<&str> {
        let bindings = parts.bindings.iter().copied().flatten();
        let sets = bindings.map(|(binding, _)| {
            let cluster_wide = self.world.is_cluster_wide(*binding);
            (self.world.set_of(*binding), !cluster_wide)
        });
        let mut names = BTreeSet::new();
        for (set, in_namespace) in sets.chain(parts.more) {
            let rules = self.world.rules_of(set.index());
            for number in self.rules_of_set(set, in_namespace, capability) {
                names.extend(rules[*number].resource_names.iter().map(String::as_str));
            }
        }
        names
    }
}
