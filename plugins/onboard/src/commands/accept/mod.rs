//! `kubectl onboard accept`: combines the certificate that came back with the key that never left.

pub mod combine;
pub mod prove;
pub mod render;

use crate::local::kubeconfig::file;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use groundcrew::app::{Frame, Interrupt};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::Span;
use groundcrew::flags::{OutputArgs, duration};
use groundcrew::output::path_word;
use groundcrew::ui::Ui;
use jiff::Timestamp;

use crate::commands::accept::combine::Joined;
use crate::commands::accept::render::Accepted;
use crate::local::kubeconfig::own::Own;
use crate::local::kubeconfig::{existing, own};
use crate::model::check::Check;
use crate::model::kubeconfig;
use crate::model::kubeconfig::{Document, Existing};
use crate::model::way;

/// Combine your certificate and key into a kubeconfig, and check that it works
///
/// FILE is what the admin sent back for the request that `kubectl onboard request` wrote. It is
/// checked before anything is written: the certificate must be for your key, valid now, and match
/// the rest of the file.
///
/// With `--merge`, the entries go into your own kubeconfig: to `--kubeconfig`, or to the file in
/// $KUBECONFIG that has them, or else to the first one that exists, under the lock that kubectl
/// uses. Nothing else in it changes, and the current context stays.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct AcceptArgs {
    /// The certificate file that the admin sent back
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,

    /// Your key [default: FILE with .key in place of .crt, next to it or in this directory]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    key: Option<PathBuf>,

    /// Where to write the kubeconfig [default: ./USER.kubeconfig]
    #[arg(short = 'O', long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: Option<PathBuf>,

    /// Merge it into your own kubeconfig instead of writing a new file
    #[arg(long, conflicts_with = "out")]
    merge: bool,

    /// Name of the cluster in your kubeconfig [default: the admin's name for it]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    cluster_name: Option<String>,

    /// Replace an existing file or conflicting entries
    #[arg(long)]
    force: bool,

    /// How long to wait for a lock, and for the rights to take effect
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::positive)]
    timeout: Span,

    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "\
Examples:
  kubectl onboard accept alice.crt
  kubectl onboard accept alice.crt --key ~/keys/alice.key --merge

Exit codes:
  0 done   1 failed   2 usage, nothing changed   3 done, but a check failed
  4 done, but the server could not be reached   5 an existing entry conflicts, or a lock is held
  130 interrupted: run it again, it continues from what is there";

/// Accepts.
///
/// # Errors
///
/// Why nothing was written.
pub async fn run(args: &AcceptArgs, frame: &Frame) -> Result<Exit> {
    let (ui, interrupt) = (&frame.ui, &frame.interrupt);
    let mut joined = Joined::read(&args.file, args.key.as_deref())?;
    if let Some(name) = &args.cluster_name {
        way::cluster_name(name).map_err(|why| Error::usage(format!("--cluster-name: {why}")))?;
        joined.head.cluster.clone_from(name);
    }
    if let Some(mode) = exposed(&joined.key_path) {
        ui.warning(format_args!(
            "{} can be read by others (mode {mode:o})",
            joined.key_path.display()
        ));
        ui.hint(format_args!("chmod 600 {}", path_word(&joined.key_path)));
    }
    let document = joined.document()?;
    let tuning = frame.kube.tuning();
    // Whether the certificate is valid is a matter of the server's clock, not of this machine's.
    let asking = prove::clock(&document, &args.file, tuning, ui);
    let clock = interrupt.guard(async { Ok(asking.await) }).await?;
    joined.check_time(&args.file, clock.as_ref())?;
    let now = clock.map_or_else(Timestamp::now, |clock| clock.now());
    let place = if args.merge {
        let own = Own::find(frame.kube.kubeconfig.as_deref())?;
        Place::Own(own)
    } else {
        let path = args.out.clone();
        Place::File(path.unwrap_or_else(|| kubeconfig::default_path(&joined.user)))
    };
    let path = write(&place, args, &joined, &document, ui, interrupt).await?;
    if let Some(mode) = exposed(&path) {
        ui.warning(format_args!(
            "{} now holds your key and can be read by others (mode {mode:o})",
            path.display()
        ));
        ui.hint(format_args!("chmod 600 {}", path_word(&path)));
    }
    let proof = prove::prove(&joined, &document, &path, tuning, args.timeout.0, ui);
    let mut checks = interrupt.guard(proof).await?;
    if let Some(off) = clock.and_then(|clock| clock.off()) {
        let off = format!("{off} the server's");
        ui.warning(format_args!("this machine's clock is {off}"));
        ui.hint(
            "correct it: programs that trust it call the certificate expired, or not valid yet",
        );
        checks.push(Check::undecided("this machine's clock", off));
    }
    if let Place::Own(own) = &place {
        keep(own, args, &joined, ui, interrupt).await?;
    }
    let accepted = Accepted::new(&joined, &path, args.merge, &checks, now);
    ui.answer(accepted.render(&args.output)?)?;
    Ok(Check::exit(&checks))
}

