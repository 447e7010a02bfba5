//! The matrix as one file for people who do not use kubectl: no server, no other file.

use can_i_audit::model::policy::Policy;

use super::layout::Matrix;

const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Who can do what</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>
body{font:14px system-ui,sans-serif;margin:1rem}
table{border-collapse:collapse}
th,td{padding:2px 8px;border-bottom:1px solid #ddd;text-align:left;white-space:nowrap}
th{background:#fff;font-weight:normal}
thead th{position:sticky;top:0;font-weight:bold;z-index:1}
tbody th:first-child{position:sticky;left:0}
td[title]{background:#e7f4e7}
.open{background:#fde2e2;padding:.5rem}
</style></head><body>
<h1>Who can do what</h1>
<p>What the groups of a subject may do and what holds cluster-wide is included. Point at a cell for
the bindings behind it.</p>
<p><label>Rows with: <input id="rows" autofocus></label>
<label>Columns with: <input id="columns"></label></p>
"#;

const TAIL: &str = r"</tbody></table>
<script>
const table=document.querySelector('table'),fixed=+table.dataset.fixed;
const filter=()=>{
const r=document.getElementById('rows').value.toLowerCase(),c=document.getElementById('columns').value.toLowerCase();
const shown=[...table.rows[0].cells].map((cell,i)=>i<fixed||cell.textContent.toLowerCase().includes(c));
[...table.rows].forEach((row,i)=>{
row.hidden=i>0&&![...row.cells].slice(0,fixed).some(cell=>cell.textContent.toLowerCase().includes(r));
[...row.cells].forEach((cell,j)=>cell.hidden=!shown[j]);});};
document.querySelectorAll('input').forEach(input=>input.addEventListener('input',filter));
</script></body></html>
";

/// Renders the page.
pub(super) fn page(policy: &Policy, matrix: &Matrix, verbs: &[String]) -> String {
    let mut text = HEAD.to_owned();
    for gap in &policy.gaps {
        text.push_str(&format!(
            "<p class=\"open\">Incomplete, not read: {}</p>\n",
            escaped(&gap.to_string())
        ));
    }
    text.push_str(&format!(
        "<table data-fixed=\"{}\"><thead><tr>",
        matrix.head.len()
    ));
    let head = matrix.head.iter().copied();
    for title in head.chain(matrix.columns.iter().map(String::as_str)) {
        text.push_str(&format!("<th>{}</th>", escaped(title)));
    }
    text.push_str("</tr></thead><tbody>\n");
    for row in &matrix.rows {
        text.push_str("<tr>");
        for name in &row.names {
            text.push_str(&format!("<th>{}</th>", escaped(name)));
        }
        for at in 0..matrix.columns.len() {
            let cell = row.cells.at(at);
            if cell.is_empty() {
                text.push_str("<td></td>");
                continue;
            }
            let words: Vec<&str> = cell
                .iter()
                .filter_map(|verb| verbs.get(usize::from(*verb)))
                .map(String::as_str)
                .collect();
            let through = row.through.get(at).map_or("", String::as_str);
            text.push_str(&format!(
                "<td title=\"{}\">{}</td>",
                escaped(through),
                escaped(&words.join(" "))
            ));
        }
        text.push_str("</tr>\n");
    }
    text.push_str(TAIL);
    text
}

/// Names come from the cluster and may hold anything.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::super::layout::{Cells, Row};
    use super::*;

    #[test]
    fn a_name_from_the_cluster_stays_text() {
        let evil = "<script>alert('x')</script>".to_owned();
        let matrix = Matrix {
            head: vec!["SUBJECT"],
            columns: vec!["pods".to_owned()],
            rows: vec![Row {
                names: vec![evil.clone()],
                cells: Rc::new(Cells {
                    filled: vec![(0, vec![0])],
                }),
                through: vec![evil],
            }],
            marks: false,
        };
        let page = page(&Policy::default(), &matrix, &["get".to_owned()]);
        assert_eq!(page.matches("<script>").count(), 1);
        assert!(!page.contains("alert('x')"));
    }
}
