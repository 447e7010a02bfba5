//! `kubectl onboard request`: the user's half of the handover. The key is created on the user's
//! machine and stays there; only a request leaves it, which contains no secret.

pub mod render;

use groundcrew::app::Frame;
use std::path::PathBuf;

use clap::Args;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::OutputArgs;

use crate::commands::request::render::Made;
use crate::local::new_file::{exists, make_directory, write_new};
use crate::model::credential::KeyAndRequest;
use crate::model::signing_request::file_name;
use crate::model::user::UserName;

/// Create your own key and a certificate request, without a cluster
///
/// The key stays in a file here that only you can read. Send the request to an admin of the
/// cluster, and combine the certificate that comes back with the key:
/// `kubectl onboard accept`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RequestArgs {
    /// Your user name, as the admin knows it
    #[arg(id = "who", value_name = "USER")]
    who: String,

    /// Directory for the key and the request; created if it does not exist
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    out_dir: PathBuf,

    /// Number of this certificate of yours; the admin's run tells you which one is next
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    generation: u32,

    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "\
Examples:
  kubectl onboard request alice                            # you: keep alice.key, send alice.csr
  kubectl onboard alice --csr-file alice.csr               # the admin: sends alice.crt back
  kubectl onboard accept alice.crt --merge                 # you";

/// Creates the key and the request.
///
/// # Errors
///
/// Usage, when a file already exists: a key is never overwritten.
pub fn run(args: &RequestArgs, frame: &Frame) -> Result<Exit> {
    let ui = &frame.ui;
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
        // No one has seen the request that belongs to this key.
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
