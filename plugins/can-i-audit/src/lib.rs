//! Exact evaluation of Kubernetes' role-based access control, without I/O.
//!
//! A [`model::policy::Policy`] is what was read. [`model::engine::World`] compiles it: strings become numbers,
//! equal lists of rules become one, and subjects are indexed. A [`model::question::Question`] is one
//! line of the authorizer's input. How one is answered, from the question to the chain:
//!
//! `question` looks the words up (a word that no rule holds can be matched by `*` alone) →
//! `engine` finds the bindings of the user and of each group, cluster-wide and in the namespace →
//! each distinct list of rules is tried → the chains are named from the policy's own objects.
//!
//! The rules are those of Kubernetes' `plugin/pkg/auth/authorizer/rbac/rbac.go` and
//! `pkg/apis/rbac/v1/evaluation_helpers.go`.

pub mod model;
