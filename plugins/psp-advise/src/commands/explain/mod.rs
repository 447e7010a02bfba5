//! `kubectl psp-advise explain`: the whole trace of a decision.

mod observe;
mod render;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use groundcrew::app::Interrupt;
use groundcrew::client::{self, Session};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{Globals, KubeArgs};
use groundcrew::ui::Ui;
use psp_advise::decision::{Decision, Prepared, Source};
use psp_advise::psp::{Outcome, Request, User, decide};
use psp_advise::standards::{Level, LevelVersion, Server, Version};

use crate::cli::product;
use crate::files::FileArgs;
use crate::format::OutputArgs;
use crate::server::{self, Choice};
pub use observe::{Subject, files, policies, rbac};

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
    #[arg(long, value_name = "FILE|cluster")]
    psp: Vec<PathBuf>,

    /// Roles and bindings: a file or directory, or cluster; repeatable [default: every policy may
    /// be used]
    #[arg(long, value_name = "FILE|cluster")]
    rbac: Vec<PathBuf>,

    /// Service account of the pod, instead of its own
    #[arg(long, value_name = "NAMESPACE/NAME")]
    serviceaccount: Option<String>,

    /// Level to decide by
    #[arg(long, value_name = "LEVEL", default_value = "restricted")]
    level: Level,

    /// Version of the standards: latest or v1.31 [default: the server's newest, pinned]
    #[arg(long = "version", id = "policy-version", value_name = "VERSION")]
    version: Option<Version>,

    /// API server that decides: v1.31, or cluster [default: the newest known]
    #[arg(long, value_name = "VERSION", value_parser = server::parse)]
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

/// What was found out about one pod.
#[derive(Debug)]
pub struct Explained {
    /// The pod, and where it comes from.
    pub subject: Subject,
    /// By Pod Security admission.
    pub standards: Option<Decision>,
    /// By PodSecurityPolicy.
    pub policies: Option<Outcome>,
}

/// Explains.
///
/// # Errors
///
/// What the server says; what cannot be read, with file and line.
pub async fn run(args: ExplainArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    if args.pod.is_none() && args.files.filename.is_empty() {
        return Err(Error::usage("which pod to explain is not stated")
            .with_hint("kubectl psp-advise explain POD -n NAMESPACE, or -f FILE"));
    }
    let with_policies = args.engine != Engine::Psa;
    if with_policies && args.psp.is_empty() {
        return Err(
            Error::usage("which PodSecurityPolicies there are is not stated")
                .with_hint("--psp policies.yaml, or --psp cluster"),
        );
    }
    let account = args
        .serviceaccount
        .as_deref()
        .map(|text| {
            text.split_once('/')
                .filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
                .ok_or_else(|| {
                    Error::usage(format!("{text:?} is no service account"))
                        .with_hint("--serviceaccount NAMESPACE/NAME")
                })
        })
        .transpose()?;
    let session = connect(&args, ui, interrupt).await?;
    let server = match (args.server_version, &session) {
        (Some(Choice::Stated(server)), _) => server,
        (Some(Choice::Cluster), Some(session)) => interrupt.guard(server::ask(session)).await?,
        _ => Server::default(),
    };
    let policy = LevelVersion::new(
        args.level,
        args.version.unwrap_or(Version::Minor(server.minor())),
    );
    let known = interrupt
        .guard(policies(&args.psp, session.as_ref()))
        .await?;
    let rights = if args.rbac.is_empty() {
        None
    } else {
        Some(interrupt.guard(rbac(&args.rbac, session.as_ref())).await?)
    };
    let (subjects, unreadable) = match (&args.pod, &session) {
        (Some(name), Some(session)) => (
            vec![interrupt.guard(observe::pod(session, name)).await?],
            Vec::new(),
        ),
        _ => files(&args.files, args.kube.namespace.as_deref())?,
    };
    for line in &unreadable {
        ui.warning(format_args!("not evaluated: {line}"));
    }
    if with_policies && rights.is_none() {
        ui.warning(
            "rights are not looked at: every policy is taken as usable (--rbac FILE|cluster)",
        );
    }
    let named = args.kube.impersonate.as_ref().map(|name| User {
        name: name.clone(),
        groups: groups(&args.kube),
    });
    let mut explained = Vec::new();
    for mut subject in subjects {
        if let Some((namespace, name)) = account {
            namespace.clone_into(&mut subject.namespace);
            subject.pod["spec"]["serviceAccountName"] = name.into();
        }
        let standards = (args.engine != Engine::Psp).then(|| {
            Prepared::new(
                &subject.workload,
                server,
                Source {
                    file: subject.file.as_deref(),
                    node: None,
                },
            )
            .decide(policy)
        });
        let outcome = with_policies.then(|| {
            decide(
                &known,
                &Request {
                    pod: &subject.pod,
                    namespace: &subject.namespace,
                    user: named.clone().or_else(|| subject.controller()),
                    rbac: rights.as_ref(),
                },
            )
        });
        explained.push(Explained {
            subject,
            standards,
            policies: outcome,
        });
    }
    ui.answer(render::render(&explained, &args.output)?)?;
    let refused = explained.iter().any(|one| {
        one.standards
            .as_ref()
            .is_some_and(|decision| !decision.allowed)
            || one
                .policies
                .as_ref()
                .is_some_and(|outcome| !outcome.allowed())
    });
    Ok(match (unreadable.is_empty(), refused) {
        (false, _) => Exit::Incomplete,
        (true, true) => Exit::No,
        (true, false) => Exit::Done,
    })
}

/// Whoever creates the pod is asked about, not acted as: `--as` is not for the connection here.
async fn connect(args: &ExplainArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Option<Session>> {
    let cluster = PathBuf::from("cluster");
    let needed = args.pod.is_some()
        || args.psp.contains(&cluster)
        || args.rbac.contains(&cluster)
        || args.server_version == Some(Choice::Cluster);
    if !needed {
        return Ok(None);
    }
    let kube = KubeArgs {
        impersonate: None,
        impersonate_groups: Vec::new(),
        ..args.kube.clone()
    };
    let product = product();
    let session = client::connect(&kube, &product, ui);
    interrupt.guard(session).await.map(Some)
}

fn groups(kube: &KubeArgs) -> Vec<String> {
    let mut groups = kube.impersonate_groups.clone();
    groups.push("system:authenticated".to_owned());
    groups
}
