//! `kubectl can-i-audit risks`: what of the access is dangerous.

mod causes;
mod render;

use std::path::PathBuf;

use can_i_audit::engine::{Chain, World};
use can_i_audit::risks::{self, Finding, RULES, Severity};
use can_i_audit::subject::Subject;
use clap::{Args, ValueEnum};
use groundcrew::app::Interrupt;
use groundcrew::error;
use groundcrew::exit::Exit;
use groundcrew::output::Table;
use groundcrew::ui::Ui;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::format::FormatArgs;
use crate::chain::{self, Grant};
use crate::observe::{Common, baseline};

/// Find what of the access is dangerous, and what is only confusing
///
/// Roles that nobody is bound to are no risk, and Kubernetes' own policy is left out as long as it
/// is unchanged. Each finding has its chain, why it matters, and the smallest change that removes
/// it. More than 100 findings are shown as a row for each cause; -o wide has a row for each
/// finding. Exit code 3 when there is one at --fail-on or above.
#[derive(Args, Debug)]
pub struct RisksArgs {
    /// Show findings from this severity on: info, low, medium, high, critical
    #[arg(long, value_name = "SEVERITY", default_value = "low")]
    min_severity: Severity,

    /// End with exit code 3 from this severity on
    #[arg(long, value_name = "SEVERITY", default_value = "high")]
    fail_on: Severity,

    /// File with accepted findings, each with a reason and an end
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    baseline: Option<PathBuf>,

    /// Look at Kubernetes' own policy too
    #[arg(long)]
    include_defaults: bool,

    /// List what is looked for
    #[arg(long)]
    list_rules: bool,

    #[command(flatten)]
    output: FormatArgs<Format>,

    #[command(flatten)]
    pub common: Common,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Wide,
    Json,
    Yaml,
    Markdown,
    Sarif,
}

/// What the document holds.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    suppressed: usize,
    findings: Rows<'a>,
}

/// The findings as rows, each made when it is written: there may be very many.
#[derive(Clone, Copy, Debug)]
struct Rows<'a> {
    world: &'a World<'a>,
    found: &'a [Finding],
}

impl<'a> Rows<'a> {
    fn iter(self) -> impl Iterator<Item = Row<'a>> {
        self.found
            .iter()
            .map(move |finding| row(self.world, finding))
    }
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    rule: &'static str,
    name: &'static str,
    severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a Subject>,
    /// Absent when it is cluster-wide, or about an object.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'a str>,
    /// It is limited to objects of certain names.
    limited: bool,
    why: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
    fix: &'a str,
    grants: Vec<Grant<'a>>,
    #[serde(skip)]
    world: &'a World<'a>,
    #[serde(skip)]
    chains: &'a [Chain],
}

/// Finds.
///
/// # Errors
///
/// That nothing could be read, or the baseline is wrong.
pub async fn run(args: RisksArgs, ui: &Ui, interrupt: &Interrupt) -> error::Result<Exit> {
    if args.list_rules {
        ui.answer(list_rules())?;
        return Ok(Exit::Done);
    }
    let accepted = args.baseline.as_deref().map(baseline::read).transpose()?;
    let observed = args.common.read(ui, interrupt).await?;
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
        "{} findings{}{}.{}",
        found.len(),
        told(hidden, "below --min-severity"),
        told(suppressed, "accepted"),
        if args.output.format == Format::Table && found.len() > causes::EACH {
            " A row is a cause; -o wide has a row for each finding."
        } else {
            ""
        }
    ));
    observed.say(ui);
    observed.finish()?;
    let exit = if fails {
        Exit::No
    } else {
        observed.exit(Exit::Done)
    };
    // The process ends: giving back hundreds of thousands of pieces one by one is for nothing.
    std::mem::forget((found, world));
    std::mem::forget(observed);
    Ok(exit)
}

fn told(count: usize, what: &str) -> String {
    if count == 0 {
        String::new()
    } else {
        format!(", {count} {what}")
    }
}

fn row<'a>(world: &'a World<'a>, finding: &'a Finding) -> Row<'a> {
    let rule = risks::rule(finding.rule);
    Row {
        rule: finding.rule,
        name: rule.map_or("", |rule| rule.name),
        severity: finding.severity,
        subject: finding.subject.as_ref(),
        namespace: finding.namespace.as_deref(),
        object: finding.object.as_deref(),
        limited: finding.limited,
        why: rule.map_or("", |rule| rule.why),
        detail: &finding.detail,
        fix: &finding.fix,
        grants: finding
            .chains
            .iter()
            .map(|chain| chain::grant(world, *chain))
            .collect(),
        world,
        chains: &finding.chains,
    }
}

fn list_rules() -> String {
    let mut table = Table::new(Some(&["RULE", "NAME", "SEVERITY", "WHY"]));
    for rule in RULES {
        let why = if rule.implemented {
            rule.why.to_owned()
        } else {
            format!("NOT LOOKED FOR YET: {}", rule.why)
        };
        table.row([rule.id, rule.name, rule.severity.word(), &why]);
    }
    table.render()
}

/// The worst findings, for the overview: severity, rule, who and where.
#[must_use]
pub fn worst(world: &World<'_>, most: usize) -> (usize, Vec<[String; 4]>) {
    let mut found = risks::findings(world, false);
    found.retain(|finding| finding.severity >= Severity::Medium);
    let count = found.len();
    let rows = found
        .iter()
        .take(most)
        .map(|finding| {
            let row = row(world, finding);
            [
                row.severity.word().to_owned(),
                format!("{} {}", row.rule, row.name),
                render::concerned(&row),
                row.why.to_owned(),
            ]
        })
        .collect();
    (count, rows)
}
