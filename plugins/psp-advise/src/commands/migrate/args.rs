//! The flags of `migrate`.

use clap::{Args, ValueEnum};
use groundcrew::flags::{Globals, KubeArgs, OutputArgs};

use crate::commands::flags::ReadFrom;

/// Turn PodSecurityPolicies into what today's API server enforces, and say what is lost
///
/// --to psa, by policy: the tightest level that every pod passes which the policy admits. By pods, with
/// --pods: the tightest level that the pods themselves pass, which is often tighter, because few
/// pods use all that they might.
///
/// --to vap: a ValidatingAdmissionPolicy that admits what some policy, which the service account or
/// whoever creates the pod may use, admits as it is; the same RBAC goes on to count. It changes no
/// pod: with --pods, what each template has to say is shown. With --verify it is compared with the
/// policies on the cluster of the kubeconfig, in a namespace that goes again, before it is printed.
///
/// What cannot be carried over is listed; with --on-loss error it ends in exit code 3.
#[derive(Args, Debug)]
pub struct MigrateArgs {
    /// PodSecurityPolicies: a file or directory, or cluster; repeatable
    #[arg(
        short = 'f',
        long = "filename",
        value_name = "FILE|cluster",
        required = true,
        value_parser = ReadFrom::parser(),
        value_hint = clap::ValueHint::AnyPath
    )]
    pub(super) filename: Vec<ReadFrom>,

    /// Where to
    #[arg(long, value_name = "TARGET", value_enum, default_value = "psa")]
    pub(super) to: Target,

    /// Pods and templates that live under the policies: a file or directory, or cluster
    #[arg(long, value_name = "FILE|cluster", value_parser = ReadFrom::parser())]
    pub(super) pods: Vec<ReadFrom>,

    /// With --to vap, roles and bindings by which policies are used: a file or directory, or
    /// cluster; repeatable [default: every policy may be used]
    #[arg(long, value_name = "FILE|cluster", value_parser = ReadFrom::parser())]
    pub(super) rbac: Vec<ReadFrom>,

    /// With --to vap, the name of the policy
    #[arg(long, value_name = "NAME", default_value = "pod-security-policies")]
    pub(super) name: String,

    /// With --to vap, compare the policy with the old ones on the cluster; what it needs there is
    /// made and taken away again
    #[arg(long)]
    pub(super) verify: bool,

    /// Answer every question with yes
    #[arg(short = 'y', long)]
    pub(super) yes: bool,

    /// What becomes of what cannot be carried over
    #[arg(long, value_name = "WHAT", value_enum, default_value = "warn")]
    pub(super) on_loss: OnLoss,

    #[command(flatten)]
    pub(super) output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    pub(super) kube: KubeArgs,
}

/// `--to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Target {
    /// Levels of the Pod Security Standards, by namespace labels.
    Psa,
    /// A ValidatingAdmissionPolicy with its binding.
    Vap,
}

/// `--on-loss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum OnLoss {
    /// They are listed, and the exit code is 3.
    Error,
    /// They are listed.
    Warn,
}
