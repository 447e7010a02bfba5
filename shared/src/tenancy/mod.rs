//! What every namespace that is handed to people gets: limits, a quota, a network policy and a
//! pod security level.

mod name;
mod network;
mod profile;

pub use name::{MAX_LABEL, is_label, slug};
pub use network::Network;
pub use profile::{Profile, Size};

/// Namespace of the suite's own records.
pub const SYSTEM_NAMESPACE: &str = "groundcrew-system";

/// Pod security of a namespace for people: `baseline` is enforced because `restricted` refuses
/// most published images; what would break under `restricted` is warned about and audited.
pub const POD_SECURITY: [(&str, &str); 3] = [
    ("pod-security.kubernetes.io/enforce", "baseline"),
    ("pod-security.kubernetes.io/warn", "restricted"),
    ("pod-security.kubernetes.io/audit", "restricted"),
];
