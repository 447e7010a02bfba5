//! Collects workloads into a report.

use std::collections::BTreeMap;

use groundcrew::finding::Unseen;
use serde::Serialize;

use super::parts::{Namespace, Origin, Owner, Reason};
use crate::model::decision::{Decision, Prepared, Source};
use crate::model::level::{Level, LevelVersion, NEWEST, Server, Version};
use crate::model::standards::config::Config;
use crate::model::standards::{Mode, Policy, policy};
use crate::model::workload::{ObjectRef, TemplatePath, Workload};

/// What a report depends on.
#[derive(Clone, Debug)]
pub struct Criteria {
    /// Levels to decide by.
    pub levels: Vec<Level>,
    /// Versions to decide by; the last one is that of the overview.
    pub versions: Vec<Version>,
    /// The server that decides.
    pub server: Server,
    /// The API server's own defaults and exemptions.
    pub config: Config,
    /// Whether objects that pass are listed too.
    pub every_decision: bool,
    /// Whether fixes are noted with their place in the file.
    pub fixes: bool,
    /// Where custom kinds keep their pod.
    pub custom: Vec<TemplatePath>,
}

impl Criteria {
    /// Returns both levels at one version, without exemptions.
    #[must_use]
    pub fn levels_at(version: Version, server: Server) -> Self {
        Self {
            levels: vec![Level::Baseline, Level::Restricted],
            versions: vec![version],
            server,
            config: Config::default(),
            every_decision: false,
            fixes: false,
            custom: Vec::new(),
        }
    }
}

/// The whole answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The server that decides.
    pub server_version: Server,
    /// The version of the overview.
    pub version: Version,
    /// Whether everything could be evaluated.
    pub complete: bool,
    /// Pods and templates that were evaluated.
    pub evaluated: usize,
    /// One entry per namespace.
    pub namespaces: Vec<Namespace>,
    /// One entry per root owner.
    pub workloads: Vec<Owner>,
    /// One entry per object, level and version; those that pass only in machine formats.
    pub decisions: Vec<Decision>,
    /// What could not be evaluated.
    pub unseen: Vec<Unseen>,
    /// What the manifests say otherwise than a reader would think.
    #[serde(skip)]
    pub notes: Vec<String>,
    /// Whether manifests were read and not the cluster.
    #[serde(skip)]
    pub offline: bool,
    #[serde(skip)]
    violated: Option<Level>,
}

/// What a pod in the cluster is, beyond its specification.
#[derive(Clone, Copy, Debug, Default)]
pub struct Live {
    /// Whether it is a pod created by a controller or by hand, not a template.
    pub is_pod: bool,
    /// Whether it has ended: nothing to fix there.
    pub ended: bool,
}

/// Collects workloads one by one.
#[derive(Debug)]
pub struct Builder<'a> {
    criteria: &'a Criteria,
    version: Version,
    report: Report,
    owners: BTreeMap<(String, String, String), Owner>,
    open: Vec<String>,
}

impl<'a> Builder<'a> {
    /// Starts.
    #[must_use]
    pub fn new(criteria: &'a Criteria, offline: bool) -> Self {
        let version = criteria.versions.last().copied().unwrap_or_default();
        let mut builder = Self {
            criteria,
            version,
            owners: BTreeMap::new(),
            open: Vec::new(),
            report: Report {
                server_version: criteria.server,
                version,
                complete: true,
                evaluated: 0,
                namespaces: Vec::new(),
                workloads: Vec::new(),
                decisions: Vec::new(),
                unseen: Vec::new(),
                notes: Vec::new(),
                offline,
                violated: None,
            },
        };
        let server = criteria.server;
        if !server.is_known() {
            builder.unseen(
                "the newest checks",
                format!("the server is {server}, and this plugin knows checks up to v1.{NEWEST}"),
            );
        }
        builder
    }

