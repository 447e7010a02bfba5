//! `kubectl onboard offboard`: ends somebody's access and proves that it has ended.

pub mod apply;
pub mod archive;
pub mod decide;
pub mod discovery;
pub mod observe;
pub mod options;
pub mod prove;
pub mod render;

use std::path::PathBuf;

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::client;
use groundcrew::client::access::Access;
use groundcrew::client::{Session, access};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, Globals, KubeArgs, OutputArgs, WriteArgs};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::ui::Ui;
use groundcrew::write::Writer;
use jiff::Timestamp;

use crate::cluster::onboarding::onboarder::Onboarder;
use crate::cluster::people;
use crate::commands::offboard::decide::NamespaceEnd;
use crate::commands::offboard::options::Options;
use crate::model::product;
use crate::model::product::product;
use crate::model::user::UserName;

/// End somebody's access, and prove that it has ended
///
/// Finds every RoleBinding and ClusterRoleBinding of the cluster that names her or one of her
/// generations, the Secrets behind her tokens, her open certificate requests and her namespace;
/// shows them, asks, and takes them away. Then the server is asked about every verb of every
/// namespaced resource, as her name with every group that she ever had: exit code 3 when anything
/// is left, with the binding that gives it.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct OffboardArgs {
    /// Whose access ends
    #[arg(id = "who", value_name = "USER", add = people::names())]
    who: String,

    /// Leave her namespace and what is in it
    #[arg(long, conflicts_with = "archive")]
    keep_namespace: bool,

    /// Keep everything in her namespace as YAML in this directory before it is deleted; Secrets
    /// are among it
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    archive: Option<PathBuf>,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

const EXAMPLES: &str = "\
Examples:
  kubectl onboard offboard alice
  kubectl onboard offboard alice --archive ./alice --yes
  kubectl onboard offboard alice --keep-namespace
  kubectl onboard offboard alice --dry-run=client -o json

Exit codes:
  0 nothing is left   1 failed   2 usage, nothing done   3 something is left, and is named
  4 not everything could be asked   5 somebody else changed it   130 interrupted; run it again";

/// Ends access.
///
/// # Errors
///
/// Why nothing, or not everything, was taken away; running it again goes on from there.
pub async fn run(args: OffboardArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let OffboardArgs {
        who,
        keep_namespace,
        archive,
        write,
        output,
        globals: _,
        kube,
    } = args;
    let options = Options {
        user: UserName::parse(&who)?,
        keep_namespace,
        archive,
        dry_run: write.dry_run,
        yes: write.yes,
        output,
        writer: Writer {
            field_manager: product::field_manager(write.field_manager),
            dry_run: write.dry_run == DryRun::Server,
            force_conflicts: write.force_conflicts,
        },
    };
    let session = interrupt
        .guard(client::connect(&kube, &product(), ui))
        .await?;
    end(&options, &session, ui, interrupt).await
}

async fn end(options: &Options, session: &Session, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let user = &options.user;
    let me = interrupt.guard(may(session, options)).await?;
    let progress = ui.progress(format!(
        "looking for everything that gives {user} something"
    ));
    let found = interrupt.guard(observe::find(session, user)).await?;
    drop(progress);
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
    let plan = decide::plan(user, &found, options.keep_namespace, now)?;
    let folder = match (&options.archive, &plan.namespace) {
        (Some(directory), NamespaceEnd::Deleted { metadata, .. }) => {
            let name = metadata.name.as_deref().unwrap_or_default();
            Some(archive::check(directory, name)?)
        }
        _ => None,
    };
    let record = found.record.as_ref().map(|found| &found.record);
    if options.dry_run == DryRun::Client {
        ui.answer(render::plan(options, record, &plan, now)?)?;
        return Ok(Exit::Done);
    }
    ui.status(render::loses(options, record, &plan, now).trim_end());
    if options.dry_run == DryRun::None && !plan.is_empty() && !options.yes {
        confirm(user, &plan, ui)?;
    }
    let mut archived = None;
    if let (Some(folder), NamespaceEnd::Deleted { metadata, .. }) = (&folder, &plan.namespace)
        && options.dry_run == DryRun::None
    {
        let name = metadata.name.as_deref().unwrap_or_default();
        let count = interrupt
            .guard(archive::write(session, name, folder, ui))
            .await?;
        let detail = format!("{count} objects in {}", folder.display());
        ui.done(format_args!("namespace/{name} archived"), detail);
        archived = Some(folder.clone());
    }
    let work = apply::Work {
        session,
        options,
        found: &found,
        plan: &plan,
        me: &me,
        ui,
        interrupt,
        now,
    };
    let kept = work.take_away().await?;
    if options.dry_run == DryRun::Server {
        ui.answer(render::plan(options, record, &plan, now)?)?;
        return Ok(Exit::Done);
    }
    let progress = ui.progress(format!("asking what {user} may still do"));
    let proof = interrupt.guard(prove::prove(session, user, &plan)).await?;
    drop(progress);
    let report = render::Report::new(options, &kept.record, &plan, proof, archived, now);
    report.show_proof(ui);
    work.close(kept, report.is_clean()).await?;
    ui.answer(report.render(&options.output)?)?;
    session.finish()?;
    Ok(report.exit())
}

