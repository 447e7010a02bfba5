//! The rules that are about what a list of rules reaches, each as a test of a mask.

use super::capabilities::{Capability, Mask};

/// A rule that asks for a mask.
pub(super) struct Condition {
    pub(super) id: &'static str,
    pub(super) holds: fn(Mask) -> bool,
    /// The capabilities behind it, for the chains.
    pub(super) capabilities: &'static [Capability],
}

const fn one(
    id: &'static str,
    holds: fn(Mask) -> bool,
    capabilities: &'static [Capability],
) -> Condition {
    Condition {
        id,
        holds,
        capabilities,
    }
}

pub(super) const CONDITIONS: [Condition; 26] = [
    one(
        "CIA-003",
        |m| m.has(Capability::Escalate) && m.has(Capability::WriteRoles),
        &[Capability::Escalate, Capability::WriteRoles],
    ),
    one(
        "CIA-004",
        |m| m.has(Capability::Bind) && m.has(Capability::WriteBindings),
        &[Capability::Bind, Capability::WriteBindings],
    ),
    one(
        "CIA-005",
        |m| m.has(Capability::Impersonate),
        &[Capability::Impersonate],
    ),
    one(
        "CIA-006",
        |m| m.has(Capability::Constrained) && m.has(Capability::ImpersonateOn),
        &[Capability::Constrained],
    ),
    one(
        "CIA-007",
        |m| m.has(Capability::NodesProxy),
        &[Capability::NodesProxy],
    ),
    one(
        "CIA-008",
        |m| {
            (m.has(Capability::CreateCsr)
                && m.has(Capability::ApproveCsr)
                && m.has(Capability::ApproveSigner))
                || (m.has(Capability::SignSigner) && m.has(Capability::CsrStatus))
        },
        &[
            Capability::CreateCsr,
            Capability::ApproveCsr,
            Capability::ApproveSigner,
            Capability::SignSigner,
            Capability::CsrStatus,
        ],
    ),
    one(
        "CIA-009",
        |m| m.has(Capability::Token),
        &[Capability::Token],
    ),
    one(
        "CIA-010",
        |m| m.has(Capability::Admission),
        &[Capability::Admission],
    ),
    one(
        "CIA-012",
        |m| m.has(Capability::ReadSecrets),
        &[Capability::ReadSecrets],
    ),
    one(
        "CIA-013",
        |m| m.has(Capability::WriteSecrets),
        &[Capability::WriteSecrets],
    ),
    one(
        "CIA-014",
        |m| m.has(Capability::Workload),
        &[Capability::Workload],
    ),
    one("CIA-015", |m| m.has(Capability::Exec), &[Capability::Exec]),
    one(
        "CIA-016",
        |m| m.has(Capability::Ephemeral),
        &[Capability::Ephemeral],
    ),
    one(
        "CIA-017",
        |m| m.has(Capability::Proxy),
        &[Capability::Proxy],
    ),
    one(
        "CIA-018",
        |m| m.has(Capability::Volume),
        &[Capability::Volume],
    ),
    one(
        "CIA-019",
        |m| m.has(Capability::Labels),
        &[Capability::Labels],
    ),
    one(
        "CIA-023",
        |m| {
            let more = (m.has(Capability::Escalate) && m.has(Capability::WriteRoles))
                || (m.has(Capability::Bind) && m.has(Capability::WriteBindings));
            !more && (m.has(Capability::WriteRoles) || m.has(Capability::WriteBindings))
        },
        &[Capability::WriteRoles, Capability::WriteBindings],
    ),
    one(
        "CIA-024",
        |m| m.has(Capability::ApiService),
        &[Capability::ApiService],
    ),
    one(
        "CIA-025",
        |m| m.has(Capability::Definitions),
        &[Capability::Definitions],
    ),
    one(
        "CIA-026",
        |m| m.has(Capability::WriteNodes) && m.has(Capability::Evict),
        &[Capability::WriteNodes, Capability::Evict],
    ),
    one(
        "CIA-027",
        |m| m.has(Capability::BindPods),
        &[Capability::BindPods],
    ),
    one(
        "CIA-028",
        |m| m.has(Capability::Endpoints),
        &[Capability::Endpoints],
    ),
    one(
        "CIA-029",
        |m| m.has(Capability::ServiceStatus),
        &[Capability::ServiceStatus],
    ),
    one(
        "CIA-030",
        |m| m.has(Capability::ConfigMaps),
        &[Capability::ConfigMaps],
    ),
    one(
        "CIA-031",
        |m| m.has(Capability::Attest),
        &[Capability::Attest],
    ),
    one(
        "CIA-033",
        |m| m.has(Capability::CreateAny) || m.has(Capability::DeleteAny),
        &[Capability::CreateAny, Capability::DeleteAny],
    ),
];
