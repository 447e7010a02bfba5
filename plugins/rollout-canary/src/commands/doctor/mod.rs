//! `doctor`: what a canary left behind, and the mend.

use std::time::Duration;

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::Format;
use groundcrew::output::{Document, Kind, json, yaml};
use groundcrew::ui::Ui;
use serde::Serialize;
use serde_json::Value;

use super::{Common, Open, open, told};
use crate::apply::{self, Before, Written};
use crate::meta;
use crate::observe::{self, Cluster, Target};
use crate::record::{Stored, without_hash};
use crate::traffic::leftover::{self, Leftover};
use crate::traffic::{self, Canary};
use crate::view;

/// How often the Deployment is read again when only its status was in the way.
const TRIES: usize = 5;

/// Look for what a canary left behind, and mend it with --repair
///
/// Finds records of Deployments that are gone or new, holds without a record, and routes and the
/// extra Service that no record tells of.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Mend what can be mended without a guess
    #[arg(long)]
    repair: bool,

    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Diagnosis {
    deployment: String,
    namespace: String,
    findings: Vec<Finding>,
    /// What could not be looked at, in the server's words.
    unseen: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    /// What is wrong.
    what: String,
    /// What mends it.
    mend: String,
    /// Whether it was mended in this run.
    mended: bool,
    #[serde(skip)]
    repair: Repair,
}

#[derive(Clone, Debug, PartialEq)]
enum Repair {
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

/// Looks, and mends when asked to.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: DoctorArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let open = open(&args.common.kube, &args.common.deployment, ui).await?;
    let look = observe::with_record(&open.session, &open.target, &open.store);
    let (stored, clock, cluster) = interrupt.guard(look).await?;
    let left = interrupt
        .guard(left(stored.as_ref(), &cluster, &open))
        .await?;
    // The pods that a route leads to go last.
    let mut findings = of_routes(&left, &open.target);
    findings.extend(find(stored.as_ref(), &cluster, &open, clock.now()));
    if args.repair {
        for finding in &mut findings {
            let mend = repair(&finding.repair, stored.as_ref(), &cluster, &left, &open);
            finding.mended = interrupt.guard(mend).await?;
        }
    }
    let diagnosis = Diagnosis {
        deployment: open.target.name.clone(),
        namespace: open.target.namespace.clone(),
        findings,
        unseen: left.unseen,
    };
    ui.answer(match args.common.output.format {
        Format::Json => json(&Document::new(Kind::CanaryDiagnosis, &diagnosis))?,
        Format::Yaml => yaml(&Document::new(Kind::CanaryDiagnosis, &diagnosis))?,
        Format::Name => format!("deployment.apps/{}\n", diagnosis.deployment),
        Format::Table | Format::Wide => lines(&diagnosis),
    })?;
    let open = diagnosis.findings.iter().any(|finding| !finding.mended);
    Ok(match () {
        () if open => Exit::No,
        () if !diagnosis.unseen.is_empty() => Exit::Incomplete,
        () => Exit::Done,
    })
}

/// Looks for what is left in routes. While there is a record of this Deployment, what is in them is
/// the record's matter.
async fn left(stored: Option<&Stored>, cluster: &Cluster, open: &Open) -> Result<Leftover> {
    let record = stored.map(|stored| &stored.record);
    if record.is_some_and(|record| record.uid == cluster.uid()) {
        return Ok(Leftover::default());
    }
    let shared = record.and_then(|record| record.shared.as_ref());
    let canary = Canary::left(&open.target, &cluster.deployment);
    leftover::find(&open.session, &canary, |route| {
        shared.map_or_else(Vec::new, |shared| shared.known(route))
    })
    .await
}

