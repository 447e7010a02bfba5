//! First every dry run, then the writes: nothing is written while the server refuses anything.

use groundcrew::app::{Frame, Interrupt};
use groundcrew::client::{Session, outcome_unknown};
use groundcrew::error::{Error, Kind, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, WriteArgs};
use groundcrew::ui::Ui;
use groundcrew::write::is_conflict;
use psp_advise::model::fix::{Wanted, fix_document};
use psp_advise::model::manifest::split;
use serde_json::Value;

use super::decide::{Fate, Step};
use super::observe::{Changed, Live};
use crate::cluster::objects;
use crate::local::replace::replace;

/// Changes manifests where they are; the text of stdin goes to stdout.
///
/// # Errors
///
/// Which file cannot be written; those named before it are.
pub(super) fn files(changed: &[Changed], mode: DryRun, ui: &Ui) -> Result<()> {
    for one in changed {
        let Some(file) = &one.file else { continue };
        let Some(path) = &file.path else {
            ui.answer(&one.after)?;
            continue;
        };
        if one.before == one.after {
            continue;
        }
        if mode == DryRun::None {
            let bytes = file.content.as_deref().unwrap_or_default();
            replace(path, bytes, &one.after).map_err(|error| {
                Error::failed(format!("cannot write {}", path.display())).with_source(error)
            })?;
        }
        ui.done(path.display(), format_args!("changed{}", mode.suffix()));
    }
    Ok(())
}

/// How objects are patched.
pub(super) struct Applier<'a> {
    /// The connection.
    pub(super) session: &'a Session,
    /// What is wanted; the server's answers are decided by it again.
    pub(super) wanted: Wanted<'a>,
    /// Who owns the fields.
    pub(super) field_manager: String,
    /// Whether others are written although the server refuses one.
    pub(super) keep_going: bool,
}

impl Applier<'_> {
    /// Lets the server check every change, asks, and writes; prints what became of each object.
    ///
    /// # Errors
    ///
    /// A missing terminal, where it has to ask; what the server says becomes part of the answer.
    pub(super) async fn run(
        &self,
        mut steps: Vec<Step>,
        write: &WriteArgs,
        frame: &Frame,
    ) -> Result<Exit> {
        let Frame { ui, interrupt, .. } = frame;
        let mode = write.dry_run;
        if mode != DryRun::Client {
            self.check(&mut steps, interrupt).await?;
        }
        if mode == DryRun::None {
            let refused = steps
                .iter()
                .any(|step| matches!(step.fate, Fate::Refused(_)));
            let stopped = refused && !self.keep_going;
            if stopped {
                ui.warning("nothing was changed, because the server refuses some of the changes");
                ui.hint("--keep-going patches the others");
            } else {
                ask(&steps, write.yes, frame)?;
            }
            self.write(&mut steps, stopped, interrupt).await;
        }
        for step in &steps {
            ui.answer(format_args!("{}\n", step.line(mode)))?;
        }
        if interrupt.is_set() {
            return Err(Error::interrupted());
        }
        Ok(exit(&steps))
    }

    async fn check(&self, steps: &mut [Step], interrupt: &Interrupt) -> Result<()> {
        for step in steps {
            if let Fate::Ready(patch) = &step.fate {
                let sent = interrupt
                    .guard(async { Ok(self.send(&step.live, patch, true).await) })
                    .await?;
                if let Err(error) = sent {
                    step.fate = Fate::Refused(error);
                }
            }
        }
        Ok(())
    }

    async fn write(&self, steps: &mut [Step], stopped: bool, interrupt: &Interrupt) {
        for step in steps {
            let Fate::Ready(patch) = &step.fate else {
                continue;
            };
            // A write that began is waited for, so that its outcome is known.
            step.fate = if stopped || interrupt.is_set() {
                Fate::NotTried
            } else {
                match self.send(&step.live, patch, false).await {
                    Ok(()) => Fate::Patched,
                    Err(error) => Fate::Refused(error),
                }
            };
        }
    }

    /// Sends a patch and checks the object that the server returns.
    async fn send(&self, live: &Live, patch: &Value, dry_run: bool) -> Result<()> {
        let manager = &self.field_manager;
        let mut sent = objects::patch(self.session, &live.place, patch, manager, dry_run).await;
        if sent.as_ref().is_err_and(outcome_unknown) && !dry_run {
            // The patch asks for the version that was read: it cannot be carried out twice.
            let again = objects::patch(self.session, &live.place, patch, manager, false).await;
            sent = match again {
                Err(error) if is_conflict(&error) => {
                    let found = objects::get(self.session, &live.place).await?;
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
                    "it was changed since it was read; run the same command again",
                ));
            }
            Err(error) => return Err(live.place.refused(error, "patch")),
        };
        if self.passes(live, &result) {
            return Ok(());
        }
        Err(Error::failed(
            "the change passes on its own but not after admission; something in the cluster modifies \
             it",
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

fn ask(steps: &[Step], yes: bool, frame: &Frame) -> Result<()> {
    let ready = steps
        .iter()
        .filter(|step| matches!(step.fate, Fate::Ready(_)));
    let objects = match ready.count() {
        0 => return Ok(()),
        1 => "1 object".to_owned(),
        many => format!("{many} objects"),
    };
    frame.confirm(&format!("Patch {objects}?"), yes)
}

fn exit(steps: &[Step]) -> Exit {
    let refusals = || {
        steps.iter().filter_map(|step| match &step.fate {
            Fate::Refused(error) => Some(error.kind()),
            _ => None,
        })
    };
    let open = |step: &Step| matches!(step.fate, Fate::Left(_)) || !step.passes();
    if refusals().any(|kind| kind != Kind::Conflict) {
        Exit::Failed
    } else if refusals().next().is_some() {
        Exit::Conflict
    } else if steps.iter().any(open) {
        Exit::No
    } else {
        Exit::Done
    }
}
