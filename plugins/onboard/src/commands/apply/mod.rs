//! `kubectl onboard apply -f team.yaml`: many people, declared in one file.

pub mod file;

use std::path::{Path, PathBuf};

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, OutputArgs, WriteArgs};
use groundcrew::limits;
use groundcrew::output::path_word;

use crate::cluster::onboarding::onboarder::Onboarder;
use crate::cluster::onboarding::{many, onboarder};
use crate::cluster::people;
use crate::commands::apply::file::Team;
use crate::local::delivery::Files;
use crate::model::onboarding::options::{Options, Proxy, Way};
use crate::model::onboarding::summary;
use crate::model::onboarding::summary::{Ended, plan_exit};
use crate::model::user::UserName;

/// Onboard everyone declared in a file
///
/// Checks everyone first and shows what would change, then applies it, a few users at a time; a
/// failure for one user does not stop the others. Users who are up to date cost no write. With
/// `--prune`, users that an earlier version of the file declared are offboarded.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ApplyArgs {
    /// File of kind Onboarding; - reads standard input
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    filename: PathBuf,

    /// Offboard users that the file no longer declares
    #[arg(long)]
    prune: bool,

    /// Directory for the kubeconfigs
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    out_dir: PathBuf,

    /// Proxy for the users, or none [default: the one in your kubeconfig, without a password]
    #[arg(long, value_name = "URL")]
    user_proxy: Option<Proxy>,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "\
Examples:
  kubectl onboard apply -f team.yaml --out-dir ./kubeconfigs
  kubectl onboard apply -f team.yaml --dry-run=client
  kubectl onboard apply -f team.yaml --prune --yes

A file:
  apiVersion: groundcrew.dev/v1alpha1
  kind: Onboarding
  metadata: {name: payments}
  defaults: {team: payments, profile: small}
  people:
  - user: alice
  - user: bob@example.com
    role: view
    join: [shared-tools:view]

Exit codes:
  0 done   1 failed for some users   2 usage error, nothing done
  3 a check failed for some users   4 not everything could be checked   130 interrupted; run it again";

/// Applies a file; `offboard` ends the access of a user that the file no longer declares.
///
/// # Errors
///
/// Why nothing was done; what fails for one person is part of the answer.
pub async fn run(
    args: ApplyArgs,
    offboard: impl AsyncFn(&Onboarder<'_>, UserName, &WriteArgs) -> Result<Exit>,
    frame: &Frame,
) -> Result<Exit> {
    let (ui, interrupt) = (&frame.ui, &frame.interrupt);
    let ApplyArgs {
        filename,
        prune,
        out_dir,
        user_proxy,
        write,
        output,
    } = args;
    let text = read(&filename)?;
    let team = file::parse(&text, &filename, &out_dir)?;
    if !out_dir.is_dir() {
        return Err(
            Error::usage(format!("{} is not a directory", out_dir.display()))
                .with_hint(format!("mkdir -p {}", path_word(&out_dir))),
        );
    }
    let session = interrupt.guard(frame.connect()).await?;
    let Team { name, entries } = team;
    let people: Vec<(String, Option<u64>, Result<Options>)> = entries
        .into_iter()
        .map(|entry| {
            let options = entry.options.map(|options| Options {
                way: Way {
                    server: frame.kube.server.clone(),
                    proxy: user_proxy.clone(),
                },
                ..options.written(&write)
            });
            (entry.user, Some(entry.line), options)
        })
        .collect();
    let valid: Vec<&Options> = people
        .iter()
        .filter_map(|(_, _, options)| options.as_ref().ok())
        .collect();
    let me = interrupt.guard(onboarder::may(&session, &valid)).await?;
    let pruned = if prune {
        let declared: Vec<&str> = people.iter().map(|(user, ..)| user.as_str()).collect();
        interrupt
            .guard(undeclared(&session, &name, &declared))
            .await?
    } else {
        Vec::new()
    };
    let onboarder = Onboarder {
        session: &session,
        me: &me,
        tuning: frame.kube.tuning(),
        delivery: &Files,
        ui,
        interrupt,
    };
    let progress = ui.progress("checking everyone");
    let crew = many::survey(&onboarder, people).await;
    drop(progress);
    let users: Vec<String> = pruned.iter().map(ToString::to_string).collect();
    if write.dry_run != DryRun::None {
        let crew = if write.dry_run == DryRun::Server {
            ui.status("not checked: the contents of namespaces that do not exist yet.");
            let _progress = ui.progress("asking the server");
            many::rehearse(&onboarder, crew).await
        } else {
            crew
        };
        ui.answer(summary::plan(&crew, &users, &output)?)?;
        return Ok(plan_exit(&crew));
    }
    ui.status(summary::plan(&crew, &users, &OutputArgs::default())?.trim_end());
    if !pruned.is_empty() {
        let question = format!(
            "End the access of {} and delete what is in their namespaces?",
            users.join(", ")
        );
        frame.confirm(&question, write.yes)?;
    }
    let bar = ui.bar("onboarding", crew.len() as u64);
    let mut ended = many::carry_out(&onboarder, crew, &bar).await;
    drop(bar);
    for user in pruned {
        let name = user.to_string();
        ended.push(end(name, offboard(&onboarder, user, &write).await));
    }
    many::tell(&ended, &filename.display().to_string(), ui);
    ui.answer(summary::report(&ended, &output)?)?;
    session.finish()?;
    Ok(summary::exit(&ended))
}

fn read(path: &Path) -> Result<String> {
    let bytes = if path == Path::new("-") {
        limits::read(std::io::stdin().lock(), limits::MANIFESTS)
    } else {
        limits::file(path, limits::MANIFESTS)
    };
    let bytes = bytes.map_err(|error| {
        Error::usage(format!("cannot read {}", path.display())).with_source(error)
    })?;
    groundcrew::manifest::text(&bytes)
        .map(std::borrow::Cow::into_owned)
        .map_err(|why| Error::usage(format!("{}: {why}", path.display())))
}

/// Returns the users that this file declared before and no longer declares.
async fn undeclared(session: &Session, name: &str, declared: &[&str]) -> Result<Vec<UserName>> {
    let found = people::all(session).await?;
    if let Some(why) = found.unreadable.first() {
        return Err(
            Error::failed("--prune needs every record, but one cannot be read")
                .with_detail(why.clone()),
        );
    }
    found
        .known
        .iter()
        .map(|(record, _)| record)
        .filter(|record| record.ended.is_none())
        .filter(|record| record.settings.declared_by.as_deref() == Some(name))
        .filter(|record| !declared.contains(&record.user.as_str()))
        .map(|record| UserName::parse(&record.user))
        .collect()
}

/// Tells how the offboarding of somebody ended.
fn end(name: String, result: Result<Exit>) -> Ended {
    match result {
        Ok(exit) => Ended {
            user: name,
            line: None,
            namespace: None,
            result: if exit == Exit::Done {
                "offboarded"
            } else {
                "unproved"
            },
            kubeconfig: None,
            reason: (exit != Exit::Done)
                .then(|| "some access is left: see kubectl onboard offboard".to_owned()),
            exit,
        },
        Err(error) => summary::failed(name, None, &error),
    }
}
