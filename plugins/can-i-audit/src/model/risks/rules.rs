//! The list of rules, with why each matters and where it comes from.
//!
//! RGP is Kubernetes' "RBAC Good Practices", CIS the CIS Kubernetes Benchmark.

use super::finding::Severity;
use super::finding::Severity::{Critical, High, Info, Low, Medium};

/// A rule as it is documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RiskRule {
    /// `CIA-012`.
    pub id: &'static str,
    /// A short name.
    pub name: &'static str,
    /// Severity when it holds for the cluster or for kube-system.
    pub severity: Severity,
    /// Why it matters.
    pub why: &'static str,
    /// Whether this version looks for it.
    pub implemented: bool,
}

const fn on(
    id: &'static str,
    name: &'static str,
    severity: Severity,
    why: &'static str,
) -> RiskRule {
    RiskRule {
        id,
        name,
        severity,
        why,
        implemented: true,
    }
}

/// Every rule.
pub const RULES: [RiskRule; 45] = [
    on(
        "CIA-001",
        "cluster-admin-equivalent",
        Critical,
        "everything may be done to everything, also to types that do not exist yet (CIS 5.1.1)",
    ),
    on(
        "CIA-002",
        "unauthenticated-access",
        Critical,
        "anyone who reaches the API server has this, without a credential (RGP)",
    ),
    on(
        "CIA-003",
        "escalate",
        Critical,
        "a role can be given rights that its author does not have (RGP, CIS 5.1.8)",
    ),
    on(
        "CIA-004",
        "bind",
        Critical,
        "any role can be bound, also to oneself (RGP, CIS 5.1.8)",
    ),
    on(
        "CIA-005",
        "impersonate",
        Critical,
        "requests can be made as somebody else, with all their rights (RGP, CIS 5.1.8)",
    ),
    on(
        "CIA-006",
        "constrained-impersonate",
        Medium,
        "requests of some kinds can be made as somebody else (KEP-5284)",
    ),
    on(
        "CIA-007",
        "nodes-proxy",
        Critical,
        "the kubelet runs commands in every pod of the node, past admission and audit; get is enough (RGP, CIS 5.1.10)",
    ),
    on(
        "CIA-008",
        "csr-issue",
        Critical,
        "client certificates for any user or group can be issued (RGP, CIS 5.1.11)",
    ),
    on(
        "CIA-009",
        "token-create",
        High,
        "tokens of service accounts can be issued, with all their rights (RGP, CIS 5.1.13)",
    ),
    on(
        "CIA-010",
        "admission-control",
        Critical,
        "every write to the cluster can be read, changed or let through (RGP, CIS 5.1.12)",
    ),
    on(
        "CIA-011",
        "system-masters",
        High,
        "members of system:masters are never asked, and it cannot be taken away from a certificate (RGP, CIS 5.1.7)",
    ),
    on(
        "CIA-012",
        "secret-read",
        High,
        "list and watch hand out the contents as get does (RGP, CIS 5.1.2)",
    ),
    on(
        "CIA-013",
        "secret-mint",
        High,
        "a secret of the type service-account-token gets a token of any account of the namespace",
    ),
    on(
        "CIA-014",
        "workload-create",
        High,
        "a pod can use every service account and secret of its namespace (RGP, CIS 5.1.4)",
    ),
    on(
        "CIA-015",
        "exec-attach",
        High,
        "commands can be run in pods, with what their service accounts may do",
    ),
    on(
        "CIA-016",
        "ephemeral-containers",
        High,
        "a container can be put into a running pod",
    ),
    on(
        "CIA-017",
        "proxy-portforward",
        Medium,
        "ports that no network policy opens can be reached",
    ),
    on(
        "CIA-018",
        "pv-create",
        High,
        "a PersistentVolume of the type hostPath reaches the node's files (RGP, CIS 5.1.9)",
    ),
    on(
        "CIA-019",
        "namespace-labels",
        High,
        "the labels of a namespace decide on pod security and network policy (RGP)",
    ),
    on(
        "CIA-020",
        "wildcard",
        Medium,
        "a wildcard also covers what will be added later (RGP, CIS 5.1.3)",
    ),
    on(
        "CIA-021",
        "everyone-authenticated",
        High,
        "every user or every service account of the cluster has this (RGP)",
    ),
    on(
        "CIA-022",
        "default-service-account",
        Medium,
        "every pod that states no service account has this (CIS 5.1.5)",
    ),
    on(
        "CIA-023",
        "rbac-write",
        Low,
        "roles or bindings can be written, within one's own rights",
    ),
    on(
        "CIA-024",
        "apiservice-write",
        High,
        "a whole API group can be taken over",
    ),
    on(
        "CIA-025",
        "crd-write",
        Medium,
        "a conversion webhook sees and changes every object of the type",
    ),
    on(
        "CIA-026",
        "node-steal",
        Medium,
        "pods can be driven to a node of one's choice",
    ),
    on(
        "CIA-027",
        "pod-bind",
        Medium,
        "pods can be placed on a node, past the scheduler",
    ),
    on(
        "CIA-028",
        "endpoints-write",
        Medium,
        "traffic of a service can be led elsewhere (CVE-2021-25740)",
    ),
    on(
        "CIA-029",
        "service-status",
        Medium,
        "traffic to an address outside can be led elsewhere (CVE-2020-8554)",
    ),
    on(
        "CIA-030",
        "kube-system-configmaps",
        Medium,
        "ConfigMaps of kube-system hold DNS, and on some clouds who is admin",
    ),
    on(
        "CIA-031",
        "signer-attest",
        Medium,
        "trust bundles of a signer can be written",
    ),
    on(
        "CIA-032",
        "nonresource-broad",
        Medium,
        "debug and log endpoints of the API server are open to many",
    ),
    on(
        "CIA-033",
        "mass-write",
        Medium,
        "objects of every type can be made or deleted at once (RGP)",
    ),
    RiskRule {
        id: "CIA-034",
        name: "escalation-path",
        severity: Critical,
        why: "several steps together lead to the whole cluster",
        implemented: false,
    },
    on(
        "HYG-01",
        "dangling-role",
        Medium,
        "whoever makes a role of that name gives it to these subjects",
    ),
    on(
        "HYG-02",
        "dangling-service-account",
        Low,
        "whoever makes a service account of that name has these rights",
    ),
    on(
        "HYG-03",
        "no-subjects",
        Low,
        "the binding gives nothing to anybody",
    ),
    on("HYG-04", "unbound-role", Info, "nothing refers to the role"),
    on(
        "HYG-05",
        "dead-rule",
        Medium,
        "the rule can never match and reads as if it did",
    ),
    on(
        "HYG-06",
        "literal-star-name",
        Medium,
        "in resourceNames a star is an object of that name and no wildcard",
    ),
    on(
        "HYG-07",
        "empty-name",
        High,
        "the empty name in resourceNames allows whole collections to be listed",
    ),
    on(
        "HYG-08",
        "redundant-grant",
        Info,
        "another binding gives the same to the same subject",
    ),
    on(
        "HYG-09",
        "ineffective-scope",
        Low,
        "a RoleBinding gives nothing that belongs to the whole cluster",
    ),
    on(
        "HYG-10",
        "user-alias",
        Medium,
        "a service account or node bound as a user is not found where one looks for it",
    ),
    on(
        "HYG-11",
        "aggregation-drift",
        Medium,
        "what the role holds is not what its parts hold",
    ),
];

/// Returns a rule by its id.
#[must_use]
pub fn rule(id: &str) -> Option<&'static RiskRule> {
    // They are in the order of their ids, which a test proves.
    let at = RULES.binary_search_by(|rule| rule.id.cmp(id)).ok()?;
    RULES.get(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_found_by_its_id() {
        for one in &RULES {
            assert_eq!(rule(one.id), Some(one));
        }
        assert_eq!(rule("CIA-000"), None);
    }
}
