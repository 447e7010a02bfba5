//! Names, and the numbers that hold a rollout.

/// Label on the Deployment while a canary is under way: the run and its fence.
///
/// A label, because the controller copies annotations of a Deployment to its newest ReplicaSet,
/// never removes them there, and brings them back with `kubectl rollout undo`.
pub const MARKER: &str = "groundcrew.dev/rollout-canary";

/// Label of everything that this plugin makes.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "kubectl-rollout-canary");

/// Label of the records.
pub const RECORD: (&str, &str) = ("groundcrew.dev/record", "rollout-canary");

/// Key of the record's ConfigMap with the state.
pub const STATE: &str = "state";

/// Key of the record's ConfigMap with the commands that abort without the plugin.
pub const BREAK_GLASS: &str = "break-glass";

/// Label that the controller puts on ReplicaSets and pods.
pub const HASH: &str = "pod-template-hash";

/// Annotation with the number of a revision.
pub const REVISION: &str = "deployment.kubernetes.io/revision";

/// Annotation of a ReplicaSet: replicas of the Deployment when it was last sized.
pub const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";

/// Annotation of a ReplicaSet: the same with the surge.
pub const MAX: &str = "deployment.kubernetes.io/max-replicas";

/// minReadySeconds under which no pod becomes available: the rollout holds.
pub const HOLD_SECONDS: i64 = 2_147_483_645;

/// progressDeadlineSeconds that the API takes with it (it has to be longer): 68 years. One second more
/// would be "none" (`deploymentutil.HasProgressDeadline`), and the controller would not say why it
/// cannot create a ReplicaSet.
pub const HOLD_DEADLINE: i64 = 2_147_483_646;

/// The same two as an earlier version of this plugin wrote them.
pub const HOLD_BEFORE: (i64, i64) = (2_147_483_646, 2_147_483_647);

/// Says whether minReadySeconds hold a rollout.
#[must_use]
pub fn is_hold(seconds: &serde_json::Value) -> bool {
    let seconds = seconds.as_i64();
    seconds == Some(HOLD_SECONDS) || seconds == Some(HOLD_BEFORE.0)
}

/// Returns the name of the ConfigMap of a Deployment.
#[must_use]
pub fn record_name(deployment: &str) -> String {
    format!("rollout-canary.{deployment}")
}

/// Who owns the fields that this plugin writes, while it does. The name must not begin with `kubectl`:
/// Flux takes over the fields of such managers and removes what Git does not state
/// (`fluxcd/pkg/ssa`, `manager_patch.go`).
pub const FIELD_MANAGER: &str = "groundcrew-rollout-canary";

/// What an earlier version of this plugin called itself.
pub const FIELD_MANAGER_BEFORE: &str = "kubectl-rollout-canary";
