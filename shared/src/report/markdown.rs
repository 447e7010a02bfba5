//! Tables for pull requests, in GitHub's Markdown.

use crate::ui::visible;

/// Renders a table; headers and cells are escaped.
pub fn table<C: AsRef<str>>(
    headers: &[impl AsRef<str>],
    rows: impl IntoIterator<Item = impl IntoIterator<Item = C>>,
) -> String {
    let mut text = String::new();
    line(&mut text, headers.iter());
    text.push('|');
    text.push_str(&"---|".repeat(headers.len()));
    text.push('\n');
    for row in rows {
        line(&mut text, row);
    }
    text
}

fn line<C: AsRef<str>>(text: &mut String, cells: impl IntoIterator<Item = C>) {
    text.push('|');
    for cell in cells {
        text.push(' ');
        text.push_str(&escape(cell.as_ref()));
        text.push_str(" |");
    }
    text.push('\n');
}

/// Escapes text for one line: no markup, no cell of its own, no line of its own, no link.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in visible(text).chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '|' | '*' | '`' | '\\' => safe.extend(['\\', letter]),
            // A link is `[text](address)`; brackets alone are an index.
            '(' if safe.ends_with(']') => safe.push_str("\\("),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_one_cell_and_text() {
        let cell = "a|b\n<i>*x*</i> [y](http://z) `c[0]` & \u{1b}";
        assert_eq!(
            table(&["who", "why"], [[cell, "é"]]),
            "| who | why |\n|---|---|\n| a\\|b\\\\n&lt;i&gt;\\*x\\*&lt;/i&gt; [y]\\(http://z) \\`c[0]\\` \
             &amp; \\\\x1b | é |\n"
        );
    }
}
