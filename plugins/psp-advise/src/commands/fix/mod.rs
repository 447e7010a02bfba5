//! `kubectl psp-advise fix`: the smallest changes that let manifests and objects pass.

mod apply;
mod decide;
mod observe;
mod render;

use clap::{Args, ValueEnum};
use groundcrew::app::Frame;
use groundcrew::client::Session;
use groundcrew::error::{Error, Kind, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::WriteArgs;
use groundcrew::ui::Ui;
use psp_advise::model::advice::Grade;
use psp_advise::model::fix::Wanted;
use psp_advise::model::level::{Level, LevelVersion, Version};

use super::flags;
use crate::cluster::version::{self, Choice};
use crate::local::files::FileArgs;
use apply::Applier;
use observe::Found;
use render::Format;

/// Show or apply the smallest changes that let pods and templates pass
///
/// Works on manifests with -f, otherwise on the objects of the namespace. Comments, order, anchors
/// and line endings are kept. Every change is parsed and evaluated again before it is shown.
/// Changes that may alter behavior are made only with --risk all, and a volume is never removed.
///
/// With --apply, patches the objects in the cluster; with -f, those that the manifests name. The
/// server checks every patch first, and nothing is written if it refuses one. A patch applies only
/// to the version that was read: a change in the meantime is a conflict.
#[derive(Args, Debug)]
pub struct FixArgs {
    /// Level to reach
    #[arg(long, value_name = "LEVEL", value_enum, default_value = "restricted")]
    to: Target,

    /// Version of the standards: latest or v1.31 [default: the server's newest, pinned]
    #[arg(long = "version", id = "policy-version", value_name = "VERSION")]
    version: Option<Version>,

    /// API server version to decide as: v1.31, or cluster [default: the cluster's; with -f, the
    /// newest known]
    #[arg(long, value_name = "VERSION", value_parser = version::parse)]
    server_version: Option<Choice>,

    /// Riskiest kind of change to make; check is right for most programs
    #[arg(long, value_name = "RISK", value_enum, default_value = "check")]
    risk: Risk,

    /// Form of the changes; inplace changes the files
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "diff")]
    format: Format,

    /// Patch the objects in the cluster; the server checks all patches first
    #[arg(long, conflicts_with = "format")]
    apply: bool,

    /// With --apply, patch the others even if the server refuses one
    #[arg(long, requires = "apply")]
    keep_going: bool,

    #[command(flatten)]
    files: FileArgs,

    #[command(flatten)]
    write: WriteArgs,
}

/// `--to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Known privilege escalations go.
    Baseline,
    /// Pods are hardened.
    Restricted,
}

impl Target {
    fn level(self) -> Level {
        match self {
            Self::Baseline => Level::Baseline,
            Self::Restricted => Level::Restricted,
        }
    }
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

impl Risk {
    /// Returns the riskiest grade of a change that is made.
    fn most(self) -> Grade {
        match self {
            Self::Safe => Grade::Safe,
            Self::Check => Grade::Check,
            Self::All => Grade::Behavior,
        }
    }
}

/// Fixes.
///
/// # Errors
///
/// A path that is not there, or a file that cannot be written.
pub async fn run(args: FixArgs, frame: &Frame) -> Result<Exit> {
    let of_files = !args.files.filename.is_empty();
    if !of_files && args.format == Format::Inplace {
        return Err(
            Error::usage("--format inplace changes manifests, and no -f was given")
                .with_hint("-f FILE changes files; --apply changes the objects in the cluster"),
        );
    }
    let needed = args.apply || !of_files;
    let (session, server) = flags::open(args.server_version, needed, frame).await?;
    let wanted = Wanted {
        policy: LevelVersion::new(
            args.to.level(),
            args.version.unwrap_or(Version::Minor(server.minor())),
        ),
        server,
        most: args.risk.most(),
        custom: &args.files.pod_template_path,
    };
    let found = match &session {
        Some(session) if needed => {
            let found = observe::objects(session, &args.files, wanted);
            frame.interrupt.guard(found).await?
        }
        _ => observe::manifests(&args.files, wanted)?,
    };
    match &session {
        Some(session) if args.apply => patch(&args, session, wanted, found, frame).await,
        _ => show(&args, wanted, found, &frame.ui),
    }
}

/// Patches the objects of the cluster.
async fn patch(
    args: &FixArgs,
    session: &Session,
    wanted: Wanted<'_>,
    found: Found,
    frame: &Frame,
) -> Result<Exit> {
    let ui = &frame.ui;
    warn(&found.unreadable, ui);
    let failing = render::summary(&found.changed, wanted.policy, ui);
    if !found.unreadable.is_empty() && !args.keep_going {
        return Err(Error::new(
            Kind::Incomplete,
            "nothing was changed, because some manifests could not be read",
        )
        .with_hint("--keep-going patches the others"));
    }
    let applier = Applier {
        session,
        wanted,
        field_manager: flags::field_manager(&args.write, frame),
        keep_going: args.keep_going,
    };
    let steps = decide::steps(found.live);
    let exit = applier.run(steps, &args.write, frame).await?;
    session.finish()?;
    Ok(match exit {
        Exit::Done | Exit::No if !found.unreadable.is_empty() => Exit::Incomplete,
        Exit::Done if failing > 0 => Exit::No,
        other => other,
    })
}

/// Shows the changes, or makes them in the files.
fn show(args: &FixArgs, wanted: Wanted<'_>, found: Found, ui: &Ui) -> Result<Exit> {
    let Found {
        changed,
        mut unreadable,
        ..
    } = found;
    unreadable.extend(render::unsaid(&changed, args.format));
    warn(&unreadable, ui);
    if args.format == Format::Inplace {
        apply::files(&changed, args.write.dry_run, ui)?;
    } else {
        ui.answer(render::render(&changed, args.format)?)?;
    }
    let failing = render::summary(&changed, wanted.policy, ui);
    Ok(if !unreadable.is_empty() {
        Exit::Incomplete
    } else if failing > 0 {
        Exit::No
    } else {
        Exit::Done
    })
}

fn warn(unreadable: &[String], ui: &Ui) {
    for line in unreadable {
        ui.warning(format_args!("skipped: {line}"));
    }
}
