//! `kubectl psp-advise fix`: the smallest changes that let manifests pass.

mod live;
mod render;
mod write;

use clap::{Args, ValueEnum};
use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::error::{Error, Kind, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{Globals, KubeArgs, WriteArgs};
use groundcrew::ui::Ui;
use psp_advise::advice::Grade;
use psp_advise::fix::{FixedObject, Wanted, fix_document};
use psp_advise::manifest::split;
use psp_advise::standards::{Level, LevelVersion, Version};
use psp_advise::workload::ObjectRef;

use crate::files::{self, File, FileArgs};
use crate::generate::workloads;
use crate::server::{self, Choice};
use live::apply::Applier;

/// Show or make the smallest changes that let pods and templates pass
///
/// In manifests with -f, else in the objects of the namespace. Comments, order, anchors and line ends stay. What is shown was read again and decided again
/// first. What changes behaviour is left alone unless --risk all says otherwise, and a volume is
/// never taken away.
///
/// With --apply the objects of the cluster are patched; with -f those that the manifests name.
/// The server checks every patch first, and nothing is written while it refuses one. A patch holds
/// for exactly what was read: a change in between is a conflict.
#[derive(Args, Debug)]
pub struct FixArgs {
    #[command(flatten)]
    files: FileArgs,

    /// Level to reach
    #[arg(long, value_name = "LEVEL", value_enum, default_value = "restricted")]
    to: Target,

    /// Version of the standards: latest or v1.31 [default: the server's newest, pinned]
    #[arg(long = "version", id = "policy-version", value_name = "VERSION")]
    version: Option<Version>,

    /// API server that decides: v1.31, or cluster [default: the newest known]
    #[arg(long, value_name = "VERSION", value_parser = server::parse)]
    server_version: Option<Choice>,

    /// How far changes may go: safe, check (right for most programs), all
    #[arg(long, value_name = "RISK", value_enum, default_value = "check")]
    risk: Risk,

    /// How changes are given
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "diff")]
    format: Format,

    /// Patch the objects in the cluster; the server checks all of them first
    #[arg(long, conflicts_with = "format")]
    apply: bool,

    /// With --apply, patch the others although the server refuses one
    #[arg(long, requires = "apply")]
    keep_going: bool,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

/// `--to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Known privilege escalations go.
    Baseline,
    /// Pods are hardened.
    Restricted,
}

/// `--risk`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Risk {
    /// Only what an ordinary program does not notice.
    Safe,
    /// Also what is right for most programs.
    Check,
    /// Also what takes something away.
    All,
}

/// `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A unified diff.
    Diff,
    /// The files themselves are changed.
    Inplace,
    /// Strategic merge patches.
    Strategic,
    /// JSON patches, one line per object.
    Json6902,
    /// A kustomization's list of patches.
    Kustomize,
}

/// A file with its changes.
#[derive(Debug)]
pub struct Changed {
    /// The file.
    pub file: File,
    /// Its text before.
    pub before: String,
    /// Its text after.
    pub after: String,
    /// Its objects.
    pub objects: Vec<FixedObject>,
}