/// Where the credential goes.
enum Place {
    /// A file of its own.
    File(PathBuf),
    /// The user's own kubeconfig.
    Own(Own),
}

async fn write(
    place: &Place,
    args: &AcceptArgs,
    joined: &Joined,
    document: &Document,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<PathBuf> {
    let path = match place {
        Place::Own(own) => {
            let entries = joined.entries();
            let merged = own.merge(&entries, args.force, args.timeout.0);
            let merged = interrupt.guard(merged).await?;
            for file in &merged.comments_lost {
                ui.warning(format_args!(
                    "{} is not laid out as kubectl writes it: its comments and layout are lost",
                    file.display()
                ));
            }
            ui.done(
                format_args!("{} {}", merged.user_file.display(), merged.word()),
                format_args!("context {}", joined.context()),
            );
            return Ok(merged.user_file);
        }
        Place::File(path) => path,
    };
    let replace = match existing::look(path, &joined.user, &joined.head.cluster)? {
        Existing::Absent => false,
        Existing::Theirs(held) if held.sha256.as_deref() == Some(&joined.issued.sha256) => {
            ui.done(
                format_args!("{} unchanged", path.display()),
                "already has this certificate",
            );
            return Ok(path.clone());
        }
        Existing::Theirs(_) | Existing::Foreign(_) | Existing::Login if args.force => true,
        Existing::Login => {
            return Err(Error::usage(format!(
                "{} holds a login, not a certificate",
                path.display()
            ))
            .with_hint("pass --force to replace it, or name another file with --out"));
        }
        Existing::Theirs(held) => {
            return Err(Error::usage(format!(
                "{} holds the certificate of generation {}",
                path.display(),
                held.generation
            ))
            .with_hint("pass --force to replace it, or name another file with --out"));
        }
        Existing::Foreign(why) => {
            return Err(Error::usage(format!(
                "{} exists and is not yours for this cluster: {why}",
                path.display()
            ))
            .with_hint("name another file with --out, or pass --force to overwrite it"));
        }
    };
    file::write(document, path, replace)?;
    ui.done(
        format_args!("{} written", path.display()),
        format_args!("context {}", joined.context()),
    );
    Ok(path.clone())
}

/// Checks again that the entries are still there.
///
/// `kubectl config` reads before it takes its lock, and removes what it did not see then
/// (`ModifyConfig` in client-go): run at the same time, it drops these entries.
async fn keep(
    own: &Own,
    args: &AcceptArgs,
    joined: &Joined,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<()> {
    let entries = joined.entries();
    for _ in 0..own::ATTEMPTS {
        let merged = own.merge(&entries, args.force, args.timeout.0);
        let merged = interrupt.guard(merged).await?;
        if !merged.changed {
            return Ok(());
        }
        ui.status("another program had removed the new entries; they are back.");
        tokio::time::sleep(own::SETTLE).await;
    }
    Err(
        Error::conflict("another program keeps removing the new entries from your kubeconfig")
            .with_hint("stop it, then run this again"),
    )
}

/// Returns the mode of a file that others may read.
fn exposed(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
        (mode & 0o077 != 0).then_some(mode)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}
