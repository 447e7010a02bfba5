//! `kubectl onboard request`: her half of the hand-over. The key is made on her machine and stays
//! there; what leaves is a request, which holds no secret.

mod check;
mod render;
mod signature;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{Globals, OutputArgs};
use groundcrew::ui::Ui;

pub use check::HerRequest;

use crate::credential::KeyAndRequest;
use crate::identity::UserName;

/// Make your own key and a request for a certificate, without a cluster
///
/// The key stays in the file that is written here, for its owner alone. Give the request to an
/// admin of the cluster, and join the certificate that comes back with the key:
/// `kubectl onboard accept`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RequestArgs {
    /// Your user name, as the admin knows it
    #[arg(id = "who", value_name = "USER")]
    who: String,

    /// Directory for the key and the request; made if it is not there
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    out_dir: PathBuf,

    /// Which certificate of yours this is; the admin's run says which number is next
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    generation: u32,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,
}

const EXAMPLES: &str = "\
Examples:
  kubectl onboard request alice                            # you: alice.key stays, alice.csr goes
  kubectl onboard alice --csr-file alice.csr               # the admin: alice.crt comes back
  kubectl onboard accept alice.crt --merge                 # you";

/// What was made.
#[derive(Debug)]
struct Made {
    user: UserName,
    generation: u32,
    key: PathBuf,
    request: PathBuf,
    fingerprint: String,
}

/// Makes the key and the request.
///
/// # Errors
///
/// Usage, when a file is there already: a key is never overwritten.
pub fn run(args: &RequestArgs, ui: &Ui) -> Result<Exit> {
    let user = UserName::parse(&args.who)?;
    let generation = args.generation;
    let directory = &args.out_dir;
    make_directory(directory)?;
    let file = |extension| directory.join(file_name(&user, generation, extension));
    let (key, request) = (file("key"), file("csr"));
    for path in [&key, &request] {
        if path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
    }
    let pair = KeyAndRequest::new(user.as_str(), &[user.generation_group(generation)])?;
    write_new(&key, pair.key_pem(), true)?;
    if let Err(error) = write_new(&request, pair.request_pem(), false) {
        // Nobody has seen what belongs to this key.
        let _ = std::fs::remove_file(&key);
        return Err(error);
    }
    let made = Made {
        fingerprint: pair.fingerprint().to_owned(),
        user,
        generation,
        key,
        request,
    };
    ui.answer(made.render(&args.output)?)?;
    Ok(Exit::Done)
}

/// Returns `alice.csr`, and `alice.g3.csr` for a later generation, so that no key is in the way of
/// another.
#[must_use]
pub fn file_name(user: &UserName, generation: u32, extension: &str) -> String {
    let slug = user.slug();
    if generation == 1 {
        format!("{slug}.{extension}")
    } else {
        format!("{slug}.g{generation}.{extension}")
    }
}

fn make_directory(directory: &Path) -> Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(directory).map_err(|error| {
        Error::usage(format!("cannot make directory {}", directory.display()))
            .with_source(error)
            .with_hint("name another one with --out-dir")
    })
}

/// Writes a file that must not be there yet, whole or not at all.
///
/// # Errors
///
/// Usage, when it is there; what the file system says.
pub fn write_new(path: &Path, text: &str, private: bool) -> Result<()> {
    let failed = |error: io::Error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            exists(path)
        } else {
            Error::failed(format!("cannot write {}", path.display())).with_source(error)
        }
    };
    let directory = crate::kubeconfig::parent(path);
    // Made with O_EXCL and mode 0600 before its first byte is written.
    let mut file = tempfile::Builder::new()
        .prefix(".onboard-")
        .tempfile_in(directory)
        .map_err(failed)?;
    #[cfg(unix)]
    if !private {
        use std::os::unix::fs::PermissionsExt as _;
        let public = std::fs::Permissions::from_mode(0o644);
        file.as_file().set_permissions(public).map_err(failed)?;
    }
    #[cfg(not(unix))]
    let _ = private;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist_noclobber(path)
        .map(drop)
        .map_err(|error| failed(error.error))
}

fn exists(path: &Path) -> Error {
    Error::usage(format!("{} is there already", path.display()))
        .with_hint("if its certificate is still to come, send its request again")
        .with_hint("otherwise name another directory with --out-dir, or another --generation")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_generation_has_files_of_its_own() {
        let user = UserName::parse("alice").unwrap();
        assert_eq!(file_name(&user, 1, "key"), "alice.key");
        assert_eq!(file_name(&user, 3, "key"), "alice.g3.key");
        // No other user can have that name.
        let other = UserName::parse("alice.g3").unwrap();
        assert_ne!(file_name(&other, 1, "key"), "alice.g3.key");
    }

    #[test]
    fn nothing_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("alice.key");
        write_new(&path, "one", true).unwrap();
        let error = write_new(&path, "two", true).unwrap_err();
        assert_eq!(error.kind(), groundcrew::error::Kind::Usage);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one");
    }
}
