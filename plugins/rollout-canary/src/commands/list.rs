//! `list`: every canary there is, and what needs somebody.

use clap::Args;
use futures::StreamExt as _;
use groundcrew::app::Frame;
use groundcrew::client::Session;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::finding::{Unseen, reason};
use groundcrew::flags::duration::Span;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, Table, json, yaml};
use jiff::Timestamp;
use serde::Serialize;

use crate::cluster::deployment;
use crate::cluster::records::{Store, all};
use crate::commands::answer;
use crate::drive::this_process;
use crate::model::kind::Kind;
use crate::model::state::Phase;
use crate::model::status::Status;
use crate::model::target::Target;

/// List the canaries of a namespace, or of all
///
/// Lists what is parked, driven or abandoned, and Deployments that are held or marked without a
/// record. Exits with 3 when a canary needs attention, and with 4 when one could not be read.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// List the canaries of all namespaces
    #[arg(short = 'A', long = "all-namespaces")]
    all: bool,

    #[command(flatten)]
    output: OutputArgs,
}

/// What is listed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct List {
    complete: bool,
    unseen: Vec<Unseen>,
    canaries: Vec<Status>,
}

/// Canaries that are looked at at the same time.
const CONCURRENCY: usize = 8;

/// Lists.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: ListArgs, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let session = frame.connect().await?;
    let namespace = (!args.all).then_some(session.namespace.as_str());
    let look = async {
        let (targets, now) = all(&session, namespace).await?;
        let looks = targets.into_iter().map(|target| one(&session, target));
        let found: Vec<_> = futures::stream::iter(looks)
            .buffered(CONCURRENCY)
            .collect()
            .await;
        Ok((found, now))
    };
    let (found, now) = interrupt.guard(look).await?;
    let (mut canaries, mut unseen) = (Vec::new(), Vec::new());
    for one in found {
        match one {
            Ok(Some(status)) => canaries.push(status),
            // It ended meanwhile.
            Ok(None) => {}
            Err(why) => unseen.push(why),
        }
    }
    if canaries.is_empty() && unseen.is_empty() {
        ui.status(match namespace {
            Some(namespace) => format!("no canary in namespace {namespace}."),
            None => "no canary in any namespace.".to_owned(),
        });
    }
    for one in &unseen {
        ui.status(format_args!("not seen: {}: {}", one.what, one.why));
    }
    let needs = canaries.iter().any(needs_attention);
    let list = List {
        complete: unseen.is_empty(),
        unseen,
        canaries,
    };
    ui.answer(render(&list, &args, now)?)?;
    session.finish()?;
    Ok(match (needs, list.complete) {
        (true, _) => Exit::No,
        (false, false) => Exit::Incomplete,
        (false, true) => Exit::Done,
    })
}

/// Looks at one; `None` when there is no canary any more.
async fn one(session: &Session, target: Target) -> std::result::Result<Option<Status>, Unseen> {
    let store = Store::new(session, &target);
    let what = format!(
        "deployment {} of namespace {}",
        target.name, target.namespace
    );
    let look = deployment::with_record(session, &target, &store).await;
    let (stored, clock, cluster) = match look {
        Ok(found) => found,
        Err(error) => return Err(Unseen::new(what, reason(&error))),
    };
    let record = stored.as_ref().map(|stored| &stored.record);
    let driving = this_process::driving(record, clock.now());
    let status = Status::of(&target, record, &cluster, clock.now(), driving);
    Ok(Some(status).filter(|status| status.phase != Phase::Idle))
}

fn needs_attention(status: &Status) -> bool {
    matches!(status.phase, Phase::Conflict | Phase::Orphan)
        || status.abandoned
        || status.verdict.is_bad()
}

fn render(list: &List, args: &ListArgs, now: Timestamp) -> Result<String> {
    let output = &args.output;
    Ok(match output.format {
        Format::Json => json(&Document::new(Kind::CanaryList, list))?,
        Format::Yaml => yaml(&Document::new(Kind::CanaryList, list))?,
        Format::Name => {
            let names = list.canaries.iter();
            names
                .map(|status| format!("deployment.apps/{}\n", status.deployment))
                .collect()
        }
        Format::Table | Format::Wide => table(list, args.all, !output.no_headers, now),
    })
}

fn table(list: &List, all: bool, headers: bool, now: Timestamp) -> String {
    if list.canaries.is_empty() {
        return String::new();
    }
    let names = [
        "NAMESPACE",
        "NAME",
        "STATE",
        "SHARE",
        "PODS",
        "IMAGE",
        "AGE",
        "BY",
    ];
    let from = usize::from(!all);
    let mut table = Table::new(headers.then_some(&names[from..]));
    for status in &list.canaries {
        let share = status.effective.percent;
        let share = share.map(|share| share.to_string()).unwrap_or_default();
        let pods = format!("{}+{}", status.stable.replicas, status.canary.replicas);
        let age = status.since.map(|since| {
            let seconds = now.duration_since(since).as_secs().max(0).unsigned_abs();
            Span(std::time::Duration::from_secs(seconds)).to_string()
        });
        let image = status.canary.images.join(", ");
        let row = [
            status.namespace.as_str(),
            &status.deployment,
            state(status),
            &share,
            &pods,
            if image.is_empty() { "<none>" } else { &image },
            age.as_deref().unwrap_or("<unknown>"),
            if status.by.is_empty() {
                "<unknown>"
            } else {
                &status.by
            },
        ];
        table.row(row.into_iter().skip(from));
    }
    let mut text = table.render();
    for status in list
        .canaries
        .iter()
        .filter(|status| needs_attention(status))
    {
        let (namespace, name) = (&status.namespace, &status.deployment);
        text.push_str(&format!(
            "{namespace}/{name}: {}\n",
            answer::sentence(status)
        ));
    }
    text
}

/// Says in one word how it stands.
fn state(status: &Status) -> &'static str {
    match status.phase {
        _ if status.abandoned => "abandoned",
        Phase::Conflict => "conflict",
        Phase::Orphan => "no record",
        _ if status.verdict.is_bad() => "bad",
        _ if status.driver.is_some() => "driven",
        _ if status.parked => "parked",
        Phase::Promoting => "promoting",
        Phase::Aborting => "rolling back",
        Phase::Idle | Phase::Ramping | Phase::Settling | Phase::Holding => "held",
    }
}
