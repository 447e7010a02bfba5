//! `kubectl psp-advise fix`: the smallest changes that let manifests pass.

mod render;
mod write;

use clap::{Args, ValueEnum};
use groundcrew::app::Interrupt;
use groundcrew::client;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{Globals, KubeArgs};
use groundcrew::ui::Ui;
use psp_advise::advice::Grade;
use psp_advise::fix::{FixedObject, Wanted, fix_document};
use psp_advise::manifest::split;
use psp_advise::standards::{Level, LevelVersion, Server, Version};

use crate::cli::product;
use crate::files::{self, File, FileArgs};
use crate::server::{self, Choice};

/// Show or make the smallest changes that let manifests pass
///
/// Comments, order, anchors and line ends stay. What is shown was read again and decided again
/// first. What changes behaviour is left alone unless --risk all says otherwise, and a volume is
/// never taken away.
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
    if args.files.filename.is_empty() {
        return Err(Error::usage("which manifests to fix is not stated")
            .with_hint("kubectl psp-advise fix -f deploy/ -R --to restricted"));
    }
    let server = match args.server_version {
        Some(Choice::Stated(server)) => server,
        Some(Choice::Cluster) => {
            let product = product();
            let session = client::connect(&args.kube, &product, ui);
            let session = interrupt.guard(session).await?;
            interrupt.guard(server::ask(&session)).await?
        }
        None => Server::default(),
    };
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
    let (changed, mut unreadable) = change(&args.files, wanted)?;
    unreadable.extend(render::unsaid(&changed, args.format));
    for line in &unreadable {
        ui.warning(format_args!("left alone: {line}"));
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
