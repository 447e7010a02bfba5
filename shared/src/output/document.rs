//! JSON and YAML documents: a public contract with an `apiVersion` and a `kind`.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The `apiVersion` of every document that a plugin prints or keeps.
pub const API_VERSION: &str = "groundcrew.dev/v1alpha1";

/// The kinds of documents: one list for every plugin, so that no two mean different things by one
/// word. A kind that was released keeps its fields; new ones may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// What `kubectl onboard` ends with.
    OnboardReport,
    /// What `kubectl onboard --dry-run` would do.
    OnboardPlan,
    /// What the cluster remembers of an onboarded person.
    OnboardRecord,
    /// What `kubectl onboard list` answers.
    OnboardList,
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

/// A body with the two fields that say what it is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<T> {
    api_version: &'static str,
    kind: Kind,
    #[serde(flatten)]
    body: T,
}

impl<T: Serialize> Document<T> {
    /// Returns a document of `kind`.
    pub fn new(kind: Kind, body: T) -> Self {
        Self {
            api_version: API_VERSION,
            kind,
            body,
        }
    }
}

/// Renders indented JSON with a final newline.
///
/// # Errors
///
/// Only when a value has no JSON form, such as a map with keys that are not strings.
pub fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| Error::failed("cannot write JSON").with_source(error))
}

/// Renders YAML with a final newline.
///
/// # Errors
///
/// Only when a value has no YAML form.
pub fn yaml(value: &impl Serialize) -> Result<String> {
    serde_saphyr::to_string(value)
        .map_err(|error| Error::failed("cannot write YAML").with_source(error))
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
            @r#"["OnboardReport","OnboardPlan","OnboardRecord","OnboardList","PodSecurityDecision","PodSecurityReport","PodSecurityComparison","PodSecurityLabelPlan","PodSecurityMigration","PodSecurityChecks","PolicyDecision"]"#
        );
    }

    #[test]
    fn a_document_says_what_it_is_before_anything_else() {
        let document = Document::new(Kind::OnboardPlan, serde_json::json!({"user": "alice"}));
        insta::assert_snapshot!(
            serde_json::to_string(&document).unwrap(),
            @r#"{"apiVersion":"groundcrew.dev/v1alpha1","kind":"OnboardPlan","user":"alice"}"#
        );
    }
}
