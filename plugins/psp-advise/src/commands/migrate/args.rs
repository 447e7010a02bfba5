//! The flags of `migrate`.

use clap::{Args, ValueEnum};
use groundcrew::flags::OutputArgs;

use crate::commands::flags::ReadFrom;

/// Convert PodSecurityPolicies for today's API server, and list what is lost
///
/// --to psa shows, for each policy, the strictest level that is met by every pod the policy admits.
/// With --pods it also shows, for each namespace, the strictest level that the pods themselves
/// meet, which is often stricter, because few pods use everything they are allowed.
///
/// --to vap prints a ValidatingAdmissionPolicy. It admits a pod if one of the policies that its
/// service account or its creator may use admits the pod unchanged; existing RBAC still counts. It
/// changes no pods: with --pods, what each template must set is shown. With --verify it is compared
/// with the policies on the cluster, in a temporary namespace, before it is printed.
///
/// What is lost is listed; with --on-loss error, the exit code is 3.
#[derive(Args, Debug)]
pub struct MigrateArgs {
    /// PodSecurityPolicies: a file, a directory, or cluster; repeatable
    #[arg(
        short = 'f',
        long = "filename",
        value_name = "FILE|cluster",
        required = true,
        value_parser = ReadFrom::parser(),
        value_hint = clap::ValueHint::AnyPath
    )]
    pub(super) filename: Vec<ReadFrom>,

    /// What to convert to: namespace labels (psa) or a ValidatingAdmissionPolicy (vap)
    #[arg(long, value_name = "TARGET", value_enum, default_value = "psa")]
    pub(super) to: Target,

    /// Pods and templates that the policies apply to: a file, a directory, or cluster; repeatable
    #[arg(long, value_name = "FILE|cluster", value_parser = ReadFrom::parser())]
    pub(super) pods: Vec<ReadFrom>,

    /// With --to vap, roles and bindings that allow the use of policies: a file, a directory, or
    /// cluster; repeatable [default: assume that every policy may be used]
    #[arg(long, value_name = "FILE|cluster", value_parser = ReadFrom::parser())]
    pub(super) rbac: Vec<ReadFrom>,

    /// With --to vap, the name of the policy
    #[arg(long, value_name = "NAME", default_value = "pod-security-policies")]
    pub(super) name: String,

    /// With --to vap, compare the policy with the old ones on the cluster, with temporary objects
    #[arg(long)]
    pub(super) verify: bool,

    /// Answer yes to every question
    #[arg(short = 'y', long)]
    pub(super) yes: bool,

    /// What to do about what is lost; error exits with 3
    #[arg(long, value_name = "WHAT", value_enum, default_value = "warn")]
    pub(super) on_loss: OnLoss,

    #[command(flatten)]
    pub(super) output: OutputArgs,
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
