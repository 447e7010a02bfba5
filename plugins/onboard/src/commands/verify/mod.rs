//! `kubectl onboard verify`: what a file identifies and can do, or what a user can do, without
//! their file. Nothing is written: the one pod is a server-side dry run.

pub mod document;
pub mod file;
pub mod judge;
pub mod observe;
pub mod render;

use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::client::clock;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::OutputArgs;
use jiff::Timestamp;

use crate::cluster::people;
use crate::model::record::unknown;
use crate::model::user::UserName;

/// Check what a kubeconfig, or a user, can and cannot do
///
/// With a FILE: shows whose it is, what it can do, until when, and whether its generation was
/// revoked or replaced, as far as your own session may read the record. With a USER: shows the
/// same without their key, by asking the authorizer about every generation on record.
///
/// An argument is a FILE if it has a path separator or a kubeconfig's extension, or names a file
/// here; anything else is a USER.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct VerifyArgs {
    /// A user on record, or a kubeconfig file
    #[arg(value_name = "USER|FILE", add = people::names())]
    subject: String,

    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "\
Examples:
  kubectl onboard verify alice
  kubectl onboard verify ./alice.kubeconfig
  kubectl onboard verify alice -o json

Exit codes:
  0 works, and is as expected   1 failed   2 usage
  3 not as expected: revoked, expired, or with too many rights
  4 as expected as far as could be checked, but not everything could be";

/// Extensions that a kubeconfig has, and a user name hardly.
const ENDINGS: [&str; 4] = ["kubeconfig", "yaml", "yml", "conf"];

/// Verifies.
///
/// # Errors
///
/// What the server says; usage when the file or the name cannot be one.
pub async fn run(args: VerifyArgs, frame: &Frame) -> Result<Exit> {
    let (ui, interrupt) = (&frame.ui, &frame.interrupt);
    let VerifyArgs { subject, output } = args;
    let moment;
    let verification = match target(&subject, Path::is_file) {
        Target::File(path) => {
            let own = frame.connect().await;
            let now = match &own {
                Ok(session) => interrupt.guard(clock::read(session)).await.ok(),
                Err(_) => None,
            };
            // Without a server the file alone can be looked at, by the clock that there is.
            let now = now.map_or_else(Timestamp::now, |clock| clock.now());
            moment = now;
            interrupt
                .guard(file::verify(&path, own, frame.kube.tuning(), ui, now))
                .await?
        }
        Target::User(name) => {
            let user = UserName::parse(&name)?;
            let session = frame.connect().await?;
            let looking =
                futures::future::try_join(observe::person(&session, &user), clock::read(&session));
            let (found, clock) = interrupt.guard(looking).await?;
            let now = clock.now();
            moment = now;
            let found = found.ok_or_else(|| unknown(&user))?;
            let questions = judge::questions(&user, &found, now);
            let answers = interrupt
                .guard(async { Ok(observe::ask(&session, &questions).await) })
                .await?;
            judge::person(&user, &found, &questions, &answers, now)
        }
    };
    ui.answer(render::verification(&verification, &output, moment)?)?;
    Ok(verification.exit())
}

#[derive(Debug, PartialEq, Eq)]
enum Target {
    File(PathBuf),
    User(String),
}

fn target(word: &str, is_file: impl Fn(&Path) -> bool) -> Target {
    let path = Path::new(word);
    let ending = path.extension().and_then(|ending| ending.to_str());
    let looks_like_a_file = word.contains(['/', MAIN_SEPARATOR])
        || ending.is_some_and(|ending| ENDINGS.contains(&ending))
        || is_file(path);
    if looks_like_a_file {
        Target::File(path.to_owned())
    } else {
        Target::User(word.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_file_when_it_looks_like_one_or_is_one() {
        let file = |word: &str, exists| matches!(target(word, |_| exists), Target::File(_));
        assert!(file("./alice", false));
        assert!(file("alice.kubeconfig", false));
        assert!(file("alice", true));
        assert!(!file("alice", false));
        assert!(!file("alice@example.com", false));
    }
}
