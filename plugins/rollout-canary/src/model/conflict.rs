//! What somebody else did, and how to go on: told as an error by who drives, and as a finding by
//! `doctor`.

use groundcrew::error::Error;
use groundcrew::plural::count;

use crate::model::names::MARKER;
use crate::model::target::Target;

/// What somebody else did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The Deployment is another one under the same name.
    Recreated,
    /// It is gone or being deleted.
    Deleted,
    /// `spec.template` is neither the stable nor the canary's.
    Template,
    /// Fields that this run set are not what they were: their names.
    Fields(Vec<&'static str>),
    /// `kubectl rollout resume` on a parked canary: the native way back.
    Resumed,
    /// Somebody took the marker away or put another one there.
    Marker,
    /// A third ReplicaSet has pods.
    ThirdSet(String),
    /// The canary's pods are gone although nobody drives that way (scaled to zero and back).
    Vanished,
    /// It was scaled to zero.
    ScaledToZero,
    /// Admission in the cluster changes these fields of what is written, so that it is not what was
    /// sent.
    Admission(Vec<String>),
    /// Something changes the ReplicaSets that the controller makes: it makes others without end.
    ReplicaSets,
    /// What was written is undone by somebody, again and again.
    Undone,
    /// The ReplicaSets have other sizes than the controller gave them, and nothing moves: stable and
    /// canary pods.
    Sizes(i32, i32),
}

/// One way to go on: what it does, and the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    what: &'static str,
    command: String,
}

impl std::fmt::Display for Remedy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:  {}", self.what, self.command)
    }
}

impl Conflict {
    /// Says what was done to a Deployment.
    #[must_use]
    pub fn what(&self, target: &Target) -> String {
        let name = &target.name;
        match self {
            Self::Recreated => {
                format!("deployment {name} is not the one that the canary was started on")
            }
            Self::Deleted => format!("deployment {name} is being deleted"),
            Self::Template => format!(
                "someone else changed the template of deployment {name}; nothing more is written"
            ),
            Self::Resumed => format!(
                "someone else resumed deployment {name}, which rolls the canary back; nothing more \
                 is written"
            ),
            Self::Fields(fields) => format!(
                "someone else changed {} of deployment {name}; nothing more is written",
                fields.join(", ")
            ),
            Self::Marker => format!(
                "someone else removed or changed the label {MARKER} of deployment {name}; nothing \
                 more is written"
            ),
            Self::ThirdSet(set) => format!(
                "replicaset {set} has pods too: another rollout is under way; nothing more is \
                 written"
            ),
            Self::Vanished => {
                format!("the canary pods of deployment {name} are gone; all pods are stable")
            }
            Self::Admission(fields) => format!(
                "admission in this cluster changes what is written to deployment {name}: {}; it was \
                 written twice, and nothing more is written",
                fields.join(", ")
            ),
            Self::ReplicaSets => format!(
                "something in this cluster changes the ReplicaSets of deployment {name}: its \
                 controller creates one after the other; nothing more is written"
            ),
            Self::Undone => format!(
                "what is written to deployment {name} is undone by someone else, again and again; \
                 nothing more is written"
            ),
            Self::Sizes(stable, canary) => format!(
                "the ReplicaSets of deployment {name} were scaled by someone else to {} and {}, and its \
                 controller leaves them so; nothing more is written",
                count(*stable, "stable pod"),
                count(*canary, "canary pod")
            ),
            Self::ScaledToZero => format!(
                "deployment {name} is scaled to zero, and the canary is over: the pods that come \
                 back are stable"
            ),
        }
    }

    /// Returns the ways to go on, the gentlest first.
    #[must_use]
    pub fn remedies(&self, target: &Target) -> Vec<Remedy> {
        let one = |what, command, rest| Remedy {
            what,
            command: target.words(command, rest),
        };
        let overwrite = one("restore what was there", "abort", "--force-conflicts");
        match self {
            Self::Recreated => vec![one("delete the record", "doctor", "--fix")],
            Self::Deleted => Vec::new(),
            Self::Template => vec![one("roll theirs out", "abort", "--keep-spec"), overwrite],
            Self::Resumed => vec![one("finish that", "abort", "")],
            // The way back is written, as admission lets it be: what is left is to give it back.
            Self::Admission(fields)
                if fields
                    .iter()
                    .all(|field| field.starts_with("spec.template")) =>
            {
                vec![one(
                    "accept what admission makes of the stable template",
                    "abort",
                    "--keep-spec",
                )]
            }
            Self::Admission(_) | Self::ReplicaSets | Self::Undone => vec![
                one(
                    "change the policy, then try again",
                    "abort",
                    "--force-conflicts",
                ),
                one("do it without this plugin", "break-glass", ""),
            ],
            Self::Sizes(..) => vec![
                one("move to another weight", "", "WEIGHT"),
                one("roll back", "abort", ""),
            ],
            Self::Fields(_) | Self::Marker | Self::ThirdSet(_) => vec![overwrite],
            Self::Vanished | Self::ScaledToZero => vec![one("clean up", "abort", "")],
        }
    }
}

/// Returns the error for what somebody else did, and how to go on.
#[must_use]
pub fn told(conflict: &Conflict, target: &Target) -> Error {
    let mut error = Error::conflict(conflict.what(target));
    if *conflict == Conflict::Vanished {
        error = error
            .with_detail("this happens when it is scaled to zero, or below what its share needs");
    }
    let remedies = conflict.remedies(target).into_iter();
    remedies.fold(error, |error, remedy| error.with_hint(remedy.to_string()))
}
