//! `kubectl ns-claim transfer`: a claim changes hands.

use clap::Args;
use groundcrew::app::{Frame, Interrupt};
use groundcrew::client::Session;
use groundcrew::client::access::{self, Access};
use groundcrew::cluster::{Attempt, Objects, retry_on_conflict};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, Format, OutputArgs, WriteArgs};
use groundcrew::output::{Document, json, yaml};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::ListParams;
use serde::Serialize;

mod decide;

use super::answer;
use crate::cluster::claims;
use crate::cluster::index::{self, Change};
use crate::cluster::records::{records, writer};
use crate::model::claim::Claim;
use crate::model::index::Index;
use crate::model::kind::Kind;
use crate::model::meta;
use crate::model::note::Note;
use crate::model::objects::{self, Holder, record};
use crate::model::steps::Outcome;
use crate::model::view::View;
use decide::{Leftover, Theirs};

/// Transfer a claim to another user
///
/// The new owner gets the rights and the previous one loses them, in bindings of their own making too;
/// the expiry stays. Everybody else who keeps rights in it is named (exit 3). For admins. To finish an
/// interrupted transfer, run the command again.
#[derive(Args, Debug)]
pub struct TransferArgs {
    /// Name of the claim
    #[arg(value_name = "NAME", add = claims::names())]
    name: String,

    /// User name of the new owner
    #[arg(long, value_name = "USER")]
    to: String,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// One thing that a transfer changes.
struct Step {
    what: What,
    outcome: Outcome,
}

enum What {
    /// The owner in the namespace's annotation.
    Owner,
    /// The owner in the index.
    Entry,
    /// The binding that gives the owner their rights.
    Binding {
        wanted: Box<RoleBinding>,
        found: Option<Box<RoleBinding>>,
    },
    /// Another binding that names the previous owner.
    Theirs(Box<Theirs>),
}

/// The claim and who else has rights in it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Transferred<'a> {
    #[serde(flatten)]
    view: &'a View,
    leftovers: &'a [Leftover],
}

/// Transfers.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: TransferArgs, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    if args.to.is_empty() {
        return Err(Error::usage("--to must not be empty"));
    }
    let session = frame.connect().await?;
    let look = async {
        let (index, clock) = index::read(&session).await?;
        let claim = claims::read(&session, &args.name).await?;
        let binding = bindings(&session, &args.name)
            .find(meta::OWNER_BINDING)
            .await;
        // Owners may not read it; the first step tells them why they may not transfer.
        let binding = match binding {
            Err(error) if error.is_forbidden() => None,
            found => Some(found?),
        };
        let all = match bindings(&session, &args.name).list().await {
            Err(error) if error.is_forbidden() => Vec::new(),
            found => found?,
        };
        let tokens = tokens(&session, &args.name).await?;
        Ok((index, clock, claim, binding, all, tokens))
    };
    let (index, clock, mut claim, binding, all, tokens) = interrupt.guard(look).await?;
    let dry_run = args.write.dry_run;
    let previous = claim.owner.clone().filter(|owner| *owner != args.to);
    let mut steps = steps(&claim, &index, binding, &args.to);
    let theirs = decide::theirs(&all, previous.as_deref());
    steps.extend(theirs.into_iter().map(|theirs| Step {
        outcome: match theirs.others.is_empty() {
            true => Outcome::Deleted,
            false => Outcome::Configured,
        },
        what: What::Theirs(Box::new(theirs)),
    }));
    let rights: Vec<Access> = steps
        .iter()
        .flat_map(|step| step.rights(&session, &args.name))
        .collect();
    let missing = interrupt.guard(access::missing(&session, &rights)).await?;
    access::refuse(&session, &missing, "claim-transferrer").await?;
    for step in steps {
        let object = step.object(&args.name);
        let outcome = match step.what {
            What::Owner => {
                let decide = |_: &Claim, _: Option<&Note>| Ok(Note::Owner(args.to.clone()));
                let (now, outcome) =
                    claims::annotate(&session, interrupt, claim, &args.write, decide).await?;
                claim = now;
                outcome
            }
            _ if dry_run == DryRun::Client || step.outcome == Outcome::Unchanged => step.outcome,
            What::Entry => {
                hold(&session, interrupt, &args.name, &args.to, dry_run).await?;
                step.outcome
            }
            What::Binding { wanted, found } => {
                if step.outcome == Outcome::Unseen {
                    bindings(&session, &args.name)
                        .find(meta::OWNER_BINDING)
                        .await?;
                }
                bind(&session, &args.name, &wanted, found.as_deref(), dry_run).await?;
                step.outcome
            }
            What::Theirs(theirs) => {
                take(&session, interrupt, &args.name, *theirs, dry_run).await?;
                step.outcome
            }
        };
        answer::told(ui, object, outcome, dry_run);
    }
    let view = View::of(&claim, &index.settings, clock.now());
    let known = tokens.as_deref().unwrap_or_default();
    let left = decide::leftovers(&args.name, &all, known, previous.as_deref(), &args.to);
    for Leftover { object, why, fix } in &left {
        ui.warning(format_args!("{object} {why}"));
        ui.hint(format_args!("if that is not meant:  {fix}"));
    }
    let text = match args.output.format {
        Format::Json | Format::Yaml => {
            let transferred = Transferred {
                view: &view,
                leftovers: &left,
            };
            let document = Document::new(Kind::Claim, &transferred);
            match args.output.format {
                Format::Json => json(&document)?,
                _ => yaml(&document)?,
            }
        }
        Format::Name => format!("namespace/{}\n", view.name),
        Format::Table | Format::Wide => {
            format!("{} is {}'s{}\n", view.name, args.to, dry_run.suffix())
        }
    };
    ui.answer(text)?;
    session.finish()?;
    if tokens.is_none() {
        ui.warning("secrets with tokens of service accounts could not be listed");
        return Ok(Exit::Incomplete);
    }
    Ok(match left.is_empty() {
        true => Exit::Done,
        false => Exit::No,
    })
}

