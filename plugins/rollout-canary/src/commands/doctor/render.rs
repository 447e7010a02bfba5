//! The diagnosis as text.

use crate::commands::doctor::decide::Diagnosis;

pub fn lines(diagnosis: &Diagnosis) -> String {
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
