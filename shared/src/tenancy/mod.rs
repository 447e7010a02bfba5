//! What every namespace that is handed to people gets: limits, a quota, a network policy and a
//! pod security level.

mod name;
mod network;
mod profile;

pub use name::{MAX_LABEL, is_label, slug};
pub use network::Network;
pub use profile::{Profile, Size};

use k8s_openapi::api::core::v1::Namespace;

/// Namespace of the suite's own records.
pub const SYSTEM_NAMESPACE: &str = "groundcrew-system";

/// Label and value that make a namespace a claim of `kubectl ns-claim`.
pub const CLAIM: (&str, &str) = ("groundcrew.dev/claim", "true");

/// ConfigMap in [`SYSTEM_NAMESPACE`] that names every claim and who holds it: namespace → user.
pub const CLAIM_INDEX: &str = "claims";

/// RoleBinding in a claim that gives its owner their rights.
pub const CLAIM_OWNER_BINDING: &str = "claim-owner";

/// Pod security of a namespace for people: `baseline` is enforced because `restricted` refuses
/// most published images; what would break under `restricted` is warned about and audited.
pub const POD_SECURITY: [(&str, &str); 3] = [
    ("pod-security.kubernetes.io/enforce", "baseline"),
    ("pod-security.kubernetes.io/warn", "restricted"),
    ("pod-security.kubernetes.io/audit", "restricted"),
];

/// Returns the namespace of the suite's own records, whose label says what made it; only the
/// reaper of claims runs in it.
#[must_use]
pub fn system_namespace(managed_by: (&str, &str)) -> Namespace {
    let labels = [
        managed_by,
        ("pod-security.kubernetes.io/enforce", "restricted"),
    ];
    let mut namespace = Namespace::default();
    namespace.metadata.name = Some(SYSTEM_NAMESPACE.to_owned());
    namespace.metadata.labels = Some(
        labels
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
    );
    namespace
}