/// Returns the Secrets with tokens of service accounts, each with the account; `None` where they may
/// not be listed. Of their content nothing is kept.
async fn tokens(session: &Session, name: &str) -> Result<Option<Vec<(String, String)>>> {
    let of_tokens = ListParams::default().fields("type=kubernetes.io/service-account-token");
    let secrets = session.in_(name).of::<Secret>();
    let found = match secrets.list_metadata(&of_tokens).await {
        Err(error) if error.is_forbidden() => return Ok(None),
        found => found?,
    };
    let named = found.into_iter().filter_map(|metadata| {
        let notes = metadata.annotations.unwrap_or_default();
        let account = notes.get("kubernetes.io/service-account.name")?;
        Some((metadata.name?, account.clone()))
    });
    Ok(Some(named.collect()))
}

/// Takes the previous owner out of a binding, or the binding away when it is for nobody else. What was
/// changed since it was read is read again.
async fn take(
    session: &Session,
    interrupt: &Interrupt,
    name: &str,
    theirs: Theirs,
    dry_run: DryRun,
) -> Result<()> {
    let bindings = bindings(session, name);
    let writer = writer(dry_run);
    let mut read = theirs.binding.metadata.clone();
    let binding = read.name.clone().unwrap_or_default();
    retry_on_conflict(
        format!("rolebinding/{name}/{binding}"),
        interrupt,
        async || {
            let written = if theirs.others.is_empty() {
                bindings.delete(&writer, &read).await.map(drop)
            } else {
                let patch = serde_json::json!({"subjects": theirs.others});
                bindings.merge(&writer, &read, patch).await.map(drop)
            };
            match written {
                Ok(()) => Ok(Attempt::Done(())),
                Err(error) if error.is_not_found() => Ok(Attempt::Done(())),
                Err(error) if error.is_conflict() => match bindings.find(&binding).await? {
                    Some(again) if again.subjects == theirs.binding.subjects => {
                        read = again.metadata;
                        Ok(Attempt::Raced)
                    }
                    Some(_) => Err(error),
                    None => Ok(Attempt::Done(())),
                },
                Err(error) => Err(error),
            }
        },
    )
    .await
}

