//! `kubectl onboard offboard`: takes a user's access away and proves that none is left.

pub mod apply;
pub mod archive;
pub mod decide;
pub mod discovery;
pub mod left;
pub mod observe;
pub mod options;
pub mod prove;
pub mod render;
pub mod steps;

use std::path::{Path, PathBuf};

use clap::Args;
use groundcrew::app::{Frame, Interrupt};
use groundcrew::client::access::Access;
use groundcrew::client::{Session, access, clock};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, Format, OutputArgs, WriteArgs};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::ui::Ui;
use groundcrew::write::Writer;

use crate::cluster::onboarding::onboarder::Onboarder;
use crate::cluster::people;
use crate::commands::offboard::options::Options;
use crate::commands::offboard::prove::Proof;
use crate::commands::offboard::render::count_of;
use crate::commands::offboard::steps::Kind;
use crate::model::left::merged;
use crate::model::product;
use crate::model::record::Record;
use crate::model::user::UserName;

/// Remove a user's access and prove it
///
/// Finds every RoleBinding and ClusterRoleBinding in the cluster that names the user or one of
/// their generations, the Secrets behind their tokens, their open certificate requests and their
/// namespace; shows all of this, asks, and removes it. Then asks the server about every verb of
/// every namespaced resource, under the user's name and with every group they ever had. If
/// anything is still allowed, the exit code is 3 and the binding that allows it is named.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct OffboardArgs {
    /// The users whose access to remove, one after the other
    #[arg(id = "who", value_name = "USER", required = true, num_args = 1.., add = people::names())]
    who: Vec<String>,

    /// Keep the user's namespace and everything in it
    #[arg(long, conflicts_with = "archive")]
    keep_namespace: bool,

    /// Save everything in the user's namespace as YAML in this directory before it is deleted,
    /// Secrets included
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    archive: Option<PathBuf>,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "\
Examples:
  kubectl onboard offboard alice
  kubectl onboard offboard alice --archive ./alice --yes
  kubectl onboard offboard alice bob --keep-namespace
  kubectl onboard offboard alice --dry-run=client -o json

Exit codes:
  0 no access is left   1 failed   2 usage, nothing changed   3 some access is left, and is named
  4 not everything could be asked   5 someone else changed it   130 interrupted; run it again";

/// Takes access away.
///
/// # Errors
///
/// Why nothing, or not everything, was taken away; a second run continues from there.
pub async fn run(args: OffboardArgs, frame: &Frame) -> Result<Exit> {
    let (ui, interrupt) = (&frame.ui, &frame.interrupt);
    let OffboardArgs {
        who,
        keep_namespace,
        archive,
        write,
        output,
    } = args;
    let users = who.iter().map(|name| UserName::parse(name));
    let users = users.collect::<Result<Vec<_>>>()?;
    if users.len() > 1 && matches!(output.format, Format::Json | Format::Yaml) {
        return Err(Error::usage("-o json and yaml take one user at a time"));
    }
    let session = interrupt.guard(frame.connect()).await?;
    let mut worst = Exit::Done;
    for user in users {
        let options = Options {
            user,
            keep_namespace,
            archive: archive.clone(),
            dry_run: write.dry_run,
            yes: write.yes,
            output: output.clone(),
            writer: Writer {
                field_manager: product::field_manager(write.field_manager.clone()),
                dry_run: write.dry_run == DryRun::Server,
                force_conflicts: write.force_conflicts,
            },
        };
        let exit = end(&options, &session, ui, interrupt).await?;
        // Access that is left says more than what could not be asked.
        worst = match (worst, exit) {
            (Exit::No, _) | (_, Exit::No) => Exit::No,
            (Exit::Done, exit) => exit,
            (worst, _) => worst,
        };
    }
    Ok(worst)
}

async fn end(options: &Options, session: &Session, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let user = &options.user;
    let me = interrupt.guard(may(session, options)).await?;
    let progress = ui.progress(format!("looking for everything that gives {user} access"));
    let looking = futures::future::try_join(observe::find(session, user), clock::read(session));
    let (found, clock) = interrupt.guard(looking).await?;
    drop(progress);
    let now = clock.now();
    let plan = decide::plan(user, &found, options.keep_namespace, now)?;
    let folder = match (&options.archive, plan.deleted_namespace()) {
        (Some(directory), Some(name)) => Some(archive::check(directory, name)?),
        _ => None,
    };
    let record = found.record.as_ref().map(|found| &found.record);
    if options.dry_run == DryRun::None {
        ui.status(render::loses(options, record, &plan, now).trim_end());
        if !plan.is_empty() && !options.yes {
            confirm(user, &plan, ui)?;
        }
    }
    let earlier = record.and_then(|record| record.ended.as_ref());
    let earlier = earlier.map_or(&[][..], |ended| &ended.could_have_left);
    let left = if options.dry_run == DryRun::None {
        let looking = left::could_be_left(session, user, &found, &plan);
        merged(earlier, interrupt.guard(looking).await?)
    } else {
        Vec::new()
    };
    let work = apply::Work {
        session,
        options,
        found: &found,
        plan: &plan,
        left: &left,
        me: &me,
        ui,
        interrupt,
        now,
    };
    let kept = work.take_away().await?;
    let Some(kept) = kept.filter(|_| options.dry_run == DryRun::None) else {
        ui.answer(render::plan(options, record, &plan, now)?)?;
        return Ok(Exit::Done);
    };
    let progress = ui.progress(format!("asking what {user} may still do"));
    let proof = interrupt.guard(prove::prove(session, user, &plan)).await?;
    drop(progress);
    show_proof(user, &kept.record, &proof, ui);
    let proved = proof.exit(&plan.shared);
    let mut report = render::Report::new(options, &kept.record, &plan, proof, left.clone(), now);
    work.close(kept, proved == Exit::Done).await?;
    let mut exit = proved;
    if let (Some(folder), Some(name)) = (folder, plan.deleted_namespace()) {
        if archive_of(session, name, &folder, ui, interrupt).await? {
            work.delete_archived().await?;
            report.archived(folder);
        } else {
            report.kept_namespace();
            exit = match exit {
                Exit::Done => Exit::Incomplete,
                other => other,
            };
        }
    }
    ui.answer(report.render(&options.output, exit)?)?;
    session.finish()?;
    Ok(exit)
}