/// Fixes.
///
/// # Errors
///
/// A path that is not there, or a file that cannot be written.
pub async fn run(args: FixArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let of_files = !args.files.filename.is_empty();
    if !of_files && args.format == Format::Inplace {
        return Err(
            Error::usage("--format inplace changes manifests, and none are given")
                .with_hint("-f FILE names them; --apply changes the objects in the cluster"),
        );
    }
    let needed = args.apply || !of_files;
    let (session, server) =
        server::open(args.server_version, needed, &args.kube, ui, interrupt).await?;
    let level = match args.to {
        Target::Baseline => Level::Baseline,
        Target::Restricted => Level::Restricted,
    };
    let policy = LevelVersion::new(
        level,
        args.version.unwrap_or(Version::Minor(server.minor())),
    );
    let wanted = Wanted {
        policy,
        server,
        most: match args.risk {
            Risk::Safe => Grade::Safe,
            Risk::Check => Grade::Check,
            Risk::All => Grade::Behaviour,
        },
        custom: &args.files.pod_template_path,
    };
    let (mut changed, mut unreadable) = if of_files {
        change(&args.files, wanted)?
    } else {
        (Vec::new(), Vec::new())
    };
    let mut objects = Vec::new();
    if let (true, Some(session)) = (args.apply || !of_files, &session) {
        let targets = targets(&changed, of_files, session, interrupt).await?;
        let read = live::read(session, &targets, wanted);
        (objects, changed) = interrupt.guard(read).await?;
    }
    if !args.apply {
        unreadable.extend(render::unsaid(&changed, args.format));
    }
    for line in &unreadable {
        ui.warning(format_args!("left alone: {line}"));
    }
    if args.apply {
        let failing = render::summary(&changed, policy, ui);
        if !unreadable.is_empty() && !args.keep_going {
            return Err(Error::new(
                Kind::Incomplete,
                "nothing was written, because a part could not be read",
            )
            .with_hint("--keep-going patches what could"));
        }
        let Some(session) = &session else {
            return Ok(Exit::Incomplete);
        };
        let applier = Applier {
            session,
            wanted,
            write: &args.write,
            keep_going: args.keep_going,
        };
        let exit = applier.run(&objects, ui, interrupt).await?;
        session.finish()?;
        return Ok(match exit {
            Exit::Done | Exit::No if !unreadable.is_empty() => Exit::Incomplete,
            Exit::Done if failing > 0 => Exit::No,
            other => other,
        });
    }
    if args.format == Format::Inplace {
        write::write(&changed, ui)?;
    } else {
        ui.answer(render::render(&changed, args.format)?)?;
    }
    let failing = render::summary(&changed, policy, ui);
    Ok(if !unreadable.is_empty() {
        Exit::Incomplete
    } else if failing > 0 {
        Exit::No
    } else {
        Exit::Done
    })
}

/// Returns the objects of the cluster to look at: those of the manifests, else those of the
/// namespace that nobody manages.
async fn targets(
    changed: &[Changed],
    of_files: bool,
    session: &Session,
    interrupt: &Interrupt,
) -> Result<Vec<ObjectRef>> {
    if !of_files {
        let found = interrupt.guard(workloads(session)).await?;
        return Ok(found.into_iter().map(|one| one.workload.object).collect());
    }
    let objects = changed.iter().flat_map(|one| &one.objects);
    Ok(objects
        .map(|one| {
            let mut object = one.object.clone();
            if object.namespace.is_empty() {
                object.namespace.clone_from(&session.namespace);
            }
            object
        })
        .collect())
}

/// Computes every change before anything is written.
fn change(args: &FileArgs, wanted: Wanted<'_>) -> Result<(Vec<Changed>, Vec<String>)> {
    let (mut all, mut unreadable) = (Vec::new(), Vec::new());
    files::each(args, |file| {
        let text = match file.text() {
            Ok(text) => text.to_owned(),
            Err(message) => {
                unreadable.push(format!("{}: {message}", file.name));
                return Ok(());
            }
        };
        let mut after = String::with_capacity(text.len());
        let mut position = 0;
        let mut objects = Vec::new();
        for chunk in split(&text) {
            after.push_str(&text[position..chunk.offset]);
            position = chunk.offset + chunk.text.len();
            match fix_document(chunk, wanted) {
                Ok(fixed) => {
                    after.push_str(&fixed.text);
                    objects.extend(fixed.objects);
                    let faults = fixed.unreadable.into_iter();
                    unreadable.extend(
                        faults.map(|fault| {
                            format!("{}:{}: {}", file.name, fault.line, fault.message)
                        }),
                    );
                }
                Err(fault) => {
                    after.push_str(chunk.text);
                    unreadable.push(format!("{}:{}: {}", file.name, fault.line, fault.message));
                }
            }
        }
        after.push_str(&text[position..]);
        all.push(Changed {
            file,
            before: text,
            after,
            objects,
        });
        Ok(())
    })?;
    Ok((all, unreadable))
}