/// Offboards one of many whom a file does not declare any more; that was asked for already.
///
/// # Errors
///
/// What could not be taken away.
pub async fn prune(onboarder: &Onboarder<'_>, user: UserName, write: &WriteArgs) -> Result<Exit> {
    let options = Options {
        user,
        keep_namespace: false,
        archive: None,
        dry_run: DryRun::None,
        yes: true,
        output: OutputArgs::default(),
        writer: Writer {
            field_manager: product::field_manager(write.field_manager.clone()),
            dry_run: false,
            force_conflicts: write.force_conflicts,
        },
    };
    end(
        &options,
        onboarder.session,
        &onboarder.ui.muted(),
        onboarder.interrupt,
    )
    .await
}

fn confirm(user: &UserName, plan: &decide::Plan, ui: &Ui) -> Result<()> {
    let namespace = match &plan.namespace {
        NamespaceEnd::Deleted { metadata, .. } => format!(
            " and delete namespace {:?}",
            metadata.name.as_deref().unwrap_or_default()
        ),
        _ => String::new(),
    };
    if ui.confirm(&format!("Remove {user}'s access{namespace}?"))? {
        Ok(())
    } else {
        Err(Error::failed("nothing was done: the answer was no"))
    }
}

/// Finds out who runs this and whether she may do all of it.
async fn may(session: &Session, options: &Options) -> Result<String> {
    let me = access::who_am_i(session).await?.username;
    let missing = access::missing(session, &required(options)).await?;
    if missing.is_empty() {
        Ok(me)
    } else {
        Err(access::refused(&missing, &me, "groundcrew-offboarder"))
    }
}

fn required(options: &Options) -> Vec<Access> {
    let csr = "certificatesigningrequests.certificates.k8s.io";
    let mut all: Vec<Access> = ["pods", "persistentvolumeclaims", "services", csr]
        .map(|resource| Access::new("list", resource))
        .into();
    for resource in ["rolebindings", "clusterrolebindings"] {
        let resource = format!("{resource}.rbac.authorization.k8s.io");
        all.extend(["list", "get", "patch", "delete"].map(|verb| Access::new(verb, &resource)));
    }
    all.extend(["get", "list"].map(|verb| Access::new(verb, "namespaces")));
    if !options.keep_namespace {
        all.push(Access::new("delete", "namespaces"));
    }
    all.push(Access::new("update", &format!("{csr}/approval")));
    all.push(
        Access::new("approve", "signers.certificates.k8s.io")
            .named("kubernetes.io/kube-apiserver-client"),
    );
    all.push(Access::new(
        "create",
        "subjectaccessreviews.authorization.k8s.io",
    ));
    let system = |verb, resource| Access::new(verb, resource).within(SYSTEM_NAMESPACE);
    all.extend(["get", "create", "update"].map(|verb| system(verb, "configmaps")));
    all.extend(["get", "delete"].map(|verb| system(verb, "serviceaccounts")));
    all.extend(["list", "delete"].map(|verb| system(verb, "secrets")));
    all
}
