//! First every dry run, then the writes: nothing is written while the server refuses anything.

use groundcrew::app::Interrupt;
use groundcrew::client::errors::explain;
use groundcrew::client::{Session, outcome_unknown};
use groundcrew::error::{Error, Kind, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, WriteArgs};
use groundcrew::ui::Ui;
use groundcrew::write::is_conflict;
use psp_advise::fix::{Wanted, fix_document};
use psp_advise::manifest::split;
use serde_json::{Value, json};

use super::{Live, request};

/// What became of an object.
enum Fate {
    /// It passes, or nothing that may be changed would help.
    Unchanged,
    /// It cannot be changed where it is.
    Left(String),
    /// The server would take the change, or has taken it.
    Patched,
    /// The server does not take it.
    Refused(Error),
    /// Another one was refused, or the run was ended before.
    NotTried,
}

impl Fate {
    fn text(&self, dry_run: DryRun) -> String {
        match self {
            Self::Unchanged => "unchanged".to_owned(),
            Self::Left(why) => format!("left: {why}"),
            Self::Patched => format!("patched{}", dry_run.suffix()),
            Self::Refused(error) => format!("refused: {}", error.headline()),
            Self::NotTried => "not tried".to_owned(),
        }
    }
}

/// How objects are patched.
pub(in crate::fixing) struct Applier<'a> {
    /// The connection.
    pub(in crate::fixing) session: &'a Session,
    /// What is wanted; the server's answers are decided by it again.
    pub(in crate::fixing) wanted: Wanted<'a>,
    /// The flags.
    pub(in crate::fixing) write: &'a WriteArgs,
    /// Whether others are written although the server refuses one.
    pub(in crate::fixing) keep_going: bool,
}

impl Applier<'_> {
    /// Lets the server check every change, asks, and writes; prints what became of each object.
    ///
    /// # Errors
    ///
    /// That nobody can be asked; what the server says becomes part of the answer.
    pub(in crate::fixing) async fn run(
        &self,
        objects: &[Live],
        ui: &Ui,
        interrupt: &Interrupt,
    ) -> Result<Exit> {
        let dry_run = self.write.dry_run;
        let mut fates = Vec::new();
        for live in objects {
            fates.push(match (&live.why, changes(live)) {
                (_, None) => Fate::Unchanged,
                (Some(why), Some(_)) => Fate::Left(why.clone()),
                (None, Some(_)) if dry_run == DryRun::Client => Fate::Patched,
                (None, Some(patch)) => {
                    let sent = interrupt
                        .guard(async { Ok(self.send(live, &patch, true).await) })
                        .await?;
                    sent.map_or_else(Fate::Refused, |()| Fate::Patched)
                }
            });
        }
        let refused = fates.iter().any(|fate| matches!(fate, Fate::Refused(_)));
        let ready = fates.iter().filter(|fate| matches!(fate, Fate::Patched));
        let ready = ready.count();
        if dry_run == DryRun::None {
            let stopped = refused && !self.keep_going;
            if stopped {
                ui.warning("nothing was written, because the server refuses a part");
                ui.hint("--keep-going writes the others");
            } else if ready > 0 && !self.write.yes {
                let question = format!("Patch {ready} objects?");
                if !ui.confirm(&question)? {
                    return Err(Error::failed("nothing was done"));
                }
            }
            self.write(objects, &mut fates, stopped, interrupt).await;
        }
        for (live, fate) in objects.iter().zip(&fates) {
            ui.answer(format_args!(
                "{} {}\n",
                live.place.shown,
                fate.text(dry_run)
            ))?;
        }
        if interrupt.is_set() {
            return Err(Error::interrupted());
        }
        Ok(exit(&fates, objects))
    }

    async fn write(
        &self,
        objects: &[Live],
        fates: &mut [Fate],
        stopped: bool,
        interrupt: &Interrupt,
    ) {
        for (live, fate) in objects.iter().zip(fates) {
            if !matches!(fate, Fate::Patched) {
                continue;
            }
            let Some(patch) = changes(live) else { continue };
            // A write that began is waited for, so that its outcome is known.
            *fate = if stopped || interrupt.is_set() {
                Fate::NotTried
            } else {
                match self.send(live, &patch, false).await {
                    Ok(()) => Fate::Patched,
                    Err(error) => Fate::Refused(error),
                }
            };
        }
    }

    /// Sends a patch and decides about what the server makes of it.
    async fn send(&self, live: &Live, patch: &Value, dry_run: bool) -> Result<()> {
        let default = "kubectl-psp-advise".to_owned();
        let manager = self.write.field_manager.as_ref().unwrap_or(&default);
        let mut sent = request::patch(self.session, &live.place, patch, manager, dry_run).await;
        if sent.as_ref().is_err_and(outcome_unknown) && !dry_run {
            // The patch asks for the version that was read: it cannot be carried out twice.
            let again = request::patch(self.session, &live.place, patch, manager, false).await;
            sent = match again {
                Err(error) if is_conflict(&error) => {
                    let found = request::get(self.session, &live.place).await?;
                    if self.passes(live, &found) {
                        Ok(found)
                    } else {
                        Err(error)
                    }
                }
                other => other,
            };
        }
        let result = match sent {
            Ok(result) => result,
            Err(error) if is_conflict(&error) => {
                return Err(Error::conflict(
                    "it was changed since it was read; a second run reads it again",
                ));
            }
            Err(error) => return Err(explain(error, &live.place.doing("patch"))),
        };
        if self.passes(live, &result) {
            return Ok(());
        }
        Err(Error::failed(
            "what the server makes of the change does not pass as the change alone does; \
             something in the cluster changes it",
        ))
    }

    /// Returns whether an object is decided as its change was decided here.
    fn passes(&self, live: &Live, object: &Value) -> bool {
        let text = object.to_string();
        let after = split(&text)
            .first()
            .and_then(|chunk| fix_document(*chunk, self.wanted).ok())
            .and_then(|fixed| fixed.objects.into_iter().next())
            .map(|object| object.ops.is_empty() && object.passes);
        let wanted = live.object.as_ref().map(|object| object.passes);
        // Where something stays, what could be changed has to be changed all the same.
        after == wanted
    }
}

/// Returns the patch for exactly the object that was read. Another UID or resourceVersion is
/// answered with 409; a `test` that fails would be a 422 that does not say why.
fn changes(live: &Live) -> Option<Value> {
    let patch = live.object.as_ref()?.json_patch.as_ref()?.as_array()?;
    let metadata = &live.read["metadata"];
    let same = ["uid", "resourceVersion"].map(|field| {
        json!({"op": "replace", "path": format!("/metadata/{field}"), "value": metadata[field]})
    });
    Some(same.into_iter().chain(patch.iter().cloned()).collect())
}

fn exit(fates: &[Fate], objects: &[Live]) -> Exit {
    let refusals = || {
        fates.iter().filter_map(|fate| match fate {
            Fate::Refused(error) => Some(error.kind()),
            _ => None,
        })
    };
    if refusals().any(|kind| kind != Kind::Conflict) {
        Exit::Failed
    } else if refusals().next().is_some() {
        Exit::Conflict
    } else if fates.iter().any(|fate| matches!(fate, Fate::Left(_)))
        || objects
            .iter()
            .any(|live| live.object.as_ref().is_some_and(|object| !object.passes))
    {
        Exit::No
    } else {
        Exit::Done
    }
}
