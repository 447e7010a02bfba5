//! Finds what is dangerous and what is confusing.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::capabilities;
use super::defaults::Defaults;
use super::finder::Finder;
use super::finding::{Finding, Severity};
use super::hygiene;
use super::subject_index::SubjectIndex;
use super::walk::{apart, side_by_side};
use crate::model::engine::World;

/// Finds everything; `include_defaults` also looks at Kubernetes' own policy. The worst comes
/// first.
#[must_use]
pub fn findings(world: &World<'_>, include_defaults: bool) -> Vec<Finding> {
    let defaults = Defaults::new();
    let subjects = SubjectIndex::new(world);
    let actions = capabilities::actions();
    let requests = capabilities::prepare(world, &actions);
    let finder = Finder::new(world, &defaults, &subjects, &requests);
    let hygiene = || {
        let mut found = hygiene::findings(world, &defaults, &subjects, include_defaults);
        found.sort_by(|one, other| place(one).cmp(&place(other)));
        found
    };
    // Nothing of it needs anything else of it.
    let given = finder.given(include_defaults);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let dangerous = apart(&given, threads).into_iter().map(Some);
    let works: Vec<_> = dangerous.chain([None]).collect();
    let found = side_by_side(&works, |work| {
        work.map_or_else(hygiene, |part| finder.those(part))
    });
    let mut found: Vec<Finding> = found.into_iter().flatten().collect();
    dangling(&mut found);
    // Those of one rule are by subject and namespace already, and stay so.
    found.sort_by_cached_key(|finding| (Reverse(finding.severity), finding.rule));
    found
}

/// A user who creates a missing service account gets what it is bound to: HYG-02 is as bad as that.
fn dangling(found: &mut [Finding]) {
    let chains = |finding: &Finding| finding.chains.first().map(|one| (one.binding, one.subject));
    let missing = found.iter().filter(|one| one.rule == "HYG-02");
    let mut worst: HashMap<(usize, usize), Severity> = missing
        .filter_map(chains)
        .map(|at| (at, Severity::Info))
        .collect();
    if worst.is_empty() {
        return;
    }
    for finding in found.iter().filter(|one| one.rule.starts_with("CIA")) {
        for chain in &finding.chains {
            if let Some(severity) = worst.get_mut(&(chain.binding, chain.subject)) {
                *severity = finding.severity.max(*severity);
            }
        }
    }
    for finding in found.iter_mut().filter(|one| one.rule == "HYG-02") {
        if let Some(severity) = chains(finding).and_then(|at| worst.get(&at)) {
            finding.severity = finding.severity.max(*severity);
        }
    }
}

/// The order of findings of one rule.
fn place(finding: &Finding) -> impl Ord + '_ {
    (&finding.subject, &finding.namespace, &finding.object)
}
