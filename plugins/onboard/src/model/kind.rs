//! The kinds of documents that this plugin prints, keeps and reads.

use serde::{Deserialize, Serialize};

/// What a document is; its name is a contract with programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// What `kubectl onboard` ends with.
    OnboardReport,
    /// What `kubectl onboard --dry-run` would do.
    OnboardPlan,
    /// What the cluster remembers of an onboarded user.
    OnboardRecord,
    /// What `kubectl onboard list` answers.
    OnboardList,
    /// What `kubectl onboard offboard` ends with.
    OffboardReport,
    /// What `kubectl onboard offboard --dry-run` would do.
    OffboardPlan,
    /// Users who are declared together, for `kubectl onboard apply -f`.
    Onboarding,
    /// What `kubectl onboard apply` ends with.
    OnboardingReport,
    /// What `kubectl onboard apply --dry-run` would do.
    OnboardingPlan,
    /// What `kubectl onboard request` made.
    OnboardRequest,
    /// The head of a certificate file: whose it is and where the cluster is.
    OnboardHandover,
    /// What `kubectl onboard accept` ends with.
    OnboardAccept,
    /// What `kubectl onboard verify` found.
    OnboardVerification,
    /// What `kubectl onboard status` answers.
    OnboardStatus,
    /// What `kubectl onboard forget` did.
    OnboardForget,
    /// What `kubectl onboard doctor` found.
    OnboardDiagnosis,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_are_a_contract() {
        let kinds = [
            Kind::OnboardReport,
            Kind::OnboardPlan,
            Kind::OnboardRecord,
            Kind::OnboardList,
            Kind::OffboardReport,
            Kind::OffboardPlan,
            Kind::Onboarding,
            Kind::OnboardingReport,
            Kind::OnboardingPlan,
            Kind::OnboardRequest,
            Kind::OnboardHandover,
            Kind::OnboardAccept,
            Kind::OnboardVerification,
            Kind::OnboardStatus,
            Kind::OnboardForget,
            Kind::OnboardDiagnosis,
        ];
        let words = serde_json::to_string(&kinds).unwrap();
        insta::assert_snapshot!(words.replace(',', "\n"));
    }
}
