//! The kinds of documents that this plugin writes.

use serde::{Deserialize, Serialize};

/// What a document is; its name is a contract with programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// One temporary namespace, as `kubectl ns-claim` and its subcommands answer.
    Claim,
    /// What `kubectl ns-claim list` answers.
    ClaimList,
    /// What the installation of `kubectl ns-claim` says of lifetimes and limits.
    ClaimSettings,
    /// What remains of a temporary namespace that is gone.
    ClaimTombstone,
    /// What the reaper remembers between its runs.
    ClaimLedger,
    /// What `kubectl ns-claim reap` did.
    ClaimReapReport,
    /// What `kubectl ns-claim report` answers.
    ClaimUsageReport,
    /// What `kubectl ns-claim install`, `uninstall` and `doctor` answer.
    ClaimInstallReport,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_are_a_contract() {
        let kinds = [
            Kind::Claim,
            Kind::ClaimList,
            Kind::ClaimSettings,
            Kind::ClaimTombstone,
            Kind::ClaimLedger,
            Kind::ClaimReapReport,
            Kind::ClaimUsageReport,
            Kind::ClaimInstallReport,
        ];
        insta::assert_snapshot!(
            serde_json::to_string(&kinds).unwrap(),
            @r#"["Claim","ClaimList","ClaimSettings","ClaimTombstone","ClaimLedger","ClaimReapReport","ClaimUsageReport","ClaimInstallReport"]"#
        );
    }
}
