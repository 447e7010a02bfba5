//! `kubectl ns-claim report`: who claimed for how long, and what was requested.

mod sum;

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::finding::{Unseen, reason};
use groundcrew::flags::duration::{self, Span};
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, Table, json, yaml};

use crate::cluster::{claims, index, ledger, tombstones};
use crate::model::kind::Kind;
use crate::model::ledger::advance;
use sum::{By, Row, UNSEEN, Usage};

/// Report how long each team or owner held claims, and what they requested
///
/// Claim-hours are exact. Requested CPU and memory are sampled at every run of the reaper; for a
/// claim that began before --since, a proportional share is counted. Claims that plain users
/// created and released between two reaper runs are not included.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Length of the reported period: 30d, 12h
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = duration::positive)]
    since: Span,

    /// Group rows by this key
    #[arg(long, value_name = "KEY", value_enum, default_value = "team")]
    by: By,

    #[command(flatten)]
    output: OutputArgs,
}

/// Reports.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: ReportArgs, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let session = frame.connect().await?;
    let look = async {
        let (index, clock) = index::read(&session).await?;
        let kept = ledger::read(&session).await?;
        let (stones, broken) = tombstones::read_all(&session).await?;
        let claims = claims::labelled(&session).await?;
        let requests = ledger::requests(&session).await;
        Ok((index, clock.now(), kept, stones, broken, claims, requests))
    };
    let (index, now, kept, mut stones, broken, claims, requests) = interrupt.guard(look).await?;
    let settings = &index.settings;
    let mut unseen: Vec<Unseen> = broken
        .into_iter()
        .map(|name| Unseen::new(format!("configmap/{name}"), "the tombstone cannot be read"))
        .collect();
    unseen.extend(kept.broken.keys().map(|name| {
        Unseen::new(
            format!("configmap/{name}"),
            "this part of the ledger cannot be read",
        )
    }));
    let requests = requests.or_else(|error| {
        if !error.is_forbidden() {
            return Err(error);
        }
        unseen.push(Unseen::new(
            "requests since the reaper's last run",
            reason(&error),
        ));
        Ok(BTreeMap::new())
    })?;
    // What the reaper will write down when it comes next, so that no report waits for it.
    let advance = advance(&kept.ledger, &claims, &requests, &index, now);
    let known: BTreeSet<String> = stones.iter().map(|stone| stone.uid.clone()).collect();
    let ended = advance.ended.into_iter();
    stones.extend(ended.filter(|stone| !known.contains(&stone.uid)));
    let alive = claims
        .into_iter()
        .filter(|claim| claim.terminating.is_none())
        .map(|claim| claim.uid)
        .collect();
    let since = now.checked_sub(args.since.0).unwrap_or(now);
    let keep = settings.keep_records();
    if args.since > keep {
        unseen.push(Unseen::new(
            "claims that ended earlier",
            format!("records are kept for {keep}"),
        ));
    }
    for Unseen { what, why } in &unseen {
        ui.warning(format_args!("not included: {what} ({why})"));
    }
    let usage = sum::sum(
        &advance.ledger,
        &stones,
        &alive,
        args.by,
        since,
        now,
        unseen,
    );
    ui.status(format_args!("{UNSEEN}."));
    ui.answer(render(&usage, args.by, &args.output)?)?;
    session.finish()?;
    Ok(if usage.complete {
        Exit::Done
    } else {
        Exit::Incomplete
    })
}

fn render(usage: &Usage, by: By, output: &OutputArgs) -> Result<String> {
    let key = match by {
        By::Team => "TEAM",
        By::Owner => "OWNER",
    };
    Ok(match output.format {
        Format::Json => json(&Document::new(Kind::ClaimUsageReport, usage))?,
        Format::Yaml => yaml(&Document::new(Kind::ClaimUsageReport, usage))?,
        Format::Name => usage
            .rows
            .iter()
            .map(|row| format!("{}\n", row.key))
            .collect(),
        Format::Table | Format::Wide => {
            let headers = [
                key,
                "CLAIMS",
                "LIVE",
                "CLAIM-HOURS",
                "CPU-HOURS",
                "GIB-HOURS",
            ];
            let mut table = Table::new((!output.no_headers).then_some(&headers));
            for Row {
                key,
                claims,
                live,
                claim_hours,
                cpu_hours,
                memory_gib_hours,
            } in &usage.rows
            {
                table.row([
                    key.clone(),
                    claims.to_string(),
                    live.to_string(),
                    format!("{claim_hours:.1}"),
                    format!("{cpu_hours:.1}"),
                    format!("{memory_gib_hours:.1}"),
                ]);
            }
            table.render()
        }
    })
}
