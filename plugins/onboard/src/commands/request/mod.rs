//! `kubectl onboard request`: her half of the hand-over. The key is made on her machine and stays
//! there; what leaves is a request, which holds no secret.

pub mod render;

use std::path::PathBuf;

use clap::Args;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::{Globals, OutputArgs};
use groundcrew::ui::Ui;

use crate::commands::request::render::Made;
use crate::local::new_file::{exists, make_directory, write_new};
use crate::model::credential::KeyAndRequest;
use crate::model::signing_request::file_name;
use crate::model::user::UserName;

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
