//! `kubectl ns-claim list`: who holds what, and until when.

use std::time::Duration;

use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _};
use groundcrew::app::Frame;
use groundcrew::client::{Session, access};
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::finding::{Unseen, reason};
use groundcrew::flags::duration::{self, Span};
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, Table, json, yaml};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use serde::Serialize;

use crate::cluster::{claims, index};
use crate::model::claim::Claim;
use crate::model::index::Index;
use crate::model::kind::Kind;
use crate::model::view::View;

/// Claims that are read at the same time where they cannot be listed.
const CONCURRENCY: usize = 8;

/// List claims, soonest to expire first
///
/// If you cannot list namespaces, you see only your own claims (from the index). With
/// `--expiring`, only claims that expire within that time are listed, and the exit code is 3 if
/// there are any.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// List only your claims
    #[arg(long, conflicts_with = "all")]
    mine: bool,

    /// List the claims of all users; fail if you cannot see them
    #[arg(short = 'A', long = "all-namespaces")]
    all: bool,

    /// List only the claims of this team
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,

    /// List only claims that expire within this time: 1h, 2d
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    expiring: Option<Span>,

    #[command(flatten)]
    output: OutputArgs,
}

/// What is listed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct List {
    /// Everybody's claims were seen, or all of the caller's where only those were asked for.
    complete: bool,
    /// What could not be seen.
    unseen: Vec<Unseen>,
    claims: Vec<View>,
}

/// Lists.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: ListArgs, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let session = frame.connect().await?;
    let look = async {
        let (index, clock) = index::read(&session).await?;
        let (claims, everybody) = if args.mine {
            (mine(&session, &index).await?, Ok(()))
        } else {
            match claims::labelled(&session).await {
                Ok(claims) => (claims, Ok(())),
                Err(error) if !args.all && error.is_forbidden() => {
                    (mine(&session, &index).await?, Err(reason(&error)))
                }
                Err(error) => return Err(error),
            }
        };
        Ok((index, clock.now(), claims, everybody))
    };
    let (index, now, claims, everybody) = interrupt.guard(look).await?;
    let mut unseen = Vec::new();
    if let Err(why) = everybody {
        unseen.push(Unseen::new("claims of other users", why));
        ui.status("only your claims are listed: you cannot list namespaces.");
    }
    let mut views: Vec<View> = claims
        .iter()
        .map(|claim| View::of(claim, &index.settings, now))
        .collect();
    select(
        &mut views,
        args.team.as_deref(),
        args.expiring.map(|span| span.0),
        now,
    );
    if views.is_empty() {
        ui.status(if args.expiring.is_some() {
            "no claim expires that soon."
        } else {
            "no claims."
        });
    }
    let some = !views.is_empty();
    let list = List {
        complete: unseen.is_empty(),
        unseen,
        claims: views,
    };
    ui.answer(render(&list, &args.output, now)?)?;
    session.finish()?;
    Ok(if args.expiring.is_some() && some {
        Exit::No
    } else {
        Exit::Done
    })
}

/// Reads the caller's claims one by one, by the names in the index.
async fn mine(session: &Session, index: &Index) -> Result<Vec<Claim>> {
    let me = access::who_am_i(session).await?.username;
    let namespaces = session.of::<Namespace>();
    let found: Vec<Option<Namespace>> = futures::stream::iter(index.of_user(&me))
        .map(|name| namespaces.find(name))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    Ok(found
        .iter()
        .flatten()
        .filter_map(Claim::of)
        .filter(|claim| claim.owner.as_ref() == Some(&me))
        .collect())
}

