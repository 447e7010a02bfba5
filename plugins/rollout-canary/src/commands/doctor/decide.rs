//! What is wrong, and what fixes it.

use serde::Serialize;
use serde_json::Value;

use crate::cluster::records::Stored;
use crate::cluster::routes::leftover::Leftover;
use crate::drive::session::Open;
use crate::model::conflict::told;
use crate::model::names::{HOLD_SECONDS, MARKER};
use crate::model::object::{self, without_hash};
use crate::model::patch::Before;
use crate::model::record::driver::Driving;
use crate::model::snapshot::Snapshot;
use crate::model::state;
use crate::model::target::Target;
use crate::model::traffic::route;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    pub deployment: String,
    pub namespace: String,
    pub findings: Vec<Finding>,
    /// What could not be looked at, in the server's words.
    pub unseen: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What is wrong.
    pub what: String,
    /// What mends it.
    pub mend: String,
    /// Whether it was mended in this run.
    pub mended: bool,
    #[serde(skip)]
    pub repair: Repair,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Repair {
    /// Nothing that could be done without a guess.
    ByHand,
    /// The extra backend goes from that one of the routes.
    Route(usize),
    /// The extra Service goes.
    ExtraService,
    /// The record goes.
    DropRecord,
    /// The marker and the hold go; what was there before is put back where that is known, and the
    /// rollout goes on natively.
    LetGo(Option<Before>),
}

pub fn of_routes(left: &Leftover, target: &Target) -> Vec<Finding> {
    let repair_words = target.words("doctor", "--repair");
    let extra = &left.extra;
    let mut findings: Vec<Finding> = left
        .routes
        .iter()
        .enumerate()
        .map(|(index, route)| {
            let name = route::shown(&route.route);
            let what = format!("{name} leads to service/{extra}, and no record tells of it");
            match &route.by_hand {
                None => Finding {
                    what,
                    mend: format!("take that backend out and give its part back:  {repair_words}"),
                    mended: false,
                    repair: Repair::Route(index),
                },
                Some(why) => Finding {
                    what: format!("{what}; {why}"),
                    mend: format!("kubectl edit {name} -n {}", target.namespace),
                    mended: false,
                    repair: Repair::ByHand,
                },
            }
        })
        .collect();
    if left.service.is_some() {
        let in_use = left.routes.iter().any(|route| route.by_hand.is_some());
        findings.push(Finding {
            what: format!("service/{extra} is left over"),
            mend: if in_use {
                format!("when no route leads there any more:  {repair_words}")
            } else {
                format!("delete it:  {repair_words}")
            },
            mended: false,
            repair: if in_use {
                Repair::ByHand
            } else {
                Repair::ExtraService
            },
        });
    }
    findings
}

pub fn find(
    stored: Option<&Stored>,
    cluster: &Snapshot,
    open: &Open,
    (now, driving): (jiff::Timestamp, Driving),
) -> Vec<Finding> {
    let finding = |what: String, mend: String, repair| Finding {
        what,
        mend,
        mended: false,
        repair,
    };
    let target = &open.target;
    let repair_words = target.words("doctor", "--repair");
    let spec = &cluster.deployment["spec"];
    let held = spec["minReadySeconds"] == HOLD_SECONDS;
    let marked = cluster.deployment["metadata"]["labels"][MARKER].is_string();
    let mut findings = Vec::new();
    let record = stored.map(|stored| &stored.record);
    match record {
        Some(record) if record.uid != cluster.uid() => findings.push(finding(
            "the record is of another Deployment of this name".to_owned(),
            repair_words.clone(),
            Repair::DropRecord,
        )),
        Some(record) => {
            let seen = cluster.seen(record, now);
            if let Some(conflict) = state::conflict(record, &seen) {
                let error = told(&conflict, target);
                findings.push(finding(
                    error.to_string(),
                    error.hints().join("; "),
                    Repair::ByHand,
                ));
            } else if state::is_abandoned(state::phase(record, &seen), record, &seen, driving) {
                findings.push(finding(
                    "the canary is not at rest, and nobody drives it".to_owned(),
                    format!(
                        "take it back:  {}; or go on:  {}",
                        target.words("abort", ""),
                        target.words("resume", "")
                    ),
                    Repair::ByHand,
                ));
            }
        }
        None => {}
    }
    let mine = record.is_some_and(|record| record.uid == cluster.uid());
    if !mine && held {
        let before = before(cluster);
        findings.push(finding(
            "the Deployment is held and there is no record of a canary".to_owned(),
            match &before {
                Some(before) => format!(
                    "put back the template of replicaset {}, which ran before (the strategy becomes \
                     25% and 0, since nothing says what it was):  {repair_words}",
                    before.set
                ),
                None => format!(
                    "let the template that is in it roll out, since nothing says which was there \
                     before:  {repair_words}"
                ),
            },
            Repair::LetGo(before),
        ));
    } else if !mine && marked {
        findings.push(finding(
            format!("the label {MARKER} is left over, and there is no record"),
            format!(
                "let the template that is in it roll out (its strategy becomes 25% and 0, since \
                 nothing says what it was):  {repair_words}"
            ),
            Repair::LetGo(None),
        ));
    }
    findings
}

/// Returns what ran before a hold without a record: a hold writes its minReadySeconds to the canary's
/// ReplicaSet alone, so it is the only other one with pods.
pub fn before(cluster: &Snapshot) -> Option<Before> {
    let seconds = |set: &Value| set["spec"]["minReadySeconds"].as_i64().unwrap_or_default();
    let mut others = cluster
        .active()
        .into_iter()
        .filter(|set| seconds(set) != HOLD_SECONDS);
    let only = others.next().filter(|_| others.next().is_none())?;
    Some(Before {
        set: object::text(&only["metadata"]["name"]).to_owned(),
        template: without_hash(&only["spec"]["template"]),
        min_ready: seconds(only),
    })
}