/// Saves what is in the namespace, and says whether all of it was saved.
async fn archive_of(
    session: &Session,
    name: &str,
    folder: &Path,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<bool> {
    let write = archive::write(session, name, folder, ui);
    let kept = |error: Error| {
        error
            .with_detail(format!(
                "the user's rights are gone; namespace {name:?} stays"
            ))
            .with_hint("archive it again into another directory, with --archive")
    };
    let archive = interrupt.guard(write).await.map_err(kept)?;
    for one in &archive.unread {
        ui.warning(format_args!("cannot archive {}: {}", one.what, one.why));
    }
    let objects = count_of(archive.objects, "object");
    if archive.unread.is_empty() {
        let detail = format!("{objects} in {}", folder.display());
        ui.done(format_args!("namespace/{name} archived"), detail);
        return Ok(true);
    }
    ui.warning(format_args!(
        "namespace {name:?} stays: only {objects} could be archived, in {}",
        folder.display()
    ));
    ui.hint("find the cause:  kubectl get apiservices");
    ui.hint("then archive it into another directory, or omit --archive to delete it unsaved");
    Ok(false)
}

/// Says what the server answered.
fn show_proof(user: &UserName, record: &Record, proof: &Proof, ui: &Ui) {
    let checks = proof.checks;
    if proof.allowed.is_empty() {
        let generations: Vec<String> = record
            .generations
            .iter()
            .map(|issue| format!("g{}", issue.generation))
            .collect();
        let with = if generations.is_empty() {
            String::new()
        } else {
            format!(" with {}", generations.join(", "))
        };
        ui.done(
            "verified",
            format!("{checks} permission checks as {user}{with}: all denied"),
        );
    } else {
        let left: usize = proof.allowed.iter().map(|one| one.permissions).sum();
        ui.warning(format_args!(
            "{left} of {checks} permission checks as {user} are allowed"
        ));
    }
    for one in &proof.unseen {
        ui.warning(format_args!("cannot check {}: {}", one.what, one.why));
    }
}

/// Offboards a user that a file no longer declares; consent was given already.
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
    let namespace = plan
        .deleted_namespace()
        .map(|name| format!(" and delete namespace {name:?}"))
        .unwrap_or_default();
    if ui.confirm(&format!("Remove {user}'s access{namespace}?"))? {
        Ok(())
    } else {
        Err(Error::failed("aborted; nothing was changed"))
    }
}

/// Finds out who runs this and whether they may do all of it.
async fn may(session: &Session, options: &Options) -> Result<String> {
    let me = access::who_am_i(session).await?.username;
    let missing = access::missing(session, &required(options)).await?;
    if missing.is_empty() {
        Ok(me)
    } else {
        Err(access::refused(&missing, &me, "groundcrew-offboarder"))
    }
}

/// Returns what looking at everything takes, and what every kind of step takes that may follow.
fn required(options: &Options) -> Vec<Access> {
    let csr = "certificatesigningrequests.certificates.k8s.io";
    let mut all: Vec<Access> = ["pods", "persistentvolumeclaims", "services", csr]
        .map(|resource| Access::new("list", resource))
        .into();
    for resource in ["rolebindings", "clusterrolebindings"] {
        let resource = format!("{resource}.rbac.authorization.k8s.io");
        all.push(Access::new("list", &resource));
    }
    all.extend(["get", "list"].map(|verb| Access::new(verb, "namespaces")));
    all.push(Access::new(
        "create",
        "subjectaccessreviews.authorization.k8s.io",
    ));
    let system = |verb, resource| Access::new(verb, resource).within(SYSTEM_NAMESPACE);
    all.push(system("get", "configmaps"));
    all.push(system("get", "serviceaccounts"));
    all.push(system("list", "secrets"));
    for kind in Kind::all(options.keep_namespace) {
        let needed = kind.rights().into_iter();
        let new: Vec<Access> = needed.filter(|access| !all.contains(access)).collect();
        all.extend(new);
    }
    all
}
