//! The kinds of this plugin's documents.

use serde::Serialize;

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// How much there is, and the subjects: `kubectl can-i-audit`.
    AccessOverview,
    /// Who can do something: `who`.
    AccessSubjects,
    /// What a subject can do: `what`.
    AccessRules,
    /// Why something is allowed, or what is missing: `why`.
    AccessReasons,
    /// The answers to a file of assertions: `check`.
    AssertionReport,
    /// The dangerous access: `risks`.
    AccessRisks,
    /// Who can do what: `matrix`.
    AccessMatrix,
    /// The access gained and lost: `diff`.
    AccessDiff,
    /// How far the server agrees: `verify`.
    AccessVerification,
    /// Everything that decides about access: `snapshot`.
    AccessSnapshot,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_are_a_contract() {
        let kinds = [
            Kind::AccessOverview,
            Kind::AccessSubjects,
            Kind::AccessRules,
            Kind::AccessReasons,
            Kind::AssertionReport,
            Kind::AccessRisks,
            Kind::AccessMatrix,
            Kind::AccessDiff,
            Kind::AccessVerification,
            Kind::AccessSnapshot,
        ];
        insta::assert_snapshot!(
            serde_json::to_string(&kinds).unwrap(),
            @r#"["AccessOverview","AccessSubjects","AccessRules","AccessReasons","AssertionReport","AccessRisks","AccessMatrix","AccessDiff","AccessVerification","AccessSnapshot"]"#
        );
    }
}
