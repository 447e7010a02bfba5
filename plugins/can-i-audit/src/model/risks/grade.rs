//! The severity of the right to bind: that of the worst role that can be bound with it.

use std::collections::BTreeSet;

use super::capabilities::Capability;
use super::conditions::CONDITIONS;
use super::finder::{Finder, Scope, severity};
use super::finding::{Finding, Severity};
use super::parts::Held;
use super::parts::Parts;
use crate::model::engine::RoleAt;

/// Roles that a finding names; more are counted.
const NAMED: usize = 3;

impl Finder<'_> {
    /// Grades a finding of CIA-004 by the roles that can be bound. Without a limit on names that
    /// is every role, so that nothing is to be graded.
    pub(super) fn grade(&self, finding: &mut Finding, scope: Scope<'_>, held: &Held<'_>) {
        let Some(roles) = self.bindable(scope, held) else {
            return;
        };
        let everywhere = scope.is_none()
            && held.mask.has(Capability::WriteClusterBindings)
            && held.mask.has(Capability::BindForCluster);
        let worst = roles
            .iter()
            .map(|(_, at)| self.worst_of(*at, scope, everywhere))
            .max();
        // A role that does not exist may come to be; that is not nothing.
        finding.severity = worst.unwrap_or(Severity::Low).max(Severity::Low);
        finding.limited = true;
        let names: BTreeSet<&str> = roles.iter().map(|(name, _)| name.as_str()).collect();
        let shown: Vec<&str> = names.iter().copied().take(NAMED).collect();
        finding.detail = format!("only {} can be bound", shown.join(", "));
        if names.len() > NAMED {
            let more = format!(" and {} more", names.len() - NAMED);
            finding.detail = format!("only {}{more} can be bound", shown.join(", "));
        }
    }

    /// Returns the roles that can be bound, or `None` when it is every role.
    fn bindable(&self, scope: Scope<'_>, held: &Held<'_>) -> Option<Vec<(String, RoleAt)>> {
        let policy = self.world.policy;
        let mut roles = Vec::new();
        for (binding, _) in held.bindings {
            let rules = self.world.rules_of(self.world.set_of(*binding).index());
            for number in self.rules_behind(*binding, Capability::BindInside) {
                let rule = &rules[*number];
                if rule.resource_names.is_empty() {
                    return None;
                }
                let covers = |plural: &str| {
                    let mut entries = rule.resources.iter();
                    entries.any(|entry| entry == "*" || entry == plural)
                };
                for name in &rule.resource_names {
                    if covers("clusterroles") {
                        let at = policy
                            .cluster_roles
                            .iter()
                            .position(|role| role.metadata.name == *name);
                        let at = at.map_or(RoleAt::Missing, |at| RoleAt::Cluster(number_of(at)));
                        roles.push((format!("ClusterRole/{name}"), at));
                    }
                    if covers("roles") && held.mask.has(Capability::WriteRoleBindings) {
                        let all = policy.roles.iter().enumerate();
                        let here = all.filter(|(_, role)| {
                            let meta = &role.metadata;
                            meta.name == *name && scope.is_none_or(|only| only == meta.namespace)
                        });
                        roles.extend(here.map(|(at, role)| {
                            let meta = &role.metadata;
                            let shown = format!("Role/{}/{name}", meta.namespace);
                            (shown, RoleAt::Namespaced(number_of(at)))
                        }));
                    }
                }
            }
        }
        Some(roles)
    }

    /// Returns the worst that somebody has who is bound to a role there.
    fn worst_of(&self, role: RoleAt, scope: Scope<'_>, everywhere: bool) -> Severity {
        let Some(set) = self.world.set_at(role) else {
            return Severity::Low;
        };
        let (cluster, space) = self.masks[set.index()];
        let mask = if everywhere { cluster } else { space };
        if mask.all & Capability::Everything.bit() != 0 {
            return severity("CIA-001", scope, false);
        }
        let parts = Parts {
            mask,
            bindings: [&[], &[]],
            more: Some((set, !everywhere)),
        };
        let graded = CONDITIONS.iter().filter_map(|condition| {
            if !self.matters(condition.id, scope) {
                return None;
            }
            let weight = self.weigh(condition, "", &parts)?;
            let usual = severity(condition.id, scope, weight.limited);
            Some(weight.severity.unwrap_or(usual))
        });
        graded.max().unwrap_or(Severity::Low)
    }
}

fn number_of(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