impl Step {
    /// Returns the rights that the step takes; none when nothing is to be done.
    fn rights(&self, session: &Session, name: &str) -> Vec<Access> {
        let bindings = bindings(session, name);
        match (&self.what, self.outcome) {
            (_, Outcome::Unchanged) => Vec::new(),
            (What::Owner, _) => vec![claims::right_to(session, "patch", name)],
            (What::Entry, _) => vec![records(session).right("patch").named(meta::INDEX)],
            (What::Binding { found: Some(_), .. }, _) => {
                vec![
                    bindings.right("delete").named(meta::OWNER_BINDING),
                    bindings.right("create"),
                ]
            }
            (What::Binding { .. }, _) => vec![bindings.right("create")],
            (What::Theirs(theirs), outcome) => {
                let verb = match outcome {
                    Outcome::Deleted => "delete",
                    _ => "patch",
                };
                let binding = theirs.binding.metadata.name.clone().unwrap_or_default();
                vec![bindings.right(verb).named(binding)]
            }
        }
    }
}

impl Step {
    fn object(&self, name: &str) -> String {
        match &self.what {
            What::Owner => format!("namespace/{name}"),
            What::Entry => record(meta::INDEX),
            What::Binding { .. } => format!("rolebinding/{name}/{}", meta::OWNER_BINDING),
            What::Theirs(theirs) => {
                let binding = theirs.binding.metadata.name.as_deref().unwrap_or_default();
                format!("rolebinding/{name}/{binding}")
            }
        }
    }
}

/// Decides what is to be done; `found` is the owner's binding, if it may be read. Pure.
fn steps(claim: &Claim, index: &Index, found: Option<Option<RoleBinding>>, to: &str) -> Vec<Step> {
    let name = &claim.name;
    let role = &index.settings.owner_role;
    let holder = [Holder::User(to.to_owned())];
    let wanted = objects::role_binding(meta::OWNER_BINDING, name, role, &holder);
    let changed = |is_so: bool| match is_so {
        true => Outcome::Unchanged,
        false => Outcome::Configured,
    };
    let binding = match &found {
        None => Outcome::Unseen,
        Some(None) => Outcome::Created,
        Some(Some(found)) => {
            changed(found.subjects == wanted.subjects && found.role_ref == wanted.role_ref)
        }
    };
    vec![
        Step {
            what: What::Owner,
            outcome: changed(Note::Owner(to.to_owned()).is_on(claim)),
        },
        Step {
            what: What::Entry,
            outcome: changed(index.holders.get(name).map(String::as_str) == Some(to)),
        },
        Step {
            what: What::Binding {
                wanted: Box::new(wanted),
                found: found.flatten().map(Box::new),
            },
            outcome: binding,
        },
    ]
}

fn bindings(session: &Session, name: &str) -> Objects<RoleBinding> {
    session.in_(name).of()
}

/// Puts the new owner into the index.
async fn hold(
    session: &Session,
    interrupt: &Interrupt,
    name: &str,
    to: &str,
    dry_run: DryRun,
) -> Result<()> {
    let tried = dry_run == DryRun::Server;
    let decide = |index: &Index| match index.holders.get(name) {
        Some(holder) if holder == to => Change::Keep,
        _ => Change::Put(to.to_owned()),
    };
    index::update(session, interrupt, None, name, tried, decide)
        .await
        .map(drop)
}

/// Gives the rights to the new owner alone: what a binding refers to cannot be changed.
async fn bind(
    session: &Session,
    name: &str,
    wanted: &RoleBinding,
    found: Option<&RoleBinding>,
    dry_run: DryRun,
) -> Result<()> {
    let bindings = bindings(session, name);
    let writer = writer(dry_run);
    if let Some(found) = found {
        bindings.delete(&writer, &found.metadata).await?;
        // In a dry run it is still there, and a second one cannot be made.
        if writer.dry_run {
            return Ok(());
        }
    }
    let is_mine = |found: &RoleBinding| found.subjects == wanted.subjects;
    bindings.create(&writer, wanted, is_mine).await.map(drop)
}
