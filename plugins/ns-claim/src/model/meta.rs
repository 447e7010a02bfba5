//! Labels, annotations and names that say what a claim is.

use groundcrew::tenancy::{SYSTEM_NAMESPACE, is_label};

/// Who owns the fields that this plugin writes.
pub const FIELD_MANAGER: &str = "kubectl-ns-claim";
/// Label that makes a namespace a claim; nothing without it is ever reaped.
pub use groundcrew::tenancy::CLAIM;
/// Label of everything that this plugin makes.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "kubectl-ns-claim");
/// Label of a record, with what kind of record.
pub const RECORD: &str = "groundcrew.dev/record";

/// Annotation with the exact user name of the owner.
pub const OWNER: &str = "groundcrew.dev/owner";
/// Annotation with the team.
pub const TEAM: &str = "groundcrew.dev/team";
/// Annotation with what the namespace is for.
pub const PURPOSE: &str = "groundcrew.dev/purpose";
/// Annotation with an address or a channel for questions about it.
pub const CONTACT: &str = "groundcrew.dev/contact";
/// Annotation with the end, RFC 3339 in UTC.
pub const EXPIRES: &str = "groundcrew.dev/expires-at";
/// Annotation with when the owner was last warned, RFC 3339 in UTC.
pub const WARNED: &str = "groundcrew.dev/warned-at";
/// Annotation with who protected it from expiry.
pub const PROTECTED: &str = "groundcrew.dev/protected-by";
/// Annotation with the settings, on the index.
pub const SETTINGS: &str = "groundcrew.dev/settings";
/// Annotation with when a reaper last came to the end of a run, RFC 3339 in UTC; on the index, since
/// everybody who claims reads that anyway.
pub const REAPED: &str = "groundcrew.dev/reaped-at";

/// ConfigMap in [`SYSTEM_NAMESPACE`]: namespace → user, the index and the cap's counter.
pub use groundcrew::tenancy::CLAIM_INDEX as INDEX;
/// ConfigMap in [`SYSTEM_NAMESPACE`]: what the reaper remembers.
pub const LEDGER: &str = "claims-ledger";
/// Value of [`RECORD`] on the parts of the ledger.
pub const LEDGER_RECORD: &str = "claim-ledger";
/// Value of [`RECORD`] on tombstones.
pub const TOMBSTONE: &str = "claim-tombstone";

/// Name of the LimitRange and of the ResourceQuota in a claim.
pub const LIMITS: &str = "claim";
/// Name of the NetworkPolicy in a claim.
pub const DEFAULT_DENY: &str = "default-deny";
/// Name of the RoleBinding of the owner.
pub use groundcrew::tenancy::CLAIM_OWNER_BINDING as OWNER_BINDING;

/// ClusterRole of those who may claim.
pub const CLAIMER_ROLE: &str = "groundcrew:claimer";
/// Group that the installation binds it to.
pub const CLAIMERS_GROUP: &str = "groundcrew:claimers";

/// ClusterRole that an owner has in a claim.
pub const OWNER_ROLE: &str = "groundcrew:claim-owner";
/// ClusterRole with what an owner has in addition to `edit`.
pub const OWNER_RULES: &str = "groundcrew:claim-owner-rules";
/// ClusterRole of those that the guard does not restrict.
pub const MANAGER_ROLE: &str = "groundcrew:claim-manager";
/// User that the guard is tested with; nobody logs in as it.
pub const PROBE_USER: &str = "groundcrew:claim-probe";
/// ServiceAccount, CronJob and roles of the reaper.
pub const REAPER: &str = "ns-claim-reaper";

/// System namespaces: never claimed, never reaped.
const RESERVED: [&str; 3] = ["default", SYSTEM_NAMESPACE, "openshift"];
/// Beginnings of such names.
const RESERVED_PREFIXES: [&str; 3] = ["kube-", "openshift-", "groundcrew-"];

/// Says whether a name is one of a system namespace.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
        || RESERVED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// Says what keeps a name from being claimed, if anything.
#[must_use]
pub fn why_not(name: &str) -> Option<&'static str> {
    if !is_label(name) {
        Some("a namespace name has lower-case letters, digits and -, at most 63 characters")
    } else if is_reserved(name) {
        Some("kube-…, openshift-…, groundcrew-… and default are system namespaces")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_system_namespaces_are_reserved() {
        for name in [
            "default",
            "kube-system",
            "kube-node-lease",
            "openshift",
            "openshift-monitoring",
            "groundcrew-system",
        ] {
            assert!(is_reserved(name), "{name}");
            assert!(why_not(name).is_some(), "{name}");
        }
        assert!(!is_reserved("kubernetes-lab") && why_not("kubernetes-lab").is_none());
    }
}
