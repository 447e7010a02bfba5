//! Finds the dangerous permissions of subjects.

use std::collections::{BTreeSet, HashSet};
use std::sync::OnceLock;

use super::capabilities::{self, Capability, Mask, Requests};
use super::conditions::CONDITIONS;
use super::defaults::Defaults;
use super::finding::{Finding, Severity};
use super::parts::{Held, Parts};
use super::rules::rule;
use super::subject_index::SubjectIndex;
use crate::model::engine::{Chain, RoleAt, SetId, World};
use crate::model::policy::{Role, Rule};
use crate::model::subject::{
    AUTHENTICATED, MASTERS, SERVICE_ACCOUNTS, Subject, SubjectRef, UNAUTHENTICATED,
};

/// The namespace whose contents are the cluster's own.
pub(super) const SYSTEM: &str = "kube-system";

pub(super) type Scope<'a> = Option<&'a str>;

pub(super) struct Finder<'w> {
    pub(super) world: &'w World<'w>,
    pub(super) defaults: &'w Defaults,
    pub(super) subjects: &'w SubjectIndex<'w>,
    /// Which ClusterRoles are Kubernetes' own.
    own_cluster_roles: Vec<bool>,
    own_roles: Vec<bool>,
    /// The capabilities of each distinct list of rules, cluster-wide and in a namespace.
    pub(super) masks: Vec<(Mask, Mask)>,
    requests: &'w Requests<'w>,
    /// Which lists of rules hold a wildcard.
    wild: Vec<bool>,
    /// Namespaces with a service account that is bound to something.
    minted: HashSet<&'w str>,
    /// The rules behind a capability, found once: by list of rules, by kind of binding, and by
    /// capability.
    behind: Vec<OnceLock<Box<[usize]>>>,
}

impl<'w> Finder<'w> {
    pub(super) fn new(
        world: &'w World<'w>,
        defaults: &'w Defaults,
        subjects: &'w SubjectIndex<'w>,
        requests: &'w Requests<'w>,
    ) -> Self {
        let own = |roles: &[Role]| roles.iter().map(|role| defaults.is_role(role)).collect();
        Self {
            world,
            defaults,
            subjects,
            own_cluster_roles: own(&world.policy.cluster_roles),
            own_roles: own(&world.policy.roles),
            masks: capabilities::masks(world, requests),
            requests,
            wild: (0..world.set_count())
                .map(|set| world.rules_of(set).iter().any(is_wild))
                .collect(),
            minted: accounts_with_rights(world, defaults, subjects),
            behind: std::iter::repeat_with(OnceLock::new)
                .take(world.set_count() * 2 * Capability::COUNT)
                .collect(),
        }
    }

    /// Says whether the role of a binding is Kubernetes' own.
    pub(super) fn has_own_role(&self, binding: usize) -> bool {
        match self.world.role_at(binding) {
            RoleAt::Cluster(at) => self.own_cluster_roles[at as usize],
            RoleAt::Namespaced(at) => self.own_roles[at as usize],
            RoleAt::Missing => false,
        }
    }

    /// Finds what one subject holds.
    pub(super) fn subject(
        &self,
        subject: &Subject,
        scopes: &[(Scope<'w>, Held<'_>)],
        found: &mut Vec<Finding>,
    ) {
        let nothing = Held::default();
        let cluster = match scopes.first() {
            Some((None, held)) => held,
            _ => &nothing,
        };
        for (scope, held) in scopes {
            let mut mask = held.mask;
            if scope.is_some() {
                if cluster.mask.has(Capability::Everything) {
                    // Full control of the cluster includes this namespace.
                    continue;
                }
                mask.add(cluster.mask);
            }
            let before = found.len();
            self.broad(subject, *scope, held, found);
            if held.mask.all & Capability::Everything.bit() != 0 {
                let finding = self.finding(
                    "CIA-001",
                    subject,
                    *scope,
                    held,
                    &[Capability::Everything],
                    false,
                );
                found.push(finding);
                continue;
            }
            let user = subject.user_name();
            let here = Parts {
                mask,
                bindings: [
                    held.bindings,
                    if scope.is_some() {
                        cluster.bindings
                    } else {
                        &[]
                    },
                ],
                more: None,
            };
            let team = self.team(subject, *scope, held);
            if let Some(team) = &team {
                found.push(self.of_a_team(subject, *scope, team));
            }
            for condition in &CONDITIONS {
                if !condition.may(mask) || !self.matters(condition.id, *scope) {
                    continue;
                }
                // What holds cluster-wide, or comes with the team's role, is told there.
                let told = |parts: &Parts<'_>| self.weigh(condition, &user, parts).is_some();
                if scope.is_some() && told(&Parts::of(cluster)) {
                    continue;
                }
                if team
                    .as_ref()
                    .is_some_and(|team| told(&Parts::of(&team.held())))
                {
                    continue;
                }
                let Some(weight) = self.weigh(condition, &user, &here) else {
                    continue;
                };
                // A part of it may be held cluster-wide.
                let both;
                let held = if told(&Parts::of(held)) {
                    held
                } else {
                    both = [cluster.bindings, held.bindings].concat();
                    &Held {
                        mask,
                        bindings: &both,
                    }
                };
                let mut finding = self.finding(
                    condition.id,
                    subject,
                    *scope,
                    held,
                    &weight.capabilities,
                    weight.limited,
                );
                finding.detail = weight.detail;
                if let Some(severity) = weight.severity {
                    finding.severity = severity;
                }
                if condition.id == "CIA-004" {
                    self.grade(&mut finding, *scope, held);
                }
                found.push(finding);
            }
            if mask.has(Capability::ExecGet) && self.exec_by_get() && !mask.has(Capability::Exec) {
                let capabilities = &[Capability::ExecGet];
                found.push(self.finding("CIA-015", subject, *scope, held, capabilities, false));
            }
            self.wildcards(subject, *scope, held, before, found);
        }
    }

