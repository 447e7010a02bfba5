//! Kubernetes' own `admin` and `edit` for a team in its own namespace: what they are meant for
//! (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles>), and one row.

use super::capabilities::Mask;
use super::finder::{Finder, Scope};
use super::finding::Finding;
use super::parts::Held;
use crate::model::engine::Chain;
use crate::model::subject::Subject;

const ROLES: [&str; 2] = ["admin", "edit"];

/// The bindings of a subject to such a role.
pub(super) struct Team {
    bindings: Vec<(usize, usize)>,
    mask: Mask,
}

impl Team {
    pub(super) fn held(&self) -> Held<'_> {
        Held {
            mask: self.mask,
            bindings: &self.bindings,
        }
    }
}

impl Finder<'_> {
    /// Returns the bindings of a subject to such a role, if it is one that a team would use.
    pub(super) fn team(
        &self,
        subject: &Subject,
        scope: Scope<'_>,
        held: &Held<'_>,
    ) -> Option<Team> {
        let namespace = scope.filter(|namespace| !namespace.starts_with("kube-"))?;
        let usual = match subject {
            Subject::User(name) | Subject::Group(name) => !name.starts_with("system:"),
            // Every pod that names no account has the rights of `default`.
            Subject::Account(inside, name) => inside == namespace && name != "default",
            Subject::Node(_) | Subject::Anonymous => false,
        };
        if !usual {
            return None;
        }
        let of_team = |(binding, _): &&(usize, usize)| {
            let reference = &self.world.binding(*binding).role_ref;
            ROLES.contains(&reference.name.as_str())
                && reference.kind == "ClusterRole"
                && self.has_own_role(*binding)
        };
        let bindings: Vec<(usize, usize)> = held.bindings.iter().filter(of_team).copied().collect();
        let mut mask = Mask::default();
        for (binding, _) in &bindings {
            mask.add(self.masks[self.world.set_of(*binding).index()].1);
        }
        (!bindings.is_empty()).then_some(Team { bindings, mask })
    }

    /// The one finding about all of it.
    pub(super) fn of_a_team(&self, subject: &Subject, scope: Scope<'_>, team: &Team) -> Finding {
        let chain = |&(binding, subject): &(usize, usize)| Chain {
            binding,
            subject,
            rule: 0,
        };
        let chains = team.bindings.iter().map(chain).collect();
        self.made("CIA-036", subject, scope, chains, false)
    }
}