/// Keeps what was asked for, the first to end on top, those without an end before all others.
fn select(views: &mut Vec<View>, team: Option<&str>, within: Option<Duration>, now: Timestamp) {
    let limit = within.and_then(|within| now.checked_add(within).ok());
    views.retain(|view| {
        team.is_none_or(|team| view.team.as_deref() == Some(team))
            && limit.is_none_or(|limit| view.ends_at.is_some_and(|ends| ends <= limit))
    });
    views.sort_by(|one, other| {
        let key = |view: &View| (view.protected_by.is_some(), view.ends_at);
        key(one)
            .cmp(&key(other))
            .then_with(|| one.name.cmp(&other.name))
    });
}

fn render(list: &List, output: &OutputArgs, now: Timestamp) -> Result<String> {
    match output.format {
        Format::Json => json(&Document::new(Kind::ClaimList, list)),
        Format::Yaml => yaml(&Document::new(Kind::ClaimList, list)),
        Format::Name => Ok(list
            .claims
            .iter()
            .map(|view| format!("namespace/{}\n", view.name))
            .collect()),
        Format::Table | Format::Wide if list.claims.is_empty() => Ok(String::new()),
        Format::Table | Format::Wide => Ok(table(list, output, now)),
    }
}

fn table(list: &List, output: &OutputArgs, now: Timestamp) -> String {
    let wide = output.format == Format::Wide;
    let mut headers = vec![
        "NAME",
        "OWNER",
        "TEAM",
        "PURPOSE",
        "EXPIRES IN",
        "MAX END",
        "STATE",
    ];
    if wide {
        headers.extend(["EXPIRES AT", "CLAIMED AT"]);
    }
    let mut table = Table::new((!output.no_headers).then_some(headers.as_slice()));
    for view in &list.claims {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut cells = vec![
            view.name.clone(),
            text(&view.owner),
            text(&view.team),
            text(&view.purpose),
            View::until(view.ends_at, now),
            View::until(view.can_reach, now),
            view.state_cell(now),
        ];
        if wide {
            let moment =
                |moment: Option<Timestamp>| moment.map(|at| at.to_string()).unwrap_or_default();
            cells.extend([moment(view.ends_at), moment(view.created_at)]);
        }
        table.row(cells);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::claim::Expires;
    use crate::model::claim::tests::{at, claim};
    use crate::model::settings::Settings;

    fn views() -> Vec<View> {
        let now = at("2026-11-21T13:00:00Z");
        let view = |name: &str, expires: Expires, team: &str, protected: bool| {
            let claim = Claim {
                name: name.to_owned(),
                team: Some(team.to_owned()),
                expires,
                protected_by: protected.then(|| "carol".to_owned()),
                ..claim()
            };
            View::of(&claim, &Settings::default(), now)
        };
        let end = |text| Expires::At(at(text));
        vec![
            view("late", end("2026-11-22T20:00:00Z"), "web", false),
            view("kept", end("2026-11-21T13:30:00Z"), "web", true),
            view("soon", end("2026-11-21T13:30:00Z"), "qa", false),
            view("broken", Expires::Garbled("x".to_owned()), "qa", false),
        ]
    }

    fn selected(team: Option<&str>, within: Option<u64>) -> Vec<String> {
        let mut views = views();
        let now = at("2026-11-21T13:00:00Z");
        select(&mut views, team, within.map(Duration::from_secs), now);
        views.into_iter().map(|view| view.name).collect()
    }

    #[test]
    fn what_needs_attention_is_on_top() {
        assert_eq!(selected(None, None), ["broken", "soon", "late", "kept"]);
        assert_eq!(selected(Some("web"), None), ["late", "kept"]);
    }

    #[test]
    fn only_what_really_ends_is_expiring() {
        assert_eq!(selected(None, Some(3600)), ["soon"]);
        assert_eq!(selected(None, Some(60)), Vec::<String>::new());
    }

    #[test]
    fn the_table_is_what_was_reviewed() {
        let list = List {
            complete: true,
            unseen: Vec::new(),
            claims: views(),
        };
        let output = OutputArgs::default();
        insta::assert_snapshot!(table(&list, &output, at("2026-11-21T13:00:00Z")));
    }
}
