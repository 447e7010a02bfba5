//! JSON and YAML documents: a public contract with an `apiVersion` and a `kind`.

use std::io::{self, BufWriter, Write};

use serde::{Deserialize, Serialize};

use super::pretty::Pretty;
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
    /// What `kubectl onboard offboard` ends with.
    OffboardReport,
    /// What `kubectl onboard offboard --dry-run` would do.
    OffboardPlan,
    /// People who are declared together, for `kubectl onboard apply -f`.
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
    /// What `kubectl onboard doctor` found.
    OnboardDiagnosis,
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
    /// What `kubectl can-i-audit` shows of a whole cluster.
    AccessOverview,
    /// Who may do something: `kubectl can-i-audit who`.
    AccessSubjects,
    /// What a subject may do: `kubectl can-i-audit what`.
    AccessRules,
    /// Why a subject may do something: `kubectl can-i-audit why`.
    AccessReasons,
    /// Answers to the questions of `kubectl can-i-audit check`.
    AssertionReport,
    /// What is dangerous: `kubectl can-i-audit risks`.
    AccessRisks,
    /// Who may do what, as a table: `kubectl can-i-audit matrix`.
    AccessMatrix,
    /// Which access was gained and lost: `kubectl can-i-audit diff`.
    AccessDiff,
    /// Whether the server agrees: `kubectl can-i-audit verify`.
    AccessVerification,
    /// Everything that decides about access: `kubectl can-i-audit snapshot`.
    AccessSnapshot,
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
    /// Where a canary is: `kubectl rollout-canary status`, and what its other commands end with.
    CanaryStatus,
    /// What `kubectl rollout-canary plan` answers.
    CanaryPlan,
    /// What `kubectl rollout-canary history` answers.
    CanaryHistory,
    /// What `kubectl rollout-canary doctor` found.
    CanaryDiagnosis,
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

/// Writes what [`json`] renders, piece by piece: for documents of many megabytes.
///
/// # Errors
///
/// When writing fails, or a value has no JSON form.
pub fn write_json(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    // Every word and every blank is a write of its own: they are too many for a call each.
    let mut out = BufWriter::with_capacity(BLOCK, out);
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut out,
        Pretty::default(),
    ))?;
    out.write_all(b"\n")?;
    out.flush()
}

/// How much JSON is handed on at once, in bytes.
pub(super) const BLOCK: usize = 1 << 16;

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
        let kinds: &[Kind] = &[
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
            Kind::OnboardDiagnosis,
            Kind::Claim,
            Kind::ClaimList,
            Kind::ClaimSettings,
            Kind::ClaimTombstone,
            Kind::ClaimLedger,
            Kind::ClaimReapReport,
            Kind::ClaimUsageReport,
            Kind::ClaimInstallReport,
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
            Kind::PodSecurityDecision,
            Kind::PodSecurityReport,
            Kind::PodSecurityComparison,
            Kind::PodSecurityLabelPlan,
            Kind::PodSecurityMigration,
            Kind::PodSecurityChecks,
            Kind::PolicyDecision,
            Kind::CanaryStatus,
            Kind::CanaryPlan,
            Kind::CanaryHistory,
            Kind::CanaryDiagnosis,
        ];
        insta::assert_snapshot!(
            serde_json::to_string(kinds).unwrap(),
            @r#"["OnboardReport","OnboardPlan","OnboardRecord","OnboardList","OffboardReport","OffboardPlan","Onboarding","OnboardingReport","OnboardingPlan","OnboardRequest","OnboardHandover","OnboardAccept","OnboardVerification","OnboardStatus","OnboardDiagnosis","Claim","ClaimList","ClaimSettings","ClaimTombstone","ClaimLedger","ClaimReapReport","ClaimUsageReport","ClaimInstallReport","AccessOverview","AccessSubjects","AccessRules","AccessReasons","AssertionReport","AccessRisks","AccessMatrix","AccessDiff","AccessVerification","AccessSnapshot","PodSecurityDecision","PodSecurityReport","PodSecurityComparison","PodSecurityLabelPlan","PodSecurityMigration","PodSecurityChecks","PolicyDecision","CanaryStatus","CanaryPlan","CanaryHistory","CanaryDiagnosis"]"#
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
