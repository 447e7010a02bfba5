//! Documents of a file, each read alone, so that a broken one does not hide the others.

/// The text of one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// The text, its `---` line included.
    pub text: &'a str,
    /// Bytes before it in the file.
    pub offset: usize,
    /// Lines before it in the file.
    pub lines: usize,
}

/// Splits where a line begins with `---`, which YAML allows nowhere else at the beginning of a
/// line. Chunks with nothing but comments, directives and blank lines are left out.
#[must_use]
pub fn split(text: &str) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let (mut start, mut start_line, mut has_content) = (0, 0, false);
    let mut offset = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if is_separator(line) {
            if has_content {
                chunks.push(Chunk {
                    text: &text[start..offset],
                    offset: start,
                    lines: start_line,
                });
            }
            (start, start_line) = (offset, number);
            has_content = false;
            let after = line[3..].trim();
            has_content |= !after.is_empty() && !after.starts_with('#');
        } else {
            let line = line.trim();
            has_content |= !line.is_empty()
                && !line.starts_with('#')
                && !line.starts_with('%')
                && line != "...";
        }
        offset += line.len();
    }
    if has_content {
        chunks.push(Chunk {
            text: &text[start..],
            offset: start,
            lines: start_line,
        });
    }
    chunks
}

fn is_separator(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_within_a_line_or_a_block_do_not_split() {
        let text = "a: |\n  ---\n  x\n---\n# nothing\n--- # more\nb: ---\r\n---\r\nc: 1\n";
        let chunks = split(text);
        let lines: Vec<usize> = chunks.iter().map(|chunk| chunk.lines).collect();
        assert_eq!(lines, [0, 5, 7]);
        assert!(
            chunks
                .iter()
                .all(|chunk| text[chunk.offset..].starts_with(chunk.text))
        );
    }

    #[test]
    fn a_file_of_comments_has_no_document() {
        assert!(split("# a\n---\n---\n\n").is_empty());
    }
}
