//! How wide the columns of a table are, and where long cells are folded.

use textwrap::core::Word;
use textwrap::wrap_algorithms::wrap_first_fit;
use unicode_width::UnicodeWidthStr;

/// The narrowest column that can still be read.
const NARROW: usize = 10;

/// The longest word that a column is widened for, as far as there is room.
const WORDS: [usize; 4] = [24, 16, 12, 0];

/// Returns how wide each column may be, so that no line is wider than `width`; `None` when there
/// are too many columns.
///
/// Wide columns give first, all to the same width; what is left over goes to the columns on the
/// left, where the names are.
pub(super) fn limits<'a>(
    lines: impl Iterator<Item = &'a Vec<String>>,
    width: usize,
    gap: usize,
) -> Option<Vec<usize>> {
    let mut natural: Vec<usize> = Vec::new();
    let mut least: Vec<usize> = Vec::new();
    for cells in lines {
        let columns = natural.len().max(cells.len());
        natural.resize(columns, 0);
        least.resize(columns, 0);
        for ((widest, least), cell) in natural.iter_mut().zip(&mut least).zip(cells) {
            *widest = cell.width().max(*widest);
            let longest = parts(cell, LOOSE).map(|part| part.word.width()).max();
            *least = longest.unwrap_or_default().max(*least);
        }
    }
    let room = width.checked_sub(gap * natural.len().saturating_sub(1))?;
    if natural.iter().sum::<usize>() <= room {
        return Some(natural);
    }
    // Words stay whole where that is possible, the longest ones are folded first.
    let (least, limit) = WORDS.iter().find_map(|longest| {
        let least: Vec<usize> = least.iter().map(|one| (*one).min(*longest)).collect();
        let limit = shared_limit(&natural, &least, room)?;
        Some((least, limit))
    })?;
    let fitted = || {
        natural
            .iter()
            .zip(&least)
            .map(|(one, least)| (*one).min(limit.max(*least)))
    };
    let mut left = room - fitted().sum::<usize>();
    let fitted = fitted().zip(&natural).map(|(fitted, natural)| {
        let more = (natural - fitted).min(left);
        left -= more;
        fitted + more
    });
    Some(fitted.collect())
}

/// Returns the widest limit that all columns can have, none below its least.
fn shared_limit(natural: &[usize], least: &[usize], room: usize) -> Option<usize> {
    let total = |limit: usize| {
        let columns = natural.iter().zip(least);
        let fitted = columns.map(|(one, least)| (*one).min(limit.max(*least)));
        fitted.sum::<usize>()
    };
    let widest = natural.iter().copied().max().unwrap_or_default();
    (NARROW..widest).rev().find(|limit| total(*limit) <= room)
}

/// Folds a text into lines of at most `width` columns: at blanks and after what divides the parts
/// of a name, within a part that is too long at its dashes and dots, else anywhere.
pub(super) fn folded(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let words = parts(text, LOOSE).flat_map(|part| {
        if part.word.width() <= width {
            return vec![part];
        }
        let blanks = part.whitespace;
        let mut finer: Vec<Word<'_>> = parts(part.word, TIGHT).collect();
        if let Some(last) = finer.last_mut() {
            last.whitespace = blanks;
        }
        finer
    });
    let words = textwrap::core::break_words(words, width);
    #[expect(
        clippy::cast_precision_loss,
        reason = "a terminal has a few hundred columns"
    )]
    let lines = wrap_first_fit(&words, &[width as f64]);
    let lines = lines.into_iter().map(|line| {
        let mut shown = String::new();
        for word in line {
            shown.push_str(word.word);
            shown.push_str(word.whitespace);
        }
        shown.truncate(shown.trim_end().len());
        shown
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What divides a name into parts.
const LOOSE: &[char] = &['/', ',', ':', '@', '=', ';'];

/// What divides a part.
const TIGHT: &[char] = &['-', '.', '_'];

/// Returns words, and of a long name what stands between dividers.
fn parts<'a>(line: &'a str, dividers: &[char]) -> std::vec::IntoIter<Word<'a>> {
    let mut parts = Vec::new();
    let mut start = 0;
    let ends = |letter: char| letter == ' ' || dividers.contains(&letter);
    let mut letters = line.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let goes_on = letters.peek().is_some_and(|(_, next)| ends(*next));
        if ends(letter) && !goes_on {
            let end = at + letter.len_utf8();
            parts.push(Word::from(&line[start..end]));
            start = end;
        }
    }
    if start < line.len() {
        parts.push(Word::from(&line[start..]));
    }
    parts.into_iter()
}
