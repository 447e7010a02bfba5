//! The kinds of documents that this plugin prints.

use serde::Serialize;

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(
    clippy::enum_variant_names,
    reason = "a kind is read beside those of other plugins"
)]
pub enum Kind {
    /// Where a canary is: `kubectl rollout-canary status`, and the end of the other commands.
    CanaryStatus,
    /// What `kubectl rollout-canary plan` answers.
    CanaryPlan,
    /// What a run would do: the dry runs of the commands that write.
    CanaryDryRun,
    /// What `kubectl rollout-canary undo` did.
    CanaryUndo,
    /// What `kubectl rollout-canary history` answers.
    CanaryHistory,
    /// What `kubectl rollout-canary list` answers.
    CanaryList,
    /// What `kubectl rollout-canary doctor` found.
    CanaryDiagnosis,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_are_a_contract() {
        let kinds = [
            Kind::CanaryStatus,
            Kind::CanaryPlan,
            Kind::CanaryDryRun,
            Kind::CanaryUndo,
            Kind::CanaryHistory,
            Kind::CanaryList,
            Kind::CanaryDiagnosis,
        ];
        insta::assert_snapshot!(
            serde_json::to_string(&kinds).unwrap(),
            @r#"["CanaryStatus","CanaryPlan","CanaryDryRun","CanaryUndo","CanaryHistory","CanaryList","CanaryDiagnosis"]"#
        );
    }
}
