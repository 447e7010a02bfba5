//! The kinds of the documents that this plugin prints.

use serde::Serialize;

/// The `kind` of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// What an API server decides about one object under one pod security policy.
    PodSecurityDecision,
    /// What `kubectl psp-advise` answers: namespaces, objects, and what could not be evaluated.
    PodSecurityReport,
    /// What `kubectl psp-advise diff` and `upgrade` answer.
    PodSecurityComparison,
    /// What `kubectl psp-advise label` would do or did.
    PodSecurityLabelPlan,
    /// What `kubectl psp-advise migrate` answers.
    PodSecurityMigration,
    /// What `kubectl psp-advise checks` answers.
    PodSecurityChecks,
    /// What a server with PodSecurityPolicy decides about one pod, and why.
    PolicyDecision,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_are_a_contract() {
        let kinds = [
            Kind::PodSecurityDecision,
            Kind::PodSecurityReport,
            Kind::PodSecurityComparison,
            Kind::PodSecurityLabelPlan,
            Kind::PodSecurityMigration,
            Kind::PodSecurityChecks,
            Kind::PolicyDecision,
        ];
        insta::assert_snapshot!(
            serde_json::to_string(&kinds).unwrap(),
            @r#"["PodSecurityDecision","PodSecurityReport","PodSecurityComparison","PodSecurityLabelPlan","PodSecurityMigration","PodSecurityChecks","PolicyDecision"]"#
        );
    }
}
