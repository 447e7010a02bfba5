//! The access that one policy grants and another does not.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::engine::World;
use crate::model::permissions::{Holdings, PermissionSet, Universe};
use crate::model::policy::Policy;
use crate::model::subject::{MASTERS, Subject};

/// The changes for one subject in one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The subject.
    pub subject: Subject,
    /// The namespace; `None` is cluster-wide.
    pub namespace: Option<String>,
    /// Cells that only the second policy gives.
    pub gained: Vec<usize>,
    /// Cells that only the first one gives.
    pub lost: Vec<usize>,
}

/// The differences of two policies, with the permissions that they are about.
#[derive(Debug)]
pub struct Diff {
    /// The permissions that the numbers stand for.
    pub universe: Universe,
    /// In the order of subjects and scopes.
    pub changes: Vec<Change>,
}

/// Compares effective access. What comes from a group is told of the group alone, what holds
/// cluster-wide is told there alone.
#[must_use]
pub fn diff(one: &Policy, other: &Policy) -> Diff {
    let universe = Universe::new(&[one, other]);
    let (first, second) = (World::new(one), World::new(other));
    let (before, after) = (
        Holdings::new(&first, &universe),
        Holdings::new(&second, &universe),
    );
    let subjects: BTreeSet<&Subject> = before.subjects().chain(after.subjects()).collect();
    let mut changes = Vec::new();
    let mut told: BTreeMap<(Subject, Option<&str>), (PermissionSet, PermissionSet)> =
        BTreeMap::new();
    // Groups come first in the order of subjects, so that theirs is known when it is left out.
    for subject in subjects {
        if *subject == Subject::Group(MASTERS.to_owned()) {
            // It may do everything in both.
            continue;
        }
        let groups = subject.principal(&[], true).groups;
        let mut scopes: BTreeSet<Option<&str>> = [None].into();
        scopes.extend(before.scopes(subject));
        scopes.extend(after.scopes(subject));
        for scope in scopes {
            let old = before.effective(subject, &groups, scope);
            let new = after.effective(subject, &groups, scope);
            let (mut gained, mut lost) = (new.clone(), old.clone());
            gained.remove(&old);
            lost.remove(&new);
            let whole = (gained.clone(), lost.clone());
            let others = groups.iter().map(|name| Subject::Group(name.clone()));
            for of in others.filter(|of| of != subject) {
                for place in [None, scope] {
                    if let Some((more, less)) = told.get(&(of.clone(), place)) {
                        gained.remove(more);
                        lost.remove(less);
                    }
                }
            }
            if scope.is_some()
                && let Some((more, less)) = told.get(&(subject.clone(), None))
            {
                gained.remove(more);
                lost.remove(less);
            }
            told.insert((subject.clone(), scope), whole);
            if !gained.is_empty() || !lost.is_empty() {
                changes.push(Change {
                    subject: subject.clone(),
                    namespace: scope.map(str::to_owned),
                    gained: gained.iter().collect(),
                    lost: lost.iter().collect(),
                });
            }
        }
    }
    Diff { universe, changes }
}
