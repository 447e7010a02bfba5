//! The rules that are about what a list of rules reaches: the ways in which the server would let a
//! deed pass, each with all that it asks for.

use super::capabilities::Capability::{self, *};
use super::capabilities::Mask;

/// What it means for a way that a part of it is limited to objects of certain names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// The deed is limited to them.
    Limit,
    /// The deed needs all parts for one name, and is limited to the names that they share.
    Same,
    /// The subject makes the object, and calls it by a name that it may use.
    Chosen,
}

/// Everything that one way to a deed asks for.
pub(super) struct Way {
    need: u64,
    pub(super) parts: &'static [Capability],
    pub(super) names: Names,
    /// How this way differs from the others.
    pub(super) detail: &'static str,
}

impl Way {
    /// Says whether a mask has every part, whatever the names.
    pub(super) fn may(&self, mask: Mask) -> bool {
        (mask.all | mask.named) & self.need == self.need
    }

    /// Says whether a mask has every part for every object.
    pub(super) fn is_whole(&self, mask: Mask) -> bool {
        mask.all & self.need == self.need
    }
}

const fn way(parts: &'static [Capability], names: Names) -> Way {
    let (mut need, mut at) = (0, 0);
    while at < parts.len() {
        need |= parts[at].bit();
        at += 1;
    }
    Way {
        need,
        parts,
        names,
        detail: "",
    }
}

/// A way of one part.
const fn only(part: &'static [Capability]) -> Way {
    way(part, Names::Limit)
}

const fn saying(way: Way, detail: &'static str) -> Way {
    Way { detail, ..way }
}

/// A rule with the ways to its deed.
pub(super) struct Condition {
    pub(super) id: &'static str,
    pub(super) ways: &'static [Way],
}

impl Condition {
    pub(super) fn may(&self, mask: Mask) -> bool {
        self.ways.iter().any(|way| way.may(mask))
    }
}

const fn rule(id: &'static str, ways: &'static [Way]) -> Condition {
    Condition { id, ways }
}

/// CIA-003 and CIA-004 come before CIA-023, which is about writing without either.
pub(super) const CONDITIONS: [Condition; 27] = [
    // `escalate` is asked for the type and the name of the role that is written
    // (`pkg/registry/rbac/escalation_check.go`), and a POST has no name.
    rule(
        "CIA-003",
        &[
            way(&[EscalateRoles, ChangeRoles], Names::Same),
            way(&[EscalateAnyRole, CreateRoles], Names::Limit),
            way(&[EscalateClusterRoles, ChangeClusterRoles], Names::Same),
            way(&[EscalateAnyClusterRole, CreateClusterRoles], Names::Limit),
        ],
    ),
    // `bind` is asked for the role, in the namespace of the binding; a ClusterRoleBinding has none
    // and refers to ClusterRoles alone.
    rule(
        "CIA-004",
        &[
            way(&[BindInside, WriteRoleBindings], Names::Limit),
            way(&[BindForCluster, WriteClusterBindings], Names::Limit),
        ],
    ),
    // Names decide: see `impersonation.rs`.
    rule(
        "CIA-005",
        &[
            only(&[ImpersonateUsers]),
            only(&[ImpersonateAccounts]),
            way(&[ImpersonateUsers, ImpersonateGroups], Names::Limit),
            way(&[ImpersonateAccounts, ImpersonateGroups], Names::Limit),
        ],
    ),
    rule(
        "CIA-006",
        &[way(&[Constrained, ImpersonateOn], Names::Limit)],
    ),
    rule("CIA-007", &[only(&[NodesProxy])]),
    // Signing takes the key of the certificate authority, which no role gives.
    rule(
        "CIA-008",
        &[way(&[CreateCsr, ApproveCsr, ApproveSigner], Names::Chosen)],
    ),
    rule("CIA-009", &[only(&[Token])]),
    rule("CIA-010", &[only(&[Admission])]),
    rule("CIA-012", &[only(&[ReadSecrets])]),
    rule(
        "CIA-013",
        &[
            way(&[CreateSecrets, ReadSecrets], Names::Chosen),
            // Server-side apply asks `create` with the name of a Secret that is not there yet.
            way(&[PatchSecrets, CreateNamedSecrets], Names::Same),
        ],
    ),
    rule(
        "CIA-014",
        &[
            only(&[Workload]),
            saying(
                only(&[ChangePods]),
                "only the images of running pods can be changed",
            ),
        ],
    ),
    rule("CIA-015", &[only(&[Exec])]),
    rule("CIA-016", &[only(&[Ephemeral])]),
    rule("CIA-017", &[only(&[Proxy])]),
    rule("CIA-018", &[only(&[Volume])]),
    rule("CIA-019", &[only(&[Labels])]),
    rule(
        "CIA-023",
        &[
            only(&[CreateRoles]),
            only(&[ChangeRoles]),
            only(&[CreateClusterRoles]),
            only(&[ChangeClusterRoles]),
            only(&[WriteRoleBindings]),
            only(&[WriteClusterBindings]),
        ],
    ),
    rule("CIA-024", &[only(&[ApiService])]),
    rule("CIA-025", &[only(&[Definitions])]),
    rule("CIA-026", &[way(&[WriteNodes, Evict], Names::Limit)]),
    rule("CIA-027", &[only(&[BindPods])]),
    rule(
        "CIA-028",
        &[
            only(&[Endpoints]),
            saying(
                only(&[PodStatus]),
                "the labels and addresses of pods can be changed through pods/status",
            ),
        ],
    ),
    rule("CIA-029", &[only(&[ServiceStatus])]),
    rule("CIA-030", &[only(&[ConfigMaps])]),
    rule("CIA-031", &[way(&[Attest, WriteBundles], Names::Limit)]),
    rule("CIA-033", &[only(&[CreateAny]), only(&[DeleteAny])]),
    rule("CIA-035", &[only(&[UsePolicies])]),
];
