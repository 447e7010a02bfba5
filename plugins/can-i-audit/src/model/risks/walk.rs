//! Walks over the bindings of every subject.

use super::capabilities::Mask;
use super::finder::{Finder, Scope};
use super::finding::Finding;
use super::parts::Held;
use crate::model::engine::RoleAt;

/// One binding of one subject, in the order of findings: by subject, cluster-wide first, by
/// namespace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Given<'a> {
    subject: u32,
    scope: Scope<'a>,
    binding: usize,
    at: usize,
}

impl<'w> Finder<'w> {
    /// Finds what some subjects hold, whose bindings are all among these.
    pub(super) fn those(&self, given: &[Given<'w>]) -> Vec<Finding> {
        let bindings: Vec<(usize, usize)> = given.iter().map(|one| (one.binding, one.at)).collect();
        let mut found = Vec::new();
        let mut scopes: Vec<(Scope<'w>, Held<'_>)> = Vec::new();
        let mut begin = 0;
        for of_one in given.chunk_by(|one, next| one.subject == next.subject) {
            scopes.clear();
            for in_one in of_one.chunk_by(|one, next| one.scope == next.scope) {
                let bindings = &bindings[begin..begin + in_one.len()];
                begin += in_one.len();
                let mut mask = Mask::default();
                for (binding, _) in bindings {
                    let (cluster, space) = self.masks[self.world.set_of(*binding).index()];
                    mask.add(if self.world.is_cluster_wide(*binding) {
                        cluster
                    } else {
                        space
                    });
                }
                scopes.push((in_one[0].scope, Held { mask, bindings }));
            }
            let subject = self.subjects.name(of_one[0].subject).to_subject();
            self.subject(&subject, &scopes, &mut found);
        }
        found
    }

    /// Every binding of everybody that gives anything.
    pub(super) fn given(&self, include_defaults: bool) -> Vec<Given<'w>> {
        let world = self.world;
        let mut all = Vec::new();
        for binding in 0..world.binding_count() {
            if !include_defaults && self.is_default(binding) {
                continue;
            }
            if world.rules_of(world.set_of(binding).index()).is_empty() {
                continue;
            }
            let cluster_wide = world.is_cluster_wide(binding);
            let scope = (!cluster_wide).then(|| world.scope_of(binding));
            for (at, subject) in self.subjects.of(binding).iter().enumerate() {
                all.extend(subject.map(|subject| Given {
                    subject,
                    scope,
                    binding,
                    at,
                }));
            }
        }
        all.sort_unstable();
        all
    }

    fn is_default(&self, binding: usize) -> bool {
        self.defaults.is_binding(self.world.binding(binding))
            && match self.world.role_at(binding) {
                RoleAt::Missing => true,
                _ => self.has_own_role(binding),
            }
    }
}

/// Does each work on a thread of its own, the first on this one, and returns what came of them in
/// their order. Where no thread can be had, one comes after the other.
pub(super) fn side_by_side<W: Sync, T: Send>(works: &[W], work: impl Fn(&W) -> T + Sync) -> Vec<T> {
    let Some((first, others)) = works.split_first() else {
        return Vec::new();
    };
    let work = &work;
    std::thread::scope(|scope| {
        let start = |one| std::thread::Builder::new().spawn_scoped(scope, move || work(one));
        let begun: Vec<_> = others.iter().map(start).collect();
        let mut done = vec![work(first)];
        done.extend(begun.into_iter().zip(others).map(|(thread, one)| {
            match thread {
                Ok(thread) => thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                Err(_) => work(one),
            }
        }));
        done
    })
}

/// Cuts into so many parts of about the same length, and never between two of one subject.
pub(super) fn apart<'g, 'a>(given: &'g [Given<'a>], parts: usize) -> Vec<&'g [Given<'a>]> {
    let length = given.len().div_ceil(parts.max(1)).max(1);
    let mut rest = given;
    let mut found = Vec::with_capacity(parts);
    while !rest.is_empty() {
        let at = length.min(rest.len());
        let last = rest[at - 1].subject;
        let same = rest[at..].iter().take_while(|one| one.subject == last);
        let (part, others) = rest.split_at(at + same.count());
        found.push(part);
        rest = others;
    }
    found
}
