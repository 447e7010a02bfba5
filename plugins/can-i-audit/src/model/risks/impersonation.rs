//! Who can be impersonated with which names (`pkg/endpoints/filters/impersonation` of
//! `k8s.io/apiserver`): a request that names groups needs a user too, and the user name of a
//! service account is asked for as that service account, never as a user.

use std::collections::BTreeSet;

use super::capabilities::Capability;
use super::conditions::Condition;
use super::finder::Finder;
use super::finding::Severity;
use super::parts::Parts;
use super::weigh::Weight;
use crate::model::subject::{MASTERS, Subject};

impl Finder<'_> {
    /// Weighs CIA-005.
    pub(super) fn impersonation(
        &self,
        condition: &Condition,
        user: &str,
        parts: &Parts<'_>,
    ) -> Option<Weight> {
        use Capability::{ImpersonateAccounts, ImpersonateGroups, ImpersonateUsers};
        let mask = parts.mask;
        let all = |capability: Capability| mask.all & capability.bit() != 0;
        let names = |capability: Capability| -> BTreeSet<&str> {
            if all(capability) || !mask.has(capability) {
                return BTreeSet::new();
            }
            self.names_of(capability, parts)
        };
        let mut users = names(ImpersonateUsers);
        users.retain(|name| !matches!(Subject::of_user(name), Subject::Account(..)));
        let anybody = all(ImpersonateUsers);
        let accounts = mask.has(ImpersonateAccounts);
        let groups = names(ImpersonateGroups);
        let grouped = mask.has(ImpersonateGroups) && (anybody || accounts || !users.is_empty());
        // Being oneself is no gain.
        let other = anybody || users.iter().any(|name| *name != user);
        let mut weight = Weight::new();
        for way in condition.ways {
            let holds = match way.parts {
                [ImpersonateUsers] => other,
                [ImpersonateAccounts] => accounts,
                [ImpersonateUsers, _] => grouped && (anybody || !users.is_empty()),
                _ => grouped && accounts,
            };
            if holds {
                weight.take(way, !way.is_whole(mask));
            }
        }
        if weight.capabilities.is_empty() {
            return None;
        }
        if grouped && (all(ImpersonateGroups) || groups.contains(MASTERS)) {
            weight.limited = false;
            weight.severity = Some(Severity::Critical);
            weight.detail = format!("the group {MASTERS} can be added");
        } else if grouped {
            weight.detail = format!(
                "groups: {}",
                groups.into_iter().collect::<Vec<_>>().join(", ")
            );
        }
        Some(weight)
    }
}
