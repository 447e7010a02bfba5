//! JUnit, Markdown and HTML.

use groundcrew::error::Result;
use groundcrew::report::html::{Cell, Page};
use groundcrew::report::junit::{Case, Verdict};
use groundcrew::report::{junit, markdown};
use psp_advise::model::decision::Decision;
use psp_advise::model::report::{Namespace, Report};
use psp_advise::model::text::plural;

use super::table::{enforces, level};

/// One test per object, level and version; what was not evaluated is an error.
pub(super) fn junit(report: &Report) -> Result<String> {
    let unseen = report.unseen.iter().map(|one| {
        let message = format!("{}: {}", one.what, one.why);
        Case {
            class: "not evaluated".to_owned(),
            name: one.what.clone(),
            verdict: Verdict::Error { message },
        }
    });
    let cases = report.decisions.iter().map(case).chain(unseen);
    junit::render("kubectl psp-advise", cases)
}

fn case(decision: &Decision) -> Case {
    let faults = decision.checks.iter().flat_map(|check| &check.faults);
    let detail = faults.map(|fault| {
        let line = fault
            .line
            .map_or_else(String::new, |line| format!("line {line}: "));
        let is = fault.current.as_deref().unwrap_or("unset");
        format!("{line}{} is {is}, allowed: {}\n", fault.path, fault.allowed)
    });
    let file = decision.file.as_ref();
    Case {
        class: file.unwrap_or(&decision.object.namespace).clone(),
        name: format!("{} {}", full_name(decision), decision.policy()),
        verdict: if decision.allowed {
            Verdict::Passed
        } else {
            Verdict::Failed {
                message: decision.message.clone(),
                detail: detail.collect(),
            }
        },
    }
}

/// Headings and rows that Markdown and HTML share.
struct Grid {
    title: &'static str,
    headers: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

fn grids(report: &Report) -> Vec<Grid> {
    let mut grids = Vec::new();
    if !report.offline {
        grids.push(Grid {
            title: "Namespaces",
            headers: vec![
                "Namespace",
                "Enforces",
                "Ready for",
                "After safe fixes",
                "Blocked by",
            ],
            rows: report.namespaces.iter().map(namespace).collect(),
        });
    }
    let skip = usize::from(!report.offline);
    let headers = [
        "Place", "Object", "Policy", "Check", "Field", "Value", "Allowed", "Fix",
    ];
    let decisions = report.decisions.iter();
    grids.push(Grid {
        title: "Violations",
        headers: headers[skip..].to_vec(),
        rows: decisions
            .flat_map(|decision| faults(decision, skip))
            .collect(),
    });
    let unseen = report.unseen.iter();
    grids.push(Grid {
        title: "Not evaluated",
        headers: vec!["What", "Why"],
        rows: unseen
            .map(|one| vec![one.what.clone(), one.why.clone()])
            .collect(),
    });
    grids.retain(|grid| !grid.rows.is_empty());
    grids
}

fn namespace(namespace: &Namespace) -> Vec<String> {
    vec![
        namespace.name.clone(),
        enforces(namespace),
        level(namespace.today),
        level(namespace.after_safe_fixes),
        namespace.blockers.join(", "),
    ]
}

fn faults(decision: &Decision, skip: usize) -> impl Iterator<Item = Vec<String>> {
    decision.checks.iter().flat_map(move |check| {
        check.faults.iter().map(move |fault| {
            let place = match (&decision.file, fault.line) {
                (Some(file), Some(line)) => format!("{file}:{line}"),
                _ => String::new(),
            };
            let cells = [
                place,
                full_name(decision),
                decision.policy().to_string(),
                check.id.to_owned(),
                fault.path.clone(),
                fault.current.clone().unwrap_or_else(|| "unset".to_owned()),
                fault.allowed.to_owned(),
                fault.fix.as_str().to_owned(),
            ];
            cells.into_iter().skip(skip).collect()
        })
    })
}

fn full_name(decision: &Decision) -> String {
    let object = &decision.object;
    if object.namespace.is_empty() {
        object.short()
    } else {
        format!("{}/{}", object.namespace, object.short())
    }
}

fn summary(report: &Report) -> String {
    let counted = |count: usize, one: &'static str, many: &'static str| {
        format!("{count} {}", plural(count, one, many))
    };
    let failing = report.decisions.iter().filter(|it| !it.allowed).count();
    format!(
        "Checked {} as a {} server does: {}, {} not evaluated.",
        counted(report.evaluated, "object", "objects"),
        report.server_version,
        counted(failing, "violation", "violations"),
        report.unseen.len()
    )
}

/// Tables for a pull request.
pub(super) fn markdown(report: &Report) -> String {
    let mut text = format!("# Pod security\n\n{}\n", summary(report));
    for grid in grids(report) {
        let table = markdown::table(&grid.headers, grid.rows);
        text.push_str(&format!("\n## {}\n\n{table}", grid.title));
    }
    text
}

/// One file without scripts and without anything from elsewhere.
pub(super) fn html(report: &Report) -> String {
    let mut page = Page::new("Pod security");
    page.paragraph(&summary(report));
    for grid in grids(report) {
        page.heading(grid.title);
        let rows = grid.rows.iter();
        let rows = rows.map(|row| row.iter().map(Cell::from));
        page.table(grid.headers.iter().copied(), 1, rows);
    }
    page.finish()
}
