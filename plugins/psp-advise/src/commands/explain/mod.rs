//! `kubectl psp-advise explain`: the whole trace of a decision.

mod decide;
mod render;

use clap::{Args, ValueEnum};
use groundcrew::app::Frame;
use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::finding::Unseen;
use groundcrew::flags::KubeArgs;
use psp_advise::model::level::{Level, LevelVersion, Server, Version};
use psp_advise::model::psp::User;
use psp_advise::model::subject::Subject;

use super::answer;
use super::flags::{self, OutputArgs, ReadFrom};
use crate::cluster::pods;
use crate::cluster::version::{self, Choice};
use crate::local::files::FileArgs;
use crate::local::subjects;
use decide::{Account, Asked, Policies};

/// Show why a pod is admitted or refused, by every policy
///
/// For PodSecurityPolicy: which policy admits the pod and what it changes, why the others do not,
/// and which binding, role and rule allow the use of a policy. The rights of the service account
/// count, and those of the pod's creator: the user given with --as, or for a controller's pod the
/// controller. For Pod Security admission: the failed checks and fields.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// Pod in the cluster
    #[arg(value_name = "POD", conflicts_with = "filename")]
    pod: Option<String>,

    /// Admission to explain: Pod Security (psa) or PodSecurityPolicy as of 1.24 (psp)
    #[arg(long, value_name = "ENGINE", value_enum, default_value = "psa")]
    engine: Engine,

    /// PodSecurityPolicies: a file, a directory, or cluster; repeatable
    #[arg(long, value_name = "FILE|cluster", value_parser = ReadFrom::parser())]
    psp: Vec<ReadFrom>,

    /// Roles and bindings: a file, a directory, or cluster; repeatable [default: assume that every
    /// policy may be used]
    #[arg(long, value_name = "FILE|cluster", value_parser = ReadFrom::parser())]
    rbac: Vec<ReadFrom>,

    /// Service account to assume instead of the pod's own
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = decide::account)]
    serviceaccount: Option<Account>,

    /// Level to check against
    #[arg(long, value_name = "LEVEL", default_value = "restricted")]
    level: Level,

    /// Version of the standards: latest or v1.31 [default: the server's newest, pinned]
    #[arg(long = "version", id = "policy-version", value_name = "VERSION")]
    version: Option<Version>,

    /// API server version to decide as: v1.31, or cluster [default: the cluster's; with -f, the
    /// newest known]
    #[arg(long, value_name = "VERSION", value_parser = version::parse)]
    server_version: Option<Choice>,

    #[command(flatten)]
    files: FileArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// `--engine`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// Pod Security admission.
    Psa,
    /// PodSecurityPolicy, as Kubernetes 1.24 has it.
    Psp,
    /// Both.
    Both,
}

/// Explains.
///
/// # Errors
///
/// What the server says; what cannot be read, with file and line.
pub async fn run(args: ExplainArgs, frame: &Frame) -> Result<Exit> {
    if args.pod.is_none() && args.files.filename.is_empty() {
        return Err(Error::usage("a pod is required")
            .with_hint("kubectl psp-advise explain POD -n NAMESPACE, or -f FILE"));
    }
    let with_policies = args.engine != Engine::Psa;
    if with_policies && args.psp.is_empty() {
        return Err(Error::usage("PodSecurityPolicies are required")
            .with_hint("--psp policies.yaml, or --psp cluster"));
    }
    let (session, server) = connect(&args, frame).await?;
    let policies = flags::policies(&args.psp, session.as_ref());
    let policies = frame.interrupt.guard(policies).await?;
    let rbac = flags::rbac(&args.rbac, session.as_ref());
    let rbac = frame.interrupt.guard(rbac).await?;
    let (subjects, unseen) = subjects(&args, session.as_ref(), frame).await?;
    answer::unseen(&unseen, &frame.ui);
    if with_policies && rbac.is_none() {
        frame
            .ui
            .warning("RBAC is not evaluated: every policy is assumed usable (--rbac FILE|cluster)");
    }
    let asked = Asked {
        server,
        standards: (args.engine != Engine::Psp).then(|| {
            LevelVersion::new(
                args.level,
                args.version.unwrap_or(Version::Minor(server.minor())),
            )
        }),
        policies: with_policies.then_some(Policies {
            policies,
            rbac,
            creator: creator(&frame.kube),
        }),
        account: args.serviceaccount,
    };
    let subjects = subjects.into_iter();
    let explained: Vec<_> = subjects.map(|subject| asked.explain(subject)).collect();
    frame.ui.answer(render::render(&explained, &args.output)?)?;
    let refused = explained.iter().any(|one| !one.allowed());
    Ok(match (unseen.is_empty(), refused) {
        (false, _) => Exit::Incomplete,
        (true, true) => Exit::No,
        (true, false) => Exit::Done,
    })
}

/// `--as` names the user that creates the pod; the connection does not impersonate anyone.
async fn connect(args: &ExplainArgs, frame: &Frame) -> Result<(Option<Session>, Server)> {
    let frame = Frame {
        kube: KubeArgs {
            impersonate: None,
            impersonate_groups: Vec::new(),
            ..frame.kube.clone()
        },
        ..frame.clone()
    };
    let needed = args.pod.is_some()
        || args.psp.contains(&ReadFrom::Cluster)
        || args.rbac.contains(&ReadFrom::Cluster);
    // A pod of the cluster is decided about as its server does.
    let newest = args.pod.is_none().then(|| Choice::Given(Server::default()));
    flags::open(args.server_version.or(newest), needed, &frame).await
}

async fn subjects(
    args: &ExplainArgs,
    session: Option<&Session>,
    frame: &Frame,
) -> Result<(Vec<Subject>, Vec<Unseen>)> {
    match (&args.pod, session) {
        (Some(name), Some(session)) => {
            let pod = frame.interrupt.guard(pods::read(session, name)).await?;
            Ok((vec![pod], Vec::new()))
        }
        _ => subjects::read(&args.files, frame.kube.namespace.as_deref()),
    }
}

/// Returns the user of `--as`.
fn creator(kube: &KubeArgs) -> Option<User> {
    let name = kube.impersonate.clone()?;
    let mut groups = kube.impersonate_groups.clone();
    groups.push("system:authenticated".to_owned());
    Some(User { name, groups })
}
