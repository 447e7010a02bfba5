//! `kubectl can-i-audit risks`: what of the access is dangerous.

mod causes;
mod format;
mod render;
mod rows;

use std::path::PathBuf;

use can_i_audit::model::engine::World;
use can_i_audit::model::risks::{self, RULES, Severity};
use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error;
use groundcrew::exit::Exit;
use groundcrew::output::Table;
use groundcrew::plural::count;
use jiff::Timestamp;

use super::flags::{FormatArgs, SourceArgs};
use crate::local::baseline;
use format::Format;
use rows::{Answer, Rows};

/// Find dangerous access, and access that is merely confusing
///
/// Roles without a binding do not count as a risk, and Kubernetes' own policy is left out while it
/// is unchanged. Each finding shows the binding and rule behind it, why it matters, and the
/// smallest change that removes it. More than 100 findings are grouped by cause; -o wide always
/// shows one row per finding. Exits with code 3 on a finding at --fail-on or above.
#[derive(Args, Debug)]
pub struct RisksArgs {
    /// Lowest severity to show: info, low, medium, high or critical
    #[arg(long, value_name = "SEVERITY", default_value = "low")]
    min_severity: Severity,

    /// Lowest severity that makes the exit code 3
    #[arg(long, value_name = "SEVERITY", default_value = "high")]
    fail_on: Severity,

    /// File with accepted findings, each with a reason and an expiry date
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    baseline: Option<PathBuf>,

    /// Include Kubernetes' own policy
    #[arg(long)]
    include_defaults: bool,

    /// List the rules and exit
    #[arg(long)]
    list_rules: bool,

    #[command(flatten)]
    output: FormatArgs<Format>,

    #[command(flatten)]
    source: SourceArgs,
}

/// Finds.
///
/// # Errors
///
/// That nothing could be read, or the baseline is wrong.
pub async fn run(args: RisksArgs, frame: &Frame) -> error::Result<Exit> {
    let ui = &frame.ui;
    if args.list_rules {
        ui.answer(list_rules())?;
        return Ok(Exit::Done);
    }
    let accepted = args.baseline.as_deref().map(baseline::read).transpose()?;
    let observed = args.source.read(frame).await?;
    let policy = &observed.policy;
    let world = World::new(policy);
    let mut found = risks::findings(&world, args.include_defaults);
    let mut suppressed = 0;
    if let Some(accepted) = &accepted {
        let (count, ended) = accepted.apply(&mut found, Timestamp::now());
        suppressed = count;
        for line in ended {
            ui.warning(line);
        }
    }
    let fails = found.iter().any(|finding| finding.severity >= args.fail_on);
    let all = found.len();
    found.retain(|finding| finding.severity >= args.min_severity);
    let answer = Answer {
        suppressed,
        findings: Rows {
            world: &world,
            found: &found,
        },
    };
    render::answer(policy, &answer, args.output.format, ui)?;
    let hidden = all - found.len();
    ui.status(format_args!(
        "{}{}{}.{}",
        count(found.len(), "finding"),
        told(hidden, "below --min-severity"),
        told(suppressed, "accepted"),
        if args.output.format == Format::Table && found.len() > causes::EACH {
            " Each row is a cause; -o wide shows one row per finding."
        } else {
            ""
        }
    ));
    observed.say(ui);
    observed.finish()?;
    Ok(if fails {
        Exit::No
    } else {
        observed.exit(Exit::Done)
    })
}

fn told(count: usize, what: &str) -> String {
    if count == 0 {
        String::new()
    } else {
        format!(", {count} {what}")
    }
}

fn list_rules() -> String {
    let mut table = Table::new(Some(&["RULE", "NAME", "SEVERITY", "WHY"]));
    for rule in RULES {
        let why = if rule.implemented {
            rule.why.to_owned()
        } else {
            format!("not checked yet: {}", rule.why)
        };
        table.row([rule.id, rule.name, rule.severity.word(), &why]);
    }
    table.render()
}
