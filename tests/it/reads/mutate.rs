//! Files that are nearly right.

use fastrand::Rng;

/// What an author slips in, or an attacker.
const PIECES: &[&str] = &[
    "<<: *x\n",
    "<<: {a: 2}\n",
    "&x ",
    "*x",
    "---\n",
    "...\n",
    "---# c\n",
    "--- a\n",
    "\u{2028}",
    "\u{2029}",
    "\u{85}",
    "\r\n",
    "\r",
    "\t",
    "? ",
    ": ",
    ":",
    "- ",
    "-",
    "{",
    "}",
    "[",
    "]",
    ",",
    "'",
    "\"",
    "\\",
    "\\n",
    "\\\n",
    "|\n",
    ">-\n",
    "|2\n",
    "|+",
    "#",
    " # c",
    "%YAML 1.1\n",
    "%TAG ! !\n",
    "!!str ",
    "!!int ",
    "! ",
    "!foo ",
    "!!null ",
    "~",
    "yes",
    "0x1F",
    "1_0",
    "08",
    ".5",
    "1e3",
    "null: 1\n",
    "1: x\n",
    "true: y\n",
    "\u{feff}",
    "\u{a0}",
    "  ",
    "\n",
    "\n\n",
    "a: 1\n",
    "a: 2\n",
    "kind: B\n",
    "@",
    "`",
    "\u{7f}",
    "é",
    "😀",
    "\"a\": ",
    "{a: b}",
    "[a, b]",
    "<<",
    "=",
    ".inf",
    "0b1",
    "-0b1",
    "+1",
    "1:2",
    "\\u0041",
    "\\ud800",
];

/// Returns a file of the corpus after some changes.
pub(super) fn one(corpus: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let pick = |random: &mut Rng| {
        let file = &corpus[random.usize(..corpus.len())];
        String::from_utf8_lossy(file).into_owned()
    };
    let mut text = pick(random);
    for _ in 0..[1, 1, 1, 2, 2, 4][random.usize(..6)] {
        text = match random.u8(..10) {
            0..=3 => insert(&text, PIECES[random.usize(..PIECES.len())], random),
            4 => lines(&text, random, |lines, at, _| {
                lines.remove(at);
            }),
            5 => lines(&text, random, |lines, at, random| {
                let line = lines[at].clone();
                lines.insert(random.usize(..=lines.len()), line);
            }),
            6 => lines(&text, random, |lines, at, random| {
                let blanks = " ".repeat(random.usize(..4));
                lines[at] = format!("{blanks}{}", lines[at].trim_start_matches(' '));
            }),
            7 => lines(&text, random, |lines, at, random| {
                let other = random.usize(..lines.len());
                lines.swap(at, other);
            }),
            8 => remove(&text, random),
            _ => {
                let other = pick(random);
                let joint = ["", "---\n", "\n"][random.usize(..3)];
                format!("{text}{joint}{other}")
            }
        };
    }
    text.into_bytes()
}

/// Returns a place between two characters.
fn place(text: &str, random: &mut Rng) -> usize {
    let mut at = random.usize(..=text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Puts a piece somewhere, at the beginning of a line more often than not.
fn insert(text: &str, piece: &str, random: &mut Rng) -> String {
    let mut at = place(text, random);
    if random.bool() {
        at = text[..at].rfind('\n').map_or(0, |end| end + 1);
    }
    format!("{}{piece}{}", &text[..at], &text[at..])
}

fn remove(text: &str, random: &mut Rng) -> String {
    let at = place(text, random);
    let mut rest = text[at..].chars();
    rest.next();
    format!("{}{}", &text[..at], rest.as_str())
}

fn lines(
    text: &str,
    random: &mut Rng,
    change: impl FnOnce(&mut Vec<String>, usize, &mut Rng),
) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    if !lines.is_empty() {
        let at = random.usize(..lines.len());
        change(&mut lines, at, random);
    }
    lines.concat()
}
