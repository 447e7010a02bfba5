//! `kubectl onboard apply -f team.yaml`: many people, declared in one file.

pub mod crew;
mod file;
mod render;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::client::{self, Session};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, Globals, KubeArgs, OutputArgs, WriteArgs};
use groundcrew::ui::Ui;
use jiff::Timestamp;

use crate::identity::UserName;
use crate::offboard;
use crate::options::{Mode, Options};
use crate::people;
use crate::run::{self, Host, product};
use crew::{Ended, Member};
use file::Team;

/// Onboard everybody whom a file declares
///
/// Looks at everybody first and shows what would change, then does it, a few people at a time; the
/// failure of one stops nobody else. Who is as she should be costs no write. With `--prune`, whom
/// this file declared before and declares no more is offboarded.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ApplyArgs {
    /// The file, of kind Onboarding; - reads standard input
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    filename: PathBuf,

    /// Offboard whom the file declared before and declares no more
    #[arg(long)]
    prune: bool,

    /// Where the kubeconfigs go
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    out_dir: PathBuf,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
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
  0 done   1 failed for somebody, the rest is done   2 usage, nothing done
  3 a check failed for somebody   4 not all could be tried   130 interrupted; run it again";

/// Applies a file.
///
/// # Errors
///
/// Why nothing was done; what fails for one person is part of the answer.
pub async fn run(args: ApplyArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let ApplyArgs {
        filename,
        prune,
        out_dir,
        write,
        output,
        globals: _,
        kube,
    } = args;
    let text = read(&filename)?;
    let team = file::parse(&text, &filename, &out_dir)?;
    if !out_dir.is_dir() {
        return Err(
            Error::usage(format!("{} is not a directory", out_dir.display()))
                .with_hint(format!("mkdir -p {}", out_dir.display())),
        );
    }
    let session = interrupt
        .guard(client::connect(&kube, &product(), ui))
        .await?;
    let Team { name, entries } = team;
    let people: Vec<(String, Option<u64>, Result<Options>)> = entries
        .into_iter()
        .map(|entry| {
            let options = entry.options.map(|options| settled(options, &write, &kube));
            (entry.user, Some(entry.line), options)
        })
        .collect();
    let valid: Vec<&Options> = people
        .iter()
        .filter_map(|(_, _, options)| options.as_ref().ok())
        .collect();
    let me = interrupt.guard(run::may(&session, &valid)).await?;
    let pruned = if prune {
        let declared: Vec<&str> = people.iter().map(|(user, ..)| user.as_str()).collect();
        interrupt
            .guard(undeclared(&session, &name, &declared))
            .await?
    } else {
        Vec::new()
    };
    let host = Host {
        session: &session,
        me: &me,
        tuning: kube.tuning(),
        ui,
        interrupt,
    };
    let progress = ui.progress("looking at everybody");
    let crew = crew::survey(&host, people).await;
    drop(progress);
    let users: Vec<String> = pruned.iter().map(ToString::to_string).collect();
    if write.dry_run != DryRun::None {
        // What a server would check further depends on namespaces that are not there yet.
        ui.answer(render::plan(&crew, &users, &output)?)?;
        return Ok(plan_exit(&crew));
    }
    ui.status(render::plan(&crew, &users, &OutputArgs::default())?.trim_end());
    if !pruned.is_empty() && !write.yes {
        confirm(&users, ui)?;
    }
    let bar = ui.bar("onboarding", crew.len() as u64);
    let mut ended = crew::carry_out(&host, crew, &bar).await;
    drop(bar);
    for user in pruned {
        ended.push(end(&host, user, &write).await);
    }
    crew::tell(&ended, &filename.display().to_string(), ui);
    ui.answer(render::report(&ended, &output)?)?;
    session.finish()?;
    Ok(crew::exit(&ended))
}

/// Ends the credentials whose grace is over: of one person, or of everybody.
///
/// # Errors
///
/// What the server says; what fails for one person is part of the answer.
pub async fn retire(
    who: Option<&UserName>,
    write: &WriteArgs,
    kube: &KubeArgs,
    output: &OutputArgs,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Exit> {
    let session = interrupt
        .guard(client::connect(kube, &product(), ui))
        .await?;
    let found = interrupt.guard(people::all(&session)).await?;
    for why in &found.unreadable {
        ui.warning(why);
    }
    let now = Timestamp::now();
    let mut due = Vec::new();
    for (record, _) in &found.known {
        let over = record.generations.iter().any(|issue| issue.is_due(now));
        let meant = who.is_none_or(|who| who.as_str() == record.user);
        if meant && record.ended.is_none() && over {
            let options = UserName::parse(&record.user).map(|user| Options {
                mode: Mode::Retire,
                ..settled(Options::of(user), write, kube)
            });
            due.push((record.user.clone(), None, options));
        }
    }
    if due.is_empty() {
        ui.status("no credential's grace is over.");
    }
    let valid: Vec<&Options> = due
        .iter()
        .filter_map(|(_, _, options)| options.as_ref().ok())
        .collect();
    let me = interrupt.guard(run::may(&session, &valid)).await?;
    let host = Host {
        session: &session,
        me: &me,
        tuning: kube.tuning(),
        ui,
        interrupt,
    };
    let crew = crew::survey(&host, due).await;
    if write.dry_run != DryRun::None {
        ui.answer(render::plan(&crew, &[], output)?)?;
        return Ok(plan_exit(&crew));
    }
    let bar = ui.bar("ending old credentials", crew.len() as u64);
    let ended = crew::carry_out(&host, crew, &bar).await;
    drop(bar);
    crew::tell(&ended, "", ui);
    ui.answer(render::report(&ended, output)?)?;
    session.finish()?;
    Ok(match crew::exit(&ended) {
        Exit::Done if !found.unreadable.is_empty() => Exit::Incomplete,
        exit => exit,
    })
}

fn settled(options: Options, write: &WriteArgs, kube: &KubeArgs) -> Options {
    Options {
        dry_run: write.dry_run,
        field_manager: run::field_manager(write.field_manager.clone()),
        force_conflicts: write.force_conflicts,
        server: kube.server.clone(),
        ..options
    }
}

fn plan_exit(crew: &[Member]) -> Exit {
    if crew.iter().any(|member| member.task.is_err()) {
        Exit::Failed
    } else {
        Exit::Done
    }
}

fn read(path: &Path) -> Result<String> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|error| Error::usage(format!("cannot read {}", path.display())).with_source(error))
}

/// Returns whom this file declared before, and declares no more.
async fn undeclared(session: &Session, name: &str, declared: &[&str]) -> Result<Vec<UserName>> {
    let found = people::all(session).await?;
    if let Some(why) = found.unreadable.first() {
        return Err(
            Error::failed("--prune needs every record, and one cannot be read")
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

fn confirm(users: &[String], ui: &Ui) -> Result<()> {
    let question = format!(
        "End the access of {} and delete what is in their namespaces?",
        users.join(", ")
    );
    if ui.confirm(&question)? {
        Ok(())
    } else {
        Err(Error::failed("nothing was done: the answer was no"))
    }
}

async fn end(host: &Host<'_>, user: UserName, write: &WriteArgs) -> Ended {
    let name = user.to_string();
    match offboard::prune(host, user, write).await {
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
                .then(|| "something is left: look with kubectl onboard offboard".to_owned()),
            exit,
        },
        Err(error) => crew::failed(name, None, &error),
    }
}