    /// Some rules hold in some places only.
    pub(super) fn matters(&self, id: &str, scope: Scope<'_>) -> bool {
        match (id, scope) {
            ("CIA-030", Some(namespace)) => namespace == SYSTEM,
            ("CIA-013", Some(namespace)) => self.minted.contains(namespace),
            // Nothing asks for it where no server has such policies.
            ("CIA-035", _) => !self.world.policy.from_cluster || self.has_pod_policies(),
            _ => true,
        }
    }

    fn has_pod_policies(&self) -> bool {
        let catalog = &self.world.policy.catalog;
        let openshift = ("security.openshift.io", "securitycontextconstraints");
        [("policy", "podsecuritypolicies"), openshift]
            .iter()
            .any(|(group, resource)| catalog.get(group, resource).is_some())
    }

    /// Before 1.35 a WebSocket asks for `get` alone (kubernetes/kubernetes#134577).
    fn exec_by_get(&self) -> bool {
        let minor = self.world.policy.server_minor;
        minor.is_some_and(|minor| minor < 35)
    }

    /// Grants to everybody, to nobody in particular, and to superusers.
    fn broad(
        &self,
        subject: &Subject,
        scope: Scope<'_>,
        held: &Held<'_>,
        found: &mut Vec<Finding>,
    ) {
        let id = match subject {
            Subject::Anonymous => "CIA-002",
            Subject::Group(name) => match name.as_str() {
                UNAUTHENTICATED => "CIA-002",
                MASTERS => "CIA-011",
                AUTHENTICATED | SERVICE_ACCOUNTS => "CIA-021",
                _ => return,
            },
            Subject::Account(_, name) if name == "default" => "CIA-022",
            _ => return,
        };
        if id == "CIA-002" && self.is_cluster_info(scope, held) {
            return;
        }
        let wide = matches!(id, "CIA-002" | "CIA-021");
        if wide && held.mask.has(Capability::DebugPaths) {
            found.push(self.finding(
                "CIA-032",
                subject,
                scope,
                held,
                &[Capability::DebugPaths],
                false,
            ));
        }
        let chains = self.every_chain(held);
        found.push(self.made(id, subject, scope, chains, false));
    }

    /// kubeadm lets everybody read kube-public/cluster-info, which is how nodes join.
    fn is_cluster_info(&self, scope: Scope<'_>, held: &Held<'_>) -> bool {
        let harmless = |rule: &Rule| {
            rule.verbs == ["get"]
                && rule.resources == ["configmaps"]
                && rule.resource_names == ["cluster-info"]
        };
        scope == Some("kube-public")
            && held.bindings.iter().all(|(binding, _)| {
                let role = self.world.role(*binding);
                role.is_some_and(|role| role.rules.iter().all(harmless))
            })
    }

    /// Wildcards that no other finding, from `before` on, is about.
    fn wildcards(
        &self,
        subject: &Subject,
        scope: Scope<'_>,
        held: &Held<'_>,
        before: usize,
        found: &mut Vec<Finding>,
    ) {
        let set_of = |binding| self.world.set_of(binding).index();
        let mut bindings = held.bindings.iter();
        if !bindings.any(|(binding, _)| self.wild[set_of(*binding)]) {
            return;
        }
        let told = found[before..].iter().flat_map(|finding| &finding.chains);
        let told: BTreeSet<(usize, usize)> =
            told.map(|chain| (chain.binding, chain.rule)).collect();
        let mut chains = self.every_chain(held);
        chains.retain(|chain| {
            let rules = self.world.rules_of(set_of(chain.binding));
            is_wild(&rules[chain.rule]) && !told.contains(&(chain.binding, chain.rule))
        });
        if !chains.is_empty() {
            found.push(self.made("CIA-020", subject, scope, chains, false));
        }
    }

