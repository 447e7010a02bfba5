//! The rules that are about what a list of rules reaches, each as a test of a mask.

use super::atoms::{Atom, Mask};

/// A rule that asks for a mask.
pub(super) struct Condition {
    pub(super) id: &'static str,
    pub(super) holds: fn(Mask) -> bool,
    /// What makes it up, for the chains.
    pub(super) atoms: &'static [Atom],
}

const fn one(id: &'static str, holds: fn(Mask) -> bool, atoms: &'static [Atom]) -> Condition {
    Condition { id, holds, atoms }
}

pub(super) const CONDITIONS: [Condition; 26] = [
    one(
        "CIA-003",
        |m| m.has(Atom::Escalate) && m.has(Atom::WriteRoles),
        &[Atom::Escalate, Atom::WriteRoles],
    ),
    one(
        "CIA-004",
        |m| m.has(Atom::Bind) && m.has(Atom::WriteBindings),
        &[Atom::Bind, Atom::WriteBindings],
    ),
    one(
        "CIA-005",
        |m| m.has(Atom::Impersonate),
        &[Atom::Impersonate],
    ),
    one(
        "CIA-006",
        |m| m.has(Atom::Constrained) && m.has(Atom::ImpersonateOn),
        &[Atom::Constrained],
    ),
    one("CIA-007", |m| m.has(Atom::NodesProxy), &[Atom::NodesProxy]),
    one(
        "CIA-008",
        |m| {
            (m.has(Atom::CreateCsr) && m.has(Atom::ApproveCsr) && m.has(Atom::ApproveSigner))
                || (m.has(Atom::SignSigner) && m.has(Atom::CsrStatus))
        },
        &[
            Atom::CreateCsr,
            Atom::ApproveCsr,
            Atom::ApproveSigner,
            Atom::SignSigner,
            Atom::CsrStatus,
        ],
    ),
    one("CIA-009", |m| m.has(Atom::Token), &[Atom::Token]),
    one("CIA-010", |m| m.has(Atom::Admission), &[Atom::Admission]),
    one(
        "CIA-012",
        |m| m.has(Atom::ReadSecrets),
        &[Atom::ReadSecrets],
    ),
    one(
        "CIA-013",
        |m| m.has(Atom::WriteSecrets),
        &[Atom::WriteSecrets],
    ),
    one("CIA-014", |m| m.has(Atom::Workload), &[Atom::Workload]),
    one("CIA-015", |m| m.has(Atom::Exec), &[Atom::Exec]),
    one("CIA-016", |m| m.has(Atom::Ephemeral), &[Atom::Ephemeral]),
    one("CIA-017", |m| m.has(Atom::Proxy), &[Atom::Proxy]),
    one("CIA-018", |m| m.has(Atom::Volume), &[Atom::Volume]),
    one("CIA-019", |m| m.has(Atom::Labels), &[Atom::Labels]),
    one(
        "CIA-023",
        |m| {
            let more = (m.has(Atom::Escalate) && m.has(Atom::WriteRoles))
                || (m.has(Atom::Bind) && m.has(Atom::WriteBindings));
            !more && (m.has(Atom::WriteRoles) || m.has(Atom::WriteBindings))
        },
        &[Atom::WriteRoles, Atom::WriteBindings],
    ),
    one("CIA-024", |m| m.has(Atom::ApiService), &[Atom::ApiService]),
    one(
        "CIA-025",
        |m| m.has(Atom::Definitions),
        &[Atom::Definitions],
    ),
    one(
        "CIA-026",
        |m| m.has(Atom::WriteNodes) && m.has(Atom::Evict),
        &[Atom::WriteNodes, Atom::Evict],
    ),
    one("CIA-027", |m| m.has(Atom::BindPods), &[Atom::BindPods]),
    one("CIA-028", |m| m.has(Atom::Endpoints), &[Atom::Endpoints]),
    one(
        "CIA-029",
        |m| m.has(Atom::ServiceStatus),
        &[Atom::ServiceStatus],
    ),
    one("CIA-030", |m| m.has(Atom::ConfigMaps), &[Atom::ConfigMaps]),
    one("CIA-031", |m| m.has(Atom::Attest), &[Atom::Attest]),
    one(
        "CIA-033",
        |m| m.has(Atom::CreateAny) || m.has(Atom::DeleteAny),
        &[Atom::CreateAny, Atom::DeleteAny],
    ),
];
