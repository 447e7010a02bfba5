//! One page for people who do not use kubectl: one file that needs no server and no other file,
//! reads well in the dark and prints on paper.

use std::borrow::Cow;

/// What a browser may do with a page: nothing that reaches out.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

const STYLE: &str = "\
body{font:15px/1.4 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}
table{border-collapse:collapse;margin-bottom:2rem}
th,td{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #ddd;vertical-align:top}
td{overflow-wrap:anywhere}
th{background:#fff}
tbody th{font-weight:normal}
thead th{position:sticky;top:0;z-index:1}
tbody th:first-child{position:sticky;left:0}
td[title]{background:#e7f4e7}
.warning{background:#fde2e2;padding:.5rem}
@media(prefers-color-scheme:dark){
body,th{color:#ddd;background:#181818}
th,td{border-color:#444}
td[title]{background:#1d3a1d}
.warning{background:#4a1d1d}}
@media print{
body{margin:0;color:#000;background:#fff}
label{display:none}
thead{display:table-header-group}
thead th,tbody th:first-child{position:static}
tr{break-inside:avoid}}";

/// Hides rows and columns of the first table whose names do not hold what is typed.
const FILTER: &str = "\
const table=document.querySelector('table'),fixed=+table.dataset.fixed;
const filter=()=>{
const r=document.getElementById('rows').value.toLowerCase(),c=document.getElementById('columns').value.toLowerCase();
const shown=[...table.rows[0].cells].map((cell,i)=>i<fixed||cell.textContent.toLowerCase().includes(c));
[...table.rows].forEach((row,i)=>{
row.hidden=i>0&&![...row.cells].slice(0,fixed).some(cell=>cell.textContent.toLowerCase().includes(r));
[...row.cells].forEach((cell,j)=>cell.hidden=!shown[j]);});};
document.querySelectorAll('input').forEach(input=>input.addEventListener('input',filter));
";

/// A page that is being written.
#[derive(Clone, Debug)]
pub struct Page {
    text: String,
    filters: bool,
}

/// One cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell<'a> {
    /// What it says.
    pub text: Cow<'a, str>,
    /// What is shown when it is pointed at; empty is nothing.
    pub title: Cow<'a, str>,
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

impl<'a> From<&'a String> for Cell<'a> {
    fn from(text: &'a String) -> Self {
        text.as_str().into()
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

impl Page {
    /// Begins a page.
    #[must_use]
    pub fn new(title: &str) -> Self {
        let title = escape(title);
        Self {
            text: format!(
                "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                 <meta name=\"viewport\" content=\"width=device-width\">\n\
                 <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
                 <title>{title}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n\
                 <h1>{title}</h1>\n"
            ),
            filters: false,
        }
    }

    /// Adds a paragraph.
    pub fn paragraph(&mut self, text: &str) {
        self.text.push_str(&format!("<p>{}</p>\n", escape(text)));
    }

    /// Adds a paragraph that nobody overlooks.
    pub fn warning(&mut self, text: &str) {
        let text = escape(text);
        self.text
            .push_str(&format!("<p class=\"warning\">{text}</p>\n"));
    }

    /// Adds the heading of what follows.
    pub fn heading(&mut self, text: &str) {
        self.text.push_str(&format!("<h2>{}</h2>\n", escape(text)));
    }

    /// Adds fields that narrow down the rows and columns of the first table.
    pub fn filters(&mut self) {
        self.filters = true;
        self.text.push_str(
            "<p><label>Rows with: <input id=\"rows\" autofocus></label>\n\
             <label>Columns with: <input id=\"columns\"></label></p>\n",
        );
    }

    /// Adds a table, in whose rows the first `fixed` cells name the row.
    pub fn table<'a>(
        &mut self,
        headers: impl IntoIterator<Item = &'a str>,
        fixed: usize,
        rows: impl IntoIterator<Item = impl IntoIterator<Item = Cell<'a>>>,
    ) {
        let text = &mut self.text;
        text.push_str(&format!("<table data-fixed=\"{fixed}\">\n<thead>\n<tr>"));
        for header in headers {
            text.push_str(&format!("<th>{}</th>", escape(header)));
        }
        text.push_str("</tr>\n</thead>\n<tbody>\n");
        for row in rows {
            text.push_str("<tr>");
            for (at, cell) in row.into_iter().enumerate() {
                let tag = if at < fixed { "th" } else { "td" };
                let title = if cell.title.is_empty() {
                    String::new()
                } else {
                    format!(" title=\"{}\"", escape(&cell.title))
                };
                text.push_str(&format!("<{tag}{title}>{}</{tag}>", escape(&cell.text)));
            }
            text.push_str("</tr>\n");
        }
        text.push_str("</tbody>\n</table>\n");
    }

    /// Ends the page and returns it.
    #[must_use]
    pub fn finish(mut self) -> String {
        if self.filters {
            self.text
                .push_str(&format!("<script>\n{FILTER}</script>\n"));
        }
        self.text.push_str("</body>\n</html>\n");
        self.text
    }
}

/// Escapes text for HTML; control characters become a question mark.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(letter),
            letter if letter.is_control() => safe.push('?'),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_shown_becomes_markup() {
        let evil = "<script>alert('x')</script>\"&\u{1b}";
        let mut page = Page::new(evil);
        page.paragraph(evil);
        page.warning(evil);
        page.heading(evil);
        page.filters();
        let cell = Cell {
            text: evil.into(),
            title: evil.into(),
        };
        page.table([evil], 1, [[cell.clone(), cell]]);
        let page = page.finish();
        assert_eq!(page.matches("<script>").count(), 1);
        assert!(!page.contains("alert('x')") && !page.contains('\u{1b}'));
        assert_eq!(page.matches("&lt;script&gt;").count(), 10);
    }

    #[test]
    fn a_page_needs_nothing_from_elsewhere() {
        let mut page = Page::new("Access");
        page.paragraph("All of it.");
        let cell = Cell {
            text: "get".into(),
            title: "x".into(),
        };
        page.table(["NAME", "VERBS"], 1, [["pods".into(), cell]]);
        let page = page.finish();
        assert!(!page.contains("http:") && !page.contains("src="), "{page}");
        assert!(!page.contains("<script>"), "{page}");
        insta::assert_snapshot!(page.split("</style>").nth(1).unwrap_or_default());
    }
}