    /// Returns what is asked for.
    #[must_use]
    pub fn criteria(&self) -> &'a Criteria {
        self.criteria
    }

    /// Notes what could not be evaluated.
    pub fn unseen(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.report.unseen.push(Unseen::new(what, why));
    }

    /// Notes what is odd about something that was evaluated.
    pub fn note(&mut self, text: String) {
        self.report.notes.push(text);
    }

    /// Notes that something in a namespace could not be read, so that nothing is claimed of it;
    /// an empty name is every namespace.
    pub fn open(&mut self, namespace: &str) {
        self.open.push(namespace.to_owned());
    }

    /// Notes that only objects which a label selector matches were read, after they were: what the
    /// others in a namespace need is not known, so that no namespace has a level.
    pub fn selected(&mut self, selector: &str) {
        self.open("");
        if self.report.evaluated == 0 && self.report.unseen.is_empty() {
            self.unseen(
                format!("objects with labels {selector:?}"),
                "no pod and no pod template has them",
            );
        }
    }

    /// Adds a namespace with its labels.
    pub fn namespace(&mut self, name: &str, labels: Option<&BTreeMap<String, String>>) {
        let defaults = self.criteria.config.defaults;
        let read = labels.map(|labels| policy(labels, defaults, self.criteria.server));
        let (policy, invalid_labels) = match read {
            Some((policy, invalid)) => (Some(policy), invalid),
            None => (None, Vec::new()),
        };
        let label = Mode::Enforce.label();
        let origin = labels.map(|labels| {
            if labels.contains_key(&label) {
                Origin::Label
            } else if defaults == Policy::default() {
                Origin::Default
            } else {
                Origin::Configuration
            }
        });
        self.report.namespaces.push(Namespace {
            name: name.to_owned(),
            exempt: self.is_exempt(name),
            policy,
            origin,
            invalid_labels,
            today: None,
            after_safe_fixes: None,
            blockers: Vec::new(),
        });
    }

    /// Evaluates a workload that belongs to a root owner.
    pub fn add(&mut self, workload: &Workload, owner: &ObjectRef, live: Live, source: Source<'_>) {
        self.report.evaluated += 1;
        let exempt = &self.criteria.config.exemptions.runtime_classes;
        let class = workload.pod.spec.runtime_class_name.as_ref();
        if class.is_some_and(|class| exempt.contains(class)) {
            // It blocks nothing.
            return;
        }
        let prepared = Prepared::new(workload, self.criteria.server, source);
        let overview = [Level::Baseline, Level::Restricted]
            .map(|level| prepared.decide(LevelVersion::new(level, self.version)));
        if !live.ended {
            self.summarize(&overview, workload, owner, live, source);
        }
        if self.is_exempt(&workload.object.namespace) {
            // What it would violate is never asked of it.
            return;
        }
        let mut known: Vec<Decision> = overview.into();
        for version in &self.criteria.versions {
            for level in &self.criteria.levels {
                let policy = LevelVersion::new(*level, *version);
                let index = known
                    .iter()
                    .position(|decision| decision.policy() == policy);
                let decision = match index {
                    Some(index) => known.swap_remove(index),
                    None => prepared.decide(policy),
                };
                self.keep(decision);
            }
        }
    }

    fn is_exempt(&self, namespace: &str) -> bool {
        let exempt = &self.criteria.config.exemptions.namespaces;
        exempt.iter().any(|name| name == namespace)
    }

    /// Returns how many decisions are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.report.decisions.len()
    }

    /// Changes the decisions that were kept since there were that many.
    pub fn amend(&mut self, since: usize, change: impl FnMut(&mut Decision)) {
        self.report
            .decisions
            .iter_mut()
            .skip(since)
            .for_each(change);
    }

    fn keep(&mut self, decision: Decision) {
        if !decision.allowed {
            let level = decision.level;
            let violated = self.report.violated.get_or_insert(level);
            *violated = level.min(*violated);
        }
        if !decision.allowed || self.criteria.every_decision {
            self.report.decisions.push(decision);
        }
    }

    fn summarize(
        &mut self,
        [baseline, restricted]: &[Decision; 2],
        workload: &Workload,
        owner: &ObjectRef,
        live: Live,
        source: Source<'_>,
    ) {
        let strictest = |passes: fn(&Decision) -> bool| match (passes(baseline), passes(restricted))
        {
            (true, true) => Level::Restricted,
            (true, false) => Level::Baseline,
            (false, _) => Level::Privileged,
        };
        let today = strictest(|decision| decision.allowed);
        let after = strictest(Decision::passes_after_safe_fixes);
        let place = match (source.file, source.node) {
            (Some(file), Some(node)) => Some(format!("{file}:{}", node.place.line)),
            _ => None,
        };
        let key = (
            owner.namespace.clone(),
            format!("{}/{}", owner.kind, owner.name),
            place.clone().unwrap_or_default(),
        );
        let entry = self.owners.entry(key).or_insert_with(|| Owner {
            object: owner.clone(),
            place,
            today: Level::Restricted,
            after_safe_fixes: Level::Restricted,
            reasons: Vec::new(),
            pods: 0,
            injected: Vec::new(),
            template: None,
        });
        entry.today = entry.today.min(today);
        entry.after_safe_fixes = entry.after_safe_fixes.min(after);
        for decision in [baseline, restricted] {
            for check in &decision.checks {
                let reason = Reason {
                    level: decision.level,
                    check: check.id,
                    fix: check.fix(),
                };
                if !entry.reasons.contains(&reason) {
                    entry.reasons.push(reason);
                }
            }
        }
        if live.is_pod {
            entry.pods += 1;
            if entry.template.is_some_and(|template| today < template) {
                entry.injected.push(workload.object.name.clone());
            }
        } else {
            entry.template = Some(today);
        }
    }

    /// Finishes: levels of namespaces, and what blocks the next ones.
    #[must_use]
    pub fn finish(self) -> Report {
        let Self {
            mut report,
            owners,
            open,
            criteria,
            ..
        } = self;
        let exempt = &criteria.config.exemptions.namespaces;
        report.workloads = owners.into_values().collect();
        for owner in &mut report.workloads {
            let next = next(owner.today);
            owner.reasons.retain(|reason| Some(reason.level) == next);
            owner.reasons.sort();
        }
        if report.offline {
            let mut names: Vec<&str> = report
                .workloads
                .iter()
                .map(|owner| owner.object.namespace.as_str())
                .collect();
            names.dedup();
            report.namespaces = names
                .into_iter()
                .map(|name| Namespace {
                    name: name.to_owned(),
                    exempt: exempt.iter().any(|other| other == name),
                    policy: None,
                    origin: None,
                    invalid_labels: Vec::new(),
                    today: None,
                    after_safe_fixes: None,
                    blockers: Vec::new(),
                })
                .collect();
        }
        for namespace in &mut report.namespaces {
            let inside: Vec<&Owner> = report
                .workloads
                .iter()
                .filter(|owner| owner.object.namespace == namespace.name)
                .collect();
            let least = |level: fn(&Owner) -> Level| {
                inside
                    .iter()
                    .map(|owner| level(owner))
                    .min()
                    .unwrap_or(Level::Restricted)
            };
            let today = least(|owner| owner.today);
            let is_open = open
                .iter()
                .any(|name| name.is_empty() || *name == namespace.name);
            if !is_open {
                namespace.today = Some(today);
                namespace.after_safe_fixes = Some(least(|owner| owner.after_safe_fixes));
            }
            // What blocks a level blocks it, whatever was not seen.
            namespace.blockers = inside
                .iter()
                .filter(|owner| owner.today == today && today < Level::Restricted)
                .map(|owner| owner.object.short())
                .collect();
        }
        report
            .namespaces
            .sort_by(|one, other| one.name.cmp(&other.name));
        report.complete = report.unseen.is_empty();
        report
    }
}

/// Returns the next tighter level.
fn next(level: Level) -> Option<Level> {
    match level {
        Level::Privileged => Some(Level::Baseline),
        Level::Baseline => Some(Level::Restricted),
        Level::Restricted => None,
    }
}

impl Report {
    /// Returns the widest level that something violates.
    #[must_use]
    pub fn violated(&self) -> Option<Level> {
        self.violated
    }

    /// Returns the owners that keep a namespace from its next level.
    pub fn blockers<'a>(&'a self, namespace: &'a Namespace) -> impl Iterator<Item = &'a Owner> {
        let inside = move |owner: &&Owner| owner.object.namespace == namespace.name;
        let seen = self.workloads.iter().filter(inside);
        let today = seen.map(|owner| owner.today).min();
        self.workloads
            .iter()
            .filter(inside)
            .filter(move |owner| Some(owner.today) == today && owner.today < Level::Restricted)
    }
}
