//! What is known before a canary that is there is driven on: the steps, the rights that they take,
//! and what was found. The dry run tells it, and the run acts on it before it writes anything.

use groundcrew::app::Interrupt;
use groundcrew::client::access::{self, Access};
use groundcrew::client::clock::Clock;
use groundcrew::error::{Kind, Result};
use groundcrew::finding::{Finding, Severity, Unseen, reason};
use groundcrew::ui::Ui;
use jiff::Timestamp;

use crate::cluster::records::Stored;
use crate::cluster::watch::Watching;
use crate::cluster::{deployment, neighbors};
use crate::drive::driver::Patience;
use crate::drive::lease;
use crate::drive::plan::foresee::{Driven, Foreseen, Pace, along};
use crate::drive::plan::rights::{self, Begins, rights};
use crate::drive::plan::{accept, text, trial};
use crate::drive::session::{Drove, Open};
use crate::drive::this_process;
use crate::model::findings::ahead::ahead as findings;
use crate::model::findings::question::Around;
use crate::model::record::driver::Driving;
use crate::model::record::{Goal, Record};
use crate::model::snapshot::Snapshot;
use crate::model::status::Status;
use crate::model::steps::Step;
use crate::model::walk::from_here;

/// What is known before a run.
pub struct Ahead {
    /// Its steps, and how it ends.
    pub foreseen: Foreseen,
    /// Rights that it takes and that are held.
    pub held: Vec<Access>,
    /// Rights that it takes and that are missing.
    pub missing: Vec<Access>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What could not be seen.
    pub unseen: Vec<Unseen>,
    /// Whether the run ends before it writes anything.
    pub is_blocked: bool,
}

impl Ahead {
    /// Returns it line by line.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        text::found(&self.missing, &self.findings, &self.unseen)
    }
}

/// Looks at what is ahead of a record whose goal is set, in the cluster as it is.
///
/// # Errors
///
/// What the run would end with; what the server says.
pub async fn look(
    open: &Open,
    record: &Record,
    cluster: &Snapshot,
    now: Timestamp,
    (pace, accepted): (Pace, &[&str]),
) -> Result<Ahead> {
    let seen = cluster.seen(record, now);
    let way = from_here(record, &seen);
    let more = way.extremes.most - seen.stable.size - seen.canary.size;
    let foreseen = along(open, way, pace).await?;
    let driven = this_process::driving(Some(record), now) == Driving::Other;
    let mut wanted = if driven {
        rights::asking(open)
    } else {
        rights(open, Begins::Recorded, &foreseen.steps, &[foreseen.end])
    };
    wanted.retain(|access| !rights::is_optional(access));
    let promotes = matches!(record.goal, Goal::Promote { .. });
    let (session, namespace) = (&open.session, &open.target.namespace);
    let forms = foreseen.steps.iter().filter_map(|step| match step {
        Step::Form(form) => Some(*form),
        _ => None,
    });
    let forms = trial::worth(forms.collect(), record);
    let (missing, around, refused) = futures::join!(
        access::missing(session, &wanted),
        async {
            if promotes {
                neighbors::before_promotion(session, namespace, &record.canary).await
            } else {
                Around::default()
            }
        },
        trial::refused(open, record, forms, cluster),
    );
    let mut unseen = around.unseen.clone();
    let missing = missing.unwrap_or_else(|error| {
        unseen.push(Unseen::new("permissions", reason(&error)));
        Vec::new()
    });
    let mut found = refused?;
    if matches!(record.goal, Goal::Abort { .. }) {
        // Nothing found keeps anybody from the way back: the server has the last word.
        for one in &mut found {
            one.severity = Severity::Warning;
        }
    }
    let driving = this_process::driving(Some(record), now);
    let known = Status::of(&open.target, Some(record), cluster, now, driving).verdict;
    found.extend(findings(record, cluster, (&around, more), &known));
    accept(&mut found, accepted);
    let is_blocked = !missing.is_empty() || found.iter().any(|one| one.severity == Severity::Error);
    Ok(Ahead {
        foreseen,
        held: wanted
            .into_iter()
            .filter(|access| !missing.contains(access))
            .collect(),
        missing,
        findings: found,
        unseen,
        is_blocked,
    })
}

/// How a run goes on.
#[derive(Clone, Copy)]
pub struct How<'a> {
    /// How far it goes by itself.
    pub pace: Pace,
    /// How long it may take.
    pub patience: Patience,
    /// Findings that are accepted, by their flag.
    pub accepted: &'a [&'a str],
}

/// Becomes the driver of a record once `aim` changed it, after what is ahead was told; nothing is written
/// where that blocks it. What the run would end with anyway is left to it.
///
/// # Errors
///
/// What the server says.
pub async fn drive<'a>(
    open: &'a Open,
    (ui, interrupt): (&'a Ui, &'a Interrupt),
    read: (Stored, Clock),
    how: How<'_>,
    aim: impl Fn(&mut Record),
) -> Result<Drove<'a>> {
    let check = async |watching: &Watching, record: &Record, clock: &Clock| {
        let how = (how.pace, how.accepted);
        let looked = look(open, record, &watching.cluster, clock.now(), how);
        match interrupt.guard(looked).await {
            Ok(ahead) => {
                for line in ahead.notes() {
                    ui.status(line);
                }
                Ok(!ahead.is_blocked)
            }
            Err(error) if error.kind() == Kind::Conflict => Ok(true),
            Err(error) => Err(error),
        }
    };
    open.drive(ui, interrupt, read, how.patience, check, aim)
        .await
}

/// Looks at what is ahead of a canary that is there, once `aim` changed its record.
///
/// # Errors
///
/// What the run would end with: that somebody else drives it or changed it; what the server says.
pub async fn onward(
    open: &Open,
    (stored, clock): &(Stored, Clock),
    (pace, driven, accepted): (Pace, Driven, &[&str]),
    aim: impl Fn(&mut Record),
) -> Result<(Ahead, Snapshot)> {
    let standing = this_process::driving(Some(&stored.record), clock.now());
    if let (Driven::ByNobodyElse, Driving::Other, Some(driver)) =
        (driven, standing, &stored.record.driver)
    {
        return Err(lease::other(driver));
    }
    let cluster = deployment::cluster(&open.session, &open.target).await?;
    let mut record = stored.record.clone();
    aim(&mut record);
    let ahead = look(open, &record, &cluster, clock.now(), (pace, accepted)).await?;
    Ok((ahead, cluster))
}
