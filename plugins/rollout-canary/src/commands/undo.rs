//! `undo`: back to an earlier revision that the Deployment's controller keeps.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::cluster::{Attempt, retry_on_conflict};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, Format};
use groundcrew::output::{Document, json, yaml};
use serde::Serialize;
use serde_json::Value;

use crate::cluster::deployment;
use crate::cluster::write::{self, Written};
use crate::commands::flags::{Common, DryRunArgs};
use crate::drive::give_back::give_back;
use crate::drive::session::Open;
use crate::model::kind::Kind;
use crate::model::object::{revision, without_hash};
use crate::model::snapshot::Snapshot;
use crate::model::{change, ownership, patch};

/// Roll a Deployment without a canary back to an earlier revision
///
/// This is `kubectl rollout undo` with a check of the resource version; annotations stay as they
/// are. It is refused while a canary is under way: abort that first.
#[derive(Args, Debug)]
pub struct UndoArgs {
    /// Revision to go back to [default: the previous one]
    #[arg(long, value_name = "NUMBER")]
    to_revision: Option<u64>,

    #[command(flatten)]
    dry: DryRunArgs,

    #[command(flatten)]
    common: Common,
}

/// What is to be done.
#[derive(Debug)]
enum Decision {
    /// Nothing: the revision is the current one.
    Unchanged(u64),
    /// The template of a revision is put back.
    Back {
        revision: u64,
        operations: Vec<Value>,
        /// Images that the last `kubectl apply` states otherwise.
        applied: Vec<String>,
    },
}

/// What was done, for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Undone<'a> {
    deployment: &'a str,
    namespace: &'a str,
    revision: u64,
    outcome: Outcome,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Unchanged,
    Configured,
}

/// Goes back to a revision.
///
/// # Errors
///
/// That a canary is under way, or that there is no such revision; what the server says.
pub async fn run(args: UndoArgs, frame: &Frame) -> Result<Exit> {
    let open = args.dry.written(args.common.open(frame).await?)?;
    let dry_run = args.dry.mode();
    let what = format!("deployment {}", open.target.name);
    let decision = retry_on_conflict(what, &frame.interrupt, async || {
        let found = look(&open).await?;
        let before = ownership::others(&found.deployment);
        let decision = decide(&found, args.to_revision, &open)?;
        let done = match (&decision, dry_run) {
            (Decision::Unchanged(_), _) | (_, Some(DryRun::Client)) => true,
            (Decision::Back { operations, .. }, _) => {
                send(&open, operations, dry_run.is_some(), &before).await?
            }
        };
        Ok(if done {
            Attempt::Done(decision)
        } else {
            Attempt::Raced
        })
    })
    .await?;
    tell(&decision, &open, &args, frame)
}

async fn look(open: &Open) -> Result<Snapshot> {
    if open.store.read(&open.session).await?.0.is_some() {
        return Err(
            Error::conflict(format!("{} has a canary under way", open.target.name)).with_hint(
                format!("roll it back first:  {}", open.target.words("abort", "")),
            ),
        );
    }
    deployment::cluster(&open.session, &open.target).await
}

fn decide(cluster: &Snapshot, to: Option<u64>, open: &Open) -> Result<Decision> {
    let current = without_hash(&cluster.deployment["spec"]["template"]);
    let template = |set: &Value| without_hash(&set["spec"]["template"]);
    let mut sets: Vec<&Value> = cluster.sets.values().collect();
    sets.sort_by_key(|set| std::cmp::Reverse(revision(set)));
    let mut sets = sets.into_iter();
    let found = match to {
        Some(number) => sets.find(|set| revision(set) == number),
        None => sets.find(|set| template(set) != current),
    };
    let set = found.ok_or_else(|| {
        let which = to.map_or_else(
            || "earlier revision".to_owned(),
            |number| format!("revision {number}"),
        );
        Error::usage(format!("deployment {} has no {which}", open.target.name))
            .with_hint(format!("see them:  {}", open.target.words("history", "")))
    })?;
    let (revision, template) = (revision(set), template(set));
    if template == current {
        return Ok(Decision::Unchanged(revision));
    }
    let operations = patch::retemplate(&cluster.deployment, &template);
    Ok(Decision::Back {
        revision,
        operations,
        applied: applied_otherwise(&cluster.deployment, &template),
    })
}

/// Returns the images of a template that the last `kubectl apply` states otherwise; nothing where nobody
/// applied it in that way.
fn applied_otherwise(deployment: &Value, template: &Value) -> Vec<String> {
    let key = "kubectl.kubernetes.io/last-applied-configuration";
    let last = deployment["metadata"]["annotations"][key].as_str();
    let last: Option<Value> = last.and_then(|text| serde_json::from_str(text).ok());
    last.map_or_else(Vec::new, |last| {
        change::new_images(template, &last["spec"]["template"])
    })
}

/// Sends the patch; says whether it met the Deployment that it was made for.
async fn send(open: &Open, operations: &[Value], dry_run: bool, before: &[Value]) -> Result<bool> {
    match write::send(&open.session, &open.target, operations, dry_run).await? {
        Written::Done(_) if dry_run => Ok(true),
        Written::Done(object) => {
            let seen = deployment::json(&object)?;
            let names = std::slice::from_ref(&open.target.manager);
            give_back(&open.session, &open.target, seen, (before, names)).await?;
            Ok(true)
        }
        Written::LookAgain => Ok(false),
        Written::Blind(why) => Err(Error::failed(why)),
    }
}

fn tell(decision: &Decision, open: &Open, args: &UndoArgs, frame: &Frame) -> Result<Exit> {
    let name = &open.target.name;
    let (revision, outcome) = match decision {
        Decision::Unchanged(revision) => (*revision, Outcome::Unchanged),
        Decision::Back { revision, .. } => (*revision, Outcome::Configured),
    };
    if let Decision::Back { applied, .. } = decision
        && !applied.is_empty()
    {
        frame.ui.warning(format_args!(
            "the last kubectl apply stated {}: applying that file again brings it back",
            applied.join(", ")
        ));
    }
    let undone = Undone {
        deployment: name,
        namespace: &open.target.namespace,
        revision,
        outcome,
        dry_run: args.dry.mode().is_some(),
    };
    frame.ui.answer(match args.common.output.format {
        Format::Json => json(&Document::new(Kind::CanaryUndo, &undone))?,
        Format::Yaml => yaml(&Document::new(Kind::CanaryUndo, &undone))?,
        Format::Name => format!("deployment.apps/{name}\n"),
        Format::Table | Format::Wide => {
            let suffix = args.dry.mode().unwrap_or_default().suffix();
            match outcome {
                Outcome::Unchanged => format!(
                    "deployment.apps/{name} unchanged: revision {revision} is the current one{suffix}\n"
                ),
                Outcome::Configured => {
                    format!("deployment.apps/{name} rolled back to revision {revision}{suffix}\n")
                }
            }
        }
    })?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_applied_otherwise_is_told() {
        let template =
            |image: &str| json!({"spec": {"containers": [{"name": "web", "image": image}]}});
        let applied = json!({"spec": {"template": template("w:2")}}).to_string();
        let deployment = json!({"metadata": {"annotations":
            {"kubectl.kubernetes.io/last-applied-configuration": applied}}});
        assert_eq!(
            applied_otherwise(&deployment, &template("w:1")),
            ["web=w:2"]
        );
        assert!(applied_otherwise(&deployment, &template("w:2")).is_empty());
        assert!(applied_otherwise(&json!({}), &template("w:1")).is_empty());
    }
}