    /// Returns the indexes of the rules behind a capability.
    pub(super) fn rules_behind(&self, binding: usize, capability: Capability) -> &[usize] {
        let in_namespace = !self.world.is_cluster_wide(binding);
        self.rules_of_set(self.world.set_of(binding), in_namespace, capability)
    }

    /// As [`Finder::rules_behind`], of a list of rules that a RoleBinding gives, or a
    /// ClusterRoleBinding.
    pub(super) fn rules_of_set(
        &self,
        set: SetId,
        in_namespace: bool,
        capability: Capability,
    ) -> &[usize] {
        let find = || {
            let mut rules: BTreeSet<usize> = BTreeSet::new();
            for (request, spaced) in &self.requests[capability as usize] {
                if *spaced || !in_namespace {
                    let named = !capabilities::is_nameless(capability, request);
                    rules.extend(self.world.reaching(set, request, named));
                }
            }
            rules.into_iter().collect()
        };
        let place =
            (set.index() * 2 + usize::from(in_namespace)) * Capability::COUNT + capability as usize;
        self.behind[place].get_or_init(find)
    }

    fn every_chain(&self, held: &Held<'_>) -> Vec<Chain> {
        let mut chains = Vec::new();
        for &(binding, subject) in held.bindings {
            let rules = self.world.rules_of(self.world.set_of(binding).index());
            chains.extend((0..rules.len()).map(|rule| Chain {
                binding,
                subject,
                rule,
            }));
        }
        chains
    }

    fn finding(
        &self,
        id: &'static str,
        subject: &Subject,
        scope: Scope<'_>,
        held: &Held<'_>,
        capabilities: &[Capability],
        limited: bool,
    ) -> Finding {
        let mut chains = Vec::new();
        for &(binding, at) in held.bindings {
            for capability in capabilities {
                let rules = self.rules_behind(binding, *capability);
                chains.extend(rules.iter().map(|rule| Chain {
                    binding,
                    subject: at,
                    rule: *rule,
                }));
            }
        }
        chains.sort_unstable();
        chains.dedup();
        self.made(id, subject, scope, chains, limited)
    }

    pub(super) fn made(
        &self,
        id: &'static str,
        subject: &Subject,
        scope: Scope<'_>,
        chains: Vec<Chain>,
        limited: bool,
    ) -> Finding {
        let fix = self.fix(subject, &chains);
        Finding {
            rule: id,
            severity: severity(id, scope, limited),
            subject: Some(subject.clone()),
            namespace: scope.map(str::to_owned),
            object: None,
            limited,
            chains,
            detail: String::new(),
            fix,
        }
    }
}

/// One step lower in an ordinary namespace, one more when limited to names.
pub(super) fn severity(id: &str, scope: Scope<'_>, limited: bool) -> Severity {
    let base = rule(id).map_or(Severity::Info, |rule| rule.severity);
    let system = scope.is_none_or(|namespace| namespace == SYSTEM);
    // Those of kube-system open the whole cluster.
    let mut severity = match id {
        "CIA-009" | "CIA-012" if system => Severity::Critical,
        _ => base,
    };
    if !system {
        severity = severity.lower();
    }
    if limited {
        severity = severity.lower();
    }
    severity
}

fn is_wild(rule: &Rule) -> bool {
    // `pods/*` is the name of nothing, so that a star beside it covers nothing.
    let dead = |word: &String| word.ends_with("/*");
    if !rule.resources.is_empty() && rule.resources.iter().all(dead) {
        return false;
    }
    let star = |list: &[String]| list.iter().any(|word| word == "*");
    star(&rule.verbs) || star(&rule.resources) || star(&rule.api_groups)
}

fn accounts_with_rights<'w>(
    world: &World<'_>,
    defaults: &Defaults,
    subjects: &SubjectIndex<'w>,
) -> HashSet<&'w str> {
    let mut namespaces = HashSet::new();
    for index in 0..world.binding_count() {
        let binding = world.binding(index);
        if binding.metadata.namespace != SYSTEM && defaults.is_binding(binding) {
            // The accounts of the control plane are in kube-system, which is added below.
            continue;
        }
        for number in subjects.of(index).iter().flatten() {
            if let SubjectRef::Account(namespace, _) = subjects.name(*number) {
                namespaces.insert(namespace);
            }
        }
    }
    namespaces.insert(SYSTEM);
    namespaces
}
