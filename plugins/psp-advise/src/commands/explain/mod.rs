//! `kubectl psp-advise explain`: the whole trace of a decision.

mod decide;
mod render;

use clap::{Args, ValueEnum};
use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{Globals, KubeArgs};
use groundcrew::ui::Ui;
use psp_advise::model::level::{Level, LevelVersion, Version};
use psp_advise::model::psp::User;
use psp_advise::model::subject::Subject;

use super::flags::{self, OutputArgs, ReadFrom};
use crate::cluster::pods;
use crate::cluster::version::{self, Choice};
use crate::local::files::FileArgs;
use crate::local::subjects;
use decide::{Account, Asked, Policies};

/// Show why a pod is admitted or not, by every policy
///
/// For PodSecurityPolicy: which policy admits the pod and what it changes, why each other one does
/// not, and by which binding, role and rule a policy may be used. The service account's rights
/// count, and those of whoever creates the pod: --as, or for a pod of a controller that
/// controller. For Pod Security admission: the checks and fields.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// Pod in the cluster
    #[arg(value_name = "POD", conflicts_with = "filename")]
    pod: Option<String>,

    #[command(flatten)]
    files: FileArgs,

    /// Which admission to explain
    #[arg(long, value_name = "ENGINE", value_enum, default_value = "psa")]
    engine: Engine,

    /// PodSecurityPolicies: a file or directory, or cluster; repeatable
    #[arg(long, value_name = "FILE|cluster", value_parser = ReadFrom::parser())]
    psp: Vec<ReadFrom>,

    /// Roles and bindings: a file or directory, or cluster; repeatable [default: every policy may
    /// be used]
    #[arg(long, value_name = "FILE|cluster", value_parser = ReadFrom::parser())]
    rbac: Vec<ReadFrom>,

    /// Service account of the pod, instead of its own
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = decide::account)]
    serviceaccount: Option<Account>,

    /// Level to decide by
    #[arg(long, value_name = "LEVEL", default_value = "restricted")]
    level: Level,

    /// Version of the standards: latest or v1.31 [default: the server's newest, pinned]
    #[arg(long = "version", id = "policy-version", value_name = "VERSION")]
    version: Option<Version>,

    /// API server that decides: v1.31, or cluster [default: the newest known]
    #[arg(long, value_name = "VERSION", value_parser = version::parse)]
    server_version: Option<Choice>,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
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
pub async fn run(args: ExplainArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    if args.pod.is_none() && args.files.filename.is_empty() {
        return Err(Error::usage("a pod is required")
            .with_hint("kubectl psp-advise explain POD -n NAMESPACE, or -f FILE"));
    }
    let with_policies = args.engine != Engine::Psa;
    if with_policies && args.psp.is_empty() {
        return Err(Error::usage("PodSecurityPolicies are required")
            .with_hint("--psp policies.yaml, or --psp cluster"));
    }
    let (session, server) = connect(&args, ui, interrupt).await?;
    let policies = flags::policies(&args.psp, session.as_ref());
    let policies = interrupt.guard(policies).await?;
    let rbac = flags::rbac(&args.rbac, session.as_ref());
    let rbac = interrupt.guard(rbac).await?;
    let (subjects, unreadable) = subjects(&args, session.as_ref(), interrupt).await?;
    for line in &unreadable {
        ui.warning(format_args!("not evaluated: {line}"));
    }
    if with_policies && rbac.is_none() {
        ui.warning("RBAC is not evaluated: every policy is assumed usable (--rbac FILE|cluster)");
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
            creator: creator(&args.kube),
        }),
        account: args.serviceaccount,
    };
    let subjects = subjects.into_iter();
    let explained: Vec<_> = subjects.map(|subject| asked.explain(subject)).collect();
    ui.answer(render::render(&explained, &args.output)?)?;
    let refused = explained.iter().any(|one| !one.allowed());
    Ok(match (unreadable.is_empty(), refused) {
        (false, _) => Exit::Incomplete,
        (true, true) => Exit::No,
        (true, false) => Exit::Done,
    })
}

/// `--as` names the user that creates the pod; the connection does not impersonate anyone.
async fn connect(
    args: &ExplainArgs,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<(Option<Session>, psp_advise::model::level::Server)> {
    let kube = KubeArgs {
        impersonate: None,
        impersonate_groups: Vec::new(),
        ..args.kube.clone()
    };
    let needed = args.pod.is_some()
        || args.psp.contains(&ReadFrom::Cluster)
        || args.rbac.contains(&ReadFrom::Cluster);
    // Which server decides is never taken from a cluster that is only read.
    let choice = args
        .server_version
        .unwrap_or(Choice::Given(Default::default()));
    version::open(Some(choice), needed, &kube, ui, interrupt).await
}

async fn subjects(
    args: &ExplainArgs,
    session: Option<&Session>,
    interrupt: &Interrupt,
) -> Result<(Vec<Subject>, Vec<String>)> {
    match (&args.pod, session) {
        (Some(name), Some(session)) => {
            let pod = interrupt.guard(pods::read(session, name)).await?;
            Ok((vec![pod], Vec::new()))
        }
        _ => subjects::read(&args.files, args.kube.namespace.as_deref()),
    }
}

/// Returns the user of `--as`.
fn creator(kube: &KubeArgs) -> Option<User> {
    let name = kube.impersonate.clone()?;
    let mut groups = kube.impersonate_groups.clone();
    groups.push("system:authenticated".to_owned());
    Some(User { name, groups })
}
