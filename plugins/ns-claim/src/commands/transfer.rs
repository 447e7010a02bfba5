//! `kubectl ns-claim transfer`: a claim changes hands.

use clap::Args;
use groundcrew::app::{Frame, Interrupt};
use groundcrew::client::Session;
use groundcrew::cluster::Objects;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, OutputArgs, WriteArgs};
use k8s_openapi::api::rbac::v1::RoleBinding;

use super::answer;
use crate::cluster::claims;
use crate::cluster::index::{self, Change};
use crate::cluster::records::writer;
use crate::model::claim::Claim;
use crate::model::index::Index;
use crate::model::meta;
use crate::model::note::Note;
use crate::model::objects::{self, Holder, record};
use crate::model::steps::Outcome;
use crate::model::view::View;

/// Transfer a claim to another user
///
/// The new owner gets the rights and the previous one loses them; the expiry stays. For admins. To
/// finish an interrupted transfer, run the command again.
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
        Ok((index, clock, claim, binding))
    };
    let (index, clock, mut claim, binding) = interrupt.guard(look).await?;
    let dry_run = args.write.dry_run;
    for step in steps(&claim, &index, binding, &args.to) {
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
        };
        answer::told(ui, object, outcome, dry_run);
    }
    let view = View::of(&claim, &index.settings, clock.now());
    let word = format!("is {}'s", args.to);
    answer::claim(&view, &word, &args.write, &args.output, ui)?;
    session.finish()?;
    Ok(Exit::Done)
}

impl Step {
    fn object(&self, name: &str) -> String {
        match &self.what {
            What::Owner => format!("namespace/{name}"),
            What::Entry => record(meta::INDEX),
            What::Binding { .. } => format!("rolebinding/{name}/{}", meta::OWNER_BINDING),
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
