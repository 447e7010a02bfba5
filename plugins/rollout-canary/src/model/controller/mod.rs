//! What the Deployment controller does with two ReplicaSets, exactly: a pure model.
//!
//! The rules are those of Kubernetes' `pkg/controller/deployment`: `sync.go` (`scale`,
//! `scaleReplicaSet`), `rolling.go` (`reconcileNewReplicaSet`, `reconcileOldReplicaSets`) and
//! `util/deployment_util.go` (`IsSaturated`, `GetReplicaSetProportion`, `ResolveFenceposts`). The
//! names here are theirs where a person would look them up.

pub mod rolling;
pub mod rounding;
pub mod scale;
pub mod world;

#[cfg(test)]
mod tests;