fn of_routes(left: &Leftover, target: &Target) -> Vec<Finding> {
    let repair_words = target.words("doctor", "--repair");
    let extra = &left.extra;
    let mut findings: Vec<Finding> = left
        .routes
        .iter()
        .enumerate()
        .map(|(index, route)| {
            let name = traffic::shown(&route.route);
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

fn find(
    stored: Option<&Stored>,
    cluster: &Cluster,
    open: &Open,
    now: jiff::Timestamp,
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
    let held = spec["minReadySeconds"] == meta::HOLD_SECONDS;
    let marked = cluster.deployment["metadata"]["labels"][meta::MARKER].is_string();
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
            if let Some(conflict) = view::conflict(record, &seen) {
                let error = told(&conflict, target);
                findings.push(finding(
                    error.to_string(),
                    error.hints().join("; "),
                    Repair::ByHand,
                ));
            } else if view::is_abandoned(view::phase(record, &seen), record, &seen, now) {
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
            format!(
                "the label {} is left over, and there is no record",
                meta::MARKER
            ),
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
fn before(cluster: &Cluster) -> Option<Before> {
    let seconds = |set: &Value| set["spec"]["minReadySeconds"].as_i64().unwrap_or_default();
    let mut others = cluster
        .active()
        .into_iter()
        .filter(|set| seconds(set) != meta::HOLD_SECONDS);
    let only = others.next().filter(|_| others.next().is_none())?;
    Some(Before {
        set: observe::text(&only["metadata"]["name"]).to_owned(),
        template: without_hash(&only["spec"]["template"]),
        min_ready: seconds(only),
    })
}

/// Mends one finding; says whether it did.
async fn repair(
    repair: &Repair,
    stored: Option<&Stored>,
    cluster: &Cluster,
    left: &Leftover,
    open: &Open,
) -> Result<bool> {
    let session = &open.session;
    match (repair, stored) {
        (Repair::Route(index), _) => match left.routes.get(*index) {
            Some(route) => leftover::take_route_back(session, left, route)
                .await
                .map(|()| true),
            None => Ok(false),
        },
        (Repair::ExtraService, _) => match &left.service {
            Some(service) => {
                let canary = Canary::left(&open.target, &cluster.deployment);
                traffic::delete_service(session, &canary, service).await?;
                Ok(true)
            }
            None => Ok(false),
        },
        (Repair::DropRecord, Some(stored)) => open.store.delete(stored).await,
        (Repair::LetGo(before), _) => let_go(cluster, before.as_ref(), open).await.map(|()| true),
        (Repair::ByHand | Repair::DropRecord, _) => Ok(false),
    }
}

/// Lets go of the Deployment as it was found. What the controllers write into its status meanwhile
/// is nobody's change.
async fn let_go(cluster: &Cluster, before: Option<&Before>, open: &Open) -> Result<()> {
    let (session, target) = (&open.session, &open.target);
    caught_up(open).await?;
    for _ in 0..TRIES {
        let current = observe::deployment(session, target).await?;
        let same = ["uid", "generation", "labels"]
            .iter()
            .all(|key| current["metadata"][key] == cluster.deployment["metadata"][key]);
        if !same {
            break;
        }
        match apply::send(session, target, &apply::let_go(&current, before), false).await? {
            Written::Done(_) => return Ok(()),
            Written::LookAgain => {}
            Written::Blind(why) => return Err(Error::failed(why)),
        }
    }
    Err(Error::conflict(
        "the Deployment was changed in between; nothing was written to it",
    ))
}

/// Waits until every ReplicaSet's status is of what it is now: what grows before that costs Ready pods.
async fn caught_up(open: &Open) -> Result<()> {
    for _ in 0..LOOKS {
        let cluster = observe::cluster(&open.session, &open.target).await?;
        if cluster.is_caught_up() {
            return Ok(());
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Err(Error::failed(
        "the controllers have not caught up with the Deployment; nothing was written to it",
    )
    .with_hint(format!(
        "try again:  {}",
        open.target.words("doctor", "--repair")
    )))
}

/// How long, and how often, controllers are waited for.
const LOOKS: usize = 60;
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

fn lines(diagnosis: &Diagnosis) -> String {
    let name = &diagnosis.deployment;
    let unseen = diagnosis
        .unseen
        .iter()
        .map(|why| format!("{name}: not looked at: {why}\n"));
    if diagnosis.findings.is_empty() {
        let seen = if diagnosis.unseen.is_empty() {
            ""
        } else {
            " that could be seen"
        };
        let nothing = format!("{name}: nothing is left over{seen}\n");
        return std::iter::once(nothing).chain(unseen).collect();
    }
    diagnosis
        .findings
        .iter()
        .map(|finding| {
            let state = if finding.mended { "mended: " } else { "" };
            let mend = if finding.mended || finding.mend.is_empty() {
                String::new()
            } else {
                format!("\n  {}", finding.mend)
            };
            format!("{name}: {state}{}{mend}\n", finding.what)
        })
        .chain(unseen)
        .collect()
}
