//! The way from a subject to a rule.

/// One way from a subject to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chain {
    /// Number of the binding; ClusterRoleBindings come first.
    pub binding: usize,
    /// Index of the subject in the binding.
    pub subject: usize,
    /// Index of the rule in the role.
    pub rule: usize,
}
