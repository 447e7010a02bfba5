//! One YAML document as kubectl reads it.

mod chars;
mod names;
pub(super) mod parser;
pub(super) mod scalar;
mod scalars;
mod scanner;
mod token;

use parser::Read;

use crate::manifest::fault::Fault;

/// Reads one document, which begins after `lines` lines of its file.
pub(super) fn read(text: &str, lines: usize) -> Result<Read, Fault> {
    let read = refuse_characters(text).and_then(|()| parser::Parser::new(text, lines).document());
    match read {
        Ok(mut read) => {
            if let Some(line) = &mut read.ignored {
                *line += lines;
            }
            Ok(read)
        }
        Err(fault) => Err(Fault {
            line: fault.line + lines,
            message: format!("not YAML as kubectl reads it: {}", fault.message),
        }),
    }
}

/// Characters that Go's reader refuses, and a byte order mark within, which it loses.
fn refuse_characters(text: &str) -> Result<(), Fault> {
    let found = text.char_indices().find(|(_, letter)| {
        matches!(letter,
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}'
            | '\u{86}'..='\u{9f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    });
    let Some((at, letter)) = found else {
        return Ok(());
    };
    let line = text[..at].matches('\n').count() + 1;
    let name = u32::from(letter);
    Err(Fault {
        line,
        message: format!("the character U+{name:04X}, which YAML does not allow here"),
    })
}
