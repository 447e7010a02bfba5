//! JUnit, Markdown and HTML.

use psp_advise::model::decision::Decision;
use psp_advise::model::report::{Namespace, Report};
use psp_advise::model::standards::Level;

/// One test per object, level and version; what was not evaluated is an error.
pub(super) fn junit(report: &Report) -> String {
    let failures = report
        .decisions
        .iter()
        .filter(|decision| !decision.allowed)
        .count();
    let tests = report.decisions.len() + report.not_evaluated.len();
    let errors = report.not_evaluated.len();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\"");
    text.push_str(&format!("<testsuites {counts}>\n"));
    text.push_str(&format!(
        "  <testsuite name=\"kubectl psp-advise\" {counts}>\n"
    ));
    for decision in &report.decisions {
        let class = decision
            .file
            .as_deref()
            .unwrap_or(&decision.object.namespace);
        let name = format!("{} {}", full_name(decision), decision.policy());
        text.push_str(&format!(
            "    <testcase classname=\"{}\" name=\"{}\"",
            escape(class),
            escape(&name)
        ));
        if decision.allowed {
            text.push_str("/>\n");
            continue;
        }
        text.push_str(&format!(
            ">\n      <failure message=\"{}\">",
            escape(&decision.message)
        ));
        for fault in decision.checks.iter().flat_map(|check| &check.faults) {
            let line = fault
                .line
                .map_or_else(String::new, |line| format!("line {line}: "));
            let is = fault.current.as_deref().unwrap_or("unset");
            text.push_str(&escape(&format!(
                "{line}{} is {is}, allowed: {}\n",
                fault.path, fault.allowed
            )));
        }
        text.push_str("</failure>\n    </testcase>\n");
    }
    for missing in &report.not_evaluated {
        text.push_str(&format!(
            "    <testcase classname=\"not evaluated\" name=\"{0}\">\n      <error message=\"{0}\"/>\n    </testcase>\n",
            escape(&missing.to_string())
        ));
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
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
                "Could today",
                "After safe fixes",
                "Stands in the way",
            ],
            rows: report.namespaces.iter().map(namespace).collect(),
        });
    }
    grids.push(Grid {
        title: "What does not pass",
        headers: vec![
            "Place", "Object", "Policy", "Check", "Field", "Is", "Allowed", "Fix",
        ],
        rows: report.decisions.iter().flat_map(faults).collect(),
    });
    grids.push(Grid {
        title: "Not evaluated",
        headers: vec!["What"],
        rows: report
            .not_evaluated
            .iter()
            .map(|missing| vec![missing.to_string()])
            .collect(),
    });
    grids.retain(|grid| !grid.rows.is_empty());
    grids
}

fn namespace(namespace: &Namespace) -> Vec<String> {
    let level =
        |level: Option<Level>| level.map_or_else(|| "?".to_owned(), |level| level.to_string());
    let policy = namespace.policy.as_ref();
    vec![
        namespace.name.clone(),
        policy.map_or_else(|| "?".to_owned(), |policy| policy.enforce.to_string()),
        level(namespace.today),
        level(namespace.after_safe_fixes),
        namespace.blockers.join(", "),
    ]
}

fn faults(decision: &Decision) -> impl Iterator<Item = Vec<String>> {
    decision.checks.iter().flat_map(move |check| {
        check.faults.iter().map(move |fault| {
            let place = match (&decision.file, fault.line) {
                (Some(file), Some(line)) => format!("{file}:{line}"),
                _ => String::new(),
            };
            vec![
                place,
                full_name(decision),
                decision.policy().to_string(),
                check.id.to_owned(),
                fault.path.clone(),
                fault.current.clone().unwrap_or_else(|| "unset".to_owned()),
                fault.allowed.to_owned(),
                fault.fix.as_str().to_owned(),
            ]
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
    let failing = report
        .decisions
        .iter()
        .filter(|decision| !decision.allowed)
        .count();
    format!(
        "{} objects evaluated as {} does; {failing} decisions against; {} not evaluated.",
        report.evaluated,
        report.server_version,
        report.not_evaluated.len()
    )
}

/// Tables for a pull request.
pub(super) fn markdown(report: &Report) -> String {
    let mut text = format!("# Pod security\n\n{}\n", summary(report));
    for grid in grids(report) {
        text.push_str(&format!("\n## {}\n\n", grid.title));
        text.push_str(&format!("| {} |\n", grid.headers.join(" | ")));
        text.push_str(&format!("|{}\n", "---|".repeat(grid.headers.len())));
        for row in grid.rows {
            let cells: Vec<String> = row
                .iter()
                .map(|cell| escape(cell).replace('|', "\\|").replace('\n', " "))
                .collect();
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
    }
    text
}

/// One file without scripts and without anything from elsewhere.
pub(super) fn html(report: &Report) -> String {
    const STYLE: &str = "body{font:15px/1.4 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}\
        table{border-collapse:collapse;margin-bottom:2rem}\
        th,td{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #ddd;vertical-align:top}\
        td{overflow-wrap:anywhere}\
        @media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}th,td{border-color:#444}}";
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>Pod security</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Pod security</h1>\n<p>{}</p>\n",
        escape(&summary(report))
    );
    for grid in grids(report) {
        text.push_str(&format!("<h2>{}</h2>\n<table>\n<tr>", grid.title));
        for header in grid.headers {
            text.push_str(&format!("<th>{header}</th>"));
        }
        text.push_str("</tr>\n");
        for row in grid.rows {
            text.push_str("<tr>");
            for cell in row {
                text.push_str(&format!("<td>{}</td>", escape(&cell)));
            }
            text.push_str("</tr>\n");
        }
        text.push_str("</table>\n");
    }
    text.push_str("</body>\n</html>\n");
    text
}

/// Escapes for XML and HTML; characters that XML cannot hold become a question mark.
fn escape(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut escaped, c| {
            match c {
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '"' => escaped.push_str("&quot;"),
                '\n' | '\t' => escaped.push(c),
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('?'),
                c => escaped.push(c),
            }
            escaped
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_manifest_can_become_markup() {
        assert_eq!(
            escape("<a href=\"x\">&\u{1b}</a>"),
            "&lt;a href=&quot;x&quot;&gt;&amp;?&lt;/a&gt;"
        );
    }
}
