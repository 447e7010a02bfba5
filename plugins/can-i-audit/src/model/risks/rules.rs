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
pub const RULES: [RiskRule; 49] = [
    on(
        "CIA-001",
        "cluster-admin-equivalent",
        Critical,
        "full control of every resource, including future types (CIS 5.1.1)",
    ),
    on(
        "CIA-002",
        "unauthenticated-access",
        Critical,
        "anyone who can reach the API server has this access, without a credential (RGP)",
    ),
    on(
        "CIA-003",
        "escalate",
        Critical,
        "roles can be given rights that their author does not have (RGP, CIS 5.1.8)",
    ),
    on(
        "CIA-004",
        "bind",
        Critical,
        "any role can be bound to any subject, including oneself (RGP, CIS 5.1.8)",
    ),
    on(
        "CIA-005",
        "impersonate",
        Critical,
        "requests can be made as someone else, with all their rights (RGP, CIS 5.1.8)",
    ),
    on(
        "CIA-006",
        "constrained-impersonate",
        Medium,
        "some requests can be made as someone else (KEP-5284)",
    ),
    on(
        "CIA-007",
        "nodes-proxy",
        Critical,
        "the kubelet runs commands in every pod of the node, bypassing admission and audit; get is enough (RGP, CIS 5.1.10)",
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
        "tokens can be issued for service accounts, with all their rights (RGP, CIS 5.1.13)",
    ),
    on(
        "CIA-010",
        "admission-control",
        Critical,
        "every write to the cluster can be read, changed or allowed (RGP, CIS 5.1.12)",
    ),
    on(
        "CIA-011",
        "system-masters",
        High,
        "members of system:masters bypass authorization, and a certificate keeps the group until it expires (RGP, CIS 5.1.7)",
    ),
    on(
        "CIA-012",
        "secret-read",
        High,
        "list and watch reveal the contents just as get does, and so do patch, and delete as a dry run (RGP, CIS 5.1.2)",
    ),
    on(
        "CIA-013",
        "secret-mint",
        High,
        "a Secret of type service-account-token receives a token of any service account in the namespace, and can be read",
    ),
    on(
        "CIA-014",
        "workload-create",
        High,
        "a pod can use every service account and Secret in its namespace (RGP, CIS 5.1.4)",
    ),
    on(
        "CIA-015",
        "exec-attach",
        High,
        "commands can be run in pods, with the rights of their service accounts",
    ),
    on(
        "CIA-016",
        "ephemeral-containers",
        High,
        "a container can be added to a running pod",
    ),
    on(
        "CIA-017",
        "proxy-portforward",
        Medium,
        "ports can be reached that no network policy opens",
    ),
    on(
        "CIA-018",
        "pv-create",
        High,
        "a hostPath PersistentVolume gives access to the node's files (RGP, CIS 5.1.9)",
    ),
    on(
        "CIA-019",
        "namespace-labels",
        High,
        "the labels of a namespace control Pod Security and network policy, and status and finalize change them too (RGP)",
    ),
    on(
        "CIA-020",
        "wildcard",
        Medium,
        "a wildcard also covers resources and verbs that are added later (RGP, CIS 5.1.3)",
    ),
    on(
        "CIA-021",
        "everyone-authenticated",
        High,
        "every user or every service account in the cluster has this access (RGP)",
    ),
    on(
        "CIA-022",
        "default-service-account",
        Medium,
        "every pod that names no service account has this access (CIS 5.1.5)",
    ),
    on(
        "CIA-023",
        "rbac-write",
        Low,
        "roles or bindings can be written, within the limits of one's own rights",
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
        "a conversion webhook can read and change every object of the type",
    ),
    on(
        "CIA-026",
        "node-steal",
        Medium,
        "pods can be moved to a chosen node",
    ),
    on(
        "CIA-027",
        "pod-bind",
        Medium,
        "pods can be placed on a node, bypassing the scheduler",
    ),
    on(
        "CIA-028",
        "endpoints-write",
        Medium,
        "the traffic of a Service can be redirected (CVE-2021-25740)",
    ),
    on(
        "CIA-029",
        "service-status",
        Medium,
        "traffic to an external address can be redirected (CVE-2020-8554)",
    ),
    on(
        "CIA-030",
        "kube-system-configmaps",
        Medium,
        "ConfigMaps in kube-system configure DNS and, on some clouds, who is an administrator",
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
        "debug and log endpoints of the API server are widely accessible",
    ),
    on(
        "CIA-033",
        "mass-write",
        Medium,
        "objects of every type can be created or deleted (RGP)",
    ),
    RiskRule {
        id: "CIA-034",
        name: "escalation-path",
        severity: Critical,
        why: "several steps combined lead to full control of the cluster",
        implemented: false,
    },
    on(
        "CIA-035",
        "pod-policy-use",
        High,
        "pods can be created under a PodSecurityPolicy or a SecurityContextConstraints, which may allow privileged ones",
    ),
    on(
        "CIA-036",
        "team-role",
        Info,
        "admin or edit in a namespace covers its Secrets, service accounts and pods, as it is meant to",
    ),
    on(
        "HYG-01",
        "dangling-role",
        Medium,
        "anyone who creates a role with that name grants it to these subjects",
    ),
    on(
        "HYG-02",
        "dangling-service-account",
        Low,
        "anyone who creates a service account with that name gets these rights",
    ),
    on("HYG-03", "no-subjects", Low, "the binding has no effect"),
    on(
        "HYG-04",
        "unbound-role",
        Info,
        "no binding refers to the role",
    ),
    on(
        "HYG-05",
        "dead-rule",
        Medium,
        "the rule looks effective but can never match",
    ),
    on(
        "HYG-06",
        "literal-star-name",
        Medium,
        "in resourceNames, a star is the name of an object, not a wildcard",
    ),
    on(
        "HYG-07",
        "empty-name",
        High,
        "an empty name in resourceNames allows listing whole collections",
    ),
    on(
        "HYG-08",
        "redundant-grant",
        Info,
        "another binding grants the same to the same subject",
    ),
    on(
        "HYG-09",
        "ineffective-scope",
        Low,
        "a RoleBinding cannot grant access to cluster-scoped resources",
    ),
    on(
        "HYG-10",
        "user-alias",
        Medium,
        "a service account or node that is bound as a User is easy to overlook",
    ),
    on(
        "HYG-11",
        "aggregation-drift",
        Medium,
        "the rules of the role differ from those of its parts",
    ),
    on(
        "HYG-20",
        "refused-subject",
        Medium,
        "the API server refuses the binding, so that nobody in it gets anything",
    ),
    on(
        "HYG-21",
        "overwritten-rules",
        Medium,
        "the aggregation controller replaces the rules of a ClusterRole with an aggregationRule",
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
