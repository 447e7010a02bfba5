//! The kinds of this plugin's documents.

use serde::Serialize;

/// The kind of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// The numbers of objects and subjects: `kubectl can-i-audit`.
    AccessOverview,
    /// The subjects that can do something: `who`.
    AccessSubjects,
    /// The rules of a subject: `what`.
    AccessRules,
    /// The grants behind an answer, or what is missing: `why`.
    AccessReasons,
    /// The answers to a file of assertions: `check`.
    AssertionReport,
    /// The dangerous access: `risks`.
    AccessRisks,
    /// Subjects and their access as a table: `matrix`.
    AccessMatrix,
    /// The access gained and lost: `diff`.
    AccessDiff,
    /// A comparison with the server's answers: `verify`.
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
