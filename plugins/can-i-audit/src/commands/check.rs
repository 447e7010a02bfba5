//! `kubectl can-i-audit check`: unit tests for access, and many questions at once.

use std::path::PathBuf;

use can_i_audit::model::decision::Decision;
use can_i_audit::model::engine::World;
use can_i_audit::model::grant::{self, Grant};
use can_i_audit::model::kind::Kind;
use can_i_audit::model::subject::Principal;
use clap::{Args, ValueEnum};
use groundcrew::app::Frame;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::output::{Table, json};
use groundcrew::report::junit::{self, Case, Verdict};
use serde::Serialize;

use super::answer::{Observed, based};
use super::flags::{FormatArgs, SourceArgs, me};
use crate::local::assertions::{self, Assertion, Expect};

/// Check expectations about access, or answer many questions at once
///
/// The file has apiVersion groundcrew.dev/v1alpha1, kind AccessAssertions and a list of
/// assertions. The fields of an assertion are subject, groups, implicitGroups (default: true),
/// verb, apiGroup, resource, subresource, name, namespace, path, and expect (allow or deny). Exits
/// with code 3 when an expectation fails.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// File with the assertions, or - for stdin
    #[arg(short = 'f', long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    filename: PathBuf,

    #[command(flatten)]
    output: FormatArgs<Format>,

    #[command(flatten)]
    source: SourceArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Junit,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    results: Vec<Answered<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answered<'a> {
    index: usize,
    allowed: Decision,
    #[serde(skip_serializing_if = "Option::is_none")]
    expect: Option<Expect>,
    #[serde(skip_serializing_if = "Option::is_none")]
    passed: Option<bool>,
    /// A member of system:masters is never asked for a grant.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    superuser: bool,
    grants: Vec<Grant<'a>>,
    #[serde(skip)]
    question: String,
    #[serde(skip)]
    subject: &'a str,
    #[serde(skip)]
    namespace: String,
}

/// Answers.
///
/// # Errors
///
/// That the file is wrong, or nothing could be read.
pub async fn run(args: CheckArgs, frame: &Frame) -> Result<Exit> {
    let ui = &frame.ui;
    let file = assertions::read(&args.filename)?;
    let observed = args.source.read(frame).await?;
    let me = if file.assertions.iter().any(|one| one.subject == "me") {
        Some(me(&observed).await?)
    } else {
        None
    };
    let world = World::new(&observed.policy);
    let results = file
        .assertions
        .iter()
        .enumerate()
        .map(|(index, assertion)| answer(index, assertion, me.as_ref(), &world, &observed))
        .collect::<Result<Vec<_>>>()?;
    let failed = results
        .iter()
        .filter(|result| result.passed == Some(false))
        .count();
    let open = results
        .iter()
        .filter(|result| result.allowed == Decision::Unknown)
        .count();
    let expected = results
        .iter()
        .filter(|result| result.expect.is_some())
        .count();
    let asked = results.len();
    let text = match args.output.format {
        Format::Json => json(&based(
            Kind::AssertionReport,
            &observed.policy.unseen,
            Report { results },
        ))?,
        Format::Junit => junit(&results)?,
        Format::Table => table(&results),
    };
    ui.answer(text)?;
    ui.status(format_args!(
        "{asked} asked, {expected} with an expectation, {failed} failed, {open} unknown."
    ));
    observed.say(ui);
    observed.finish()?;
    Ok(if failed > 0 {
        Exit::No
    } else {
        observed.exit(Exit::Done)
    })
}

fn answer<'a>(
    index: usize,
    assertion: &'a Assertion,
    me: Option<&Principal>,
    world: &'a World<'_>,
    observed: &Observed,
) -> Result<Answered<'a>> {
    let mut question = assertion.question(index, me, observed.mode)?;
    question.action = question
        .action
        .read_as(observed.mode, &observed.policy.catalog);
    let grants = world.grants(&question);
    let namespace = question.action.namespace();
    let allowed = Decision::of(&grants, &observed.policy, namespace);
    let passed = assertion.expect.and_then(|expect| expect.is_met(allowed));
    Ok(Answered {
        index,
        allowed,
        expect: assertion.expect,
        passed,
        superuser: grants.superuser,
        grants: grants
            .chains
            .iter()
            .map(|chain| grant::grant(world, *chain))
            .collect(),
        question: question.action.to_string(),
        subject: &assertion.subject,
        namespace: namespace.to_owned(),
    })
}

fn table(results: &[Answered<'_>]) -> String {
    let mut table = Table::new(Some(&[
        "#",
        "RESULT",
        "SUBJECT",
        "QUESTION",
        "NAMESPACE",
        "ANSWER",
    ]));
    for result in results {
        let verdict = match result.passed {
            Some(true) => "ok",
            Some(false) => "FAILED",
            None if result.expect.is_some() => "unknown",
            None => "-",
        };
        table.row([
            &result.index.to_string(),
            verdict,
            result.subject,
            &result.question,
            &result.namespace,
            result.allowed.word(),
        ]);
    }
    table.render()
}

fn junit(results: &[Answered<'_>]) -> Result<String> {
    let case = |result: &Answered<'_>| {
        let place = if result.namespace.is_empty() {
            String::new()
        } else {
            format!(" in {}", result.namespace)
        };
        Case {
            class: "assertion".to_owned(),
            name: format!(
                "{}: {} {}{place}",
                result.index, result.subject, result.question
            ),
            verdict: match (result.passed, result.allowed) {
                (Some(false), _) => Verdict::Failed {
                    message: format!("it is {}", result.allowed.word()),
                    detail: String::new(),
                },
                (_, Decision::Unknown) => Verdict::Error {
                    message: "some objects could not be read".to_owned(),
                },
                _ => Verdict::Passed,
            },
        }
    };
    junit::render("kubectl can-i-audit", results.iter().map(case))
}
