//! Plain English, where people read it: messages, help and documents.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use groundcrew_sandbox::layout::workspace_root;
use harness::{Case, Suite};
use regex::Regex;
use syn::visit::{self, Visit};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("messages_are_plain_english", &[], messages),
        Case::new("documents_are_plain_english", &[], documents),
        Case::new("help_summaries_start_with_a_verb", &[], summaries),
    ]
}

/// What reads as translated, and what it should be.
const WORDS: [(&str, &str); 15] = [
    (r"\bwhom\b", "who, or another sentence"),
    (r"\bwhoever\b", "the user, anyone who"),
    (r"\bmend(s|ed|ing)?\b", "fix"),
    (r"\banew\b", "again, recreate"),
    (r"\bto the letter\b", "literally"),
    (r"\bstands? in the way\b", "blocks"),
    (r"\bby other hands\b", "something else does it"),
    (r"\b(is|are) not stated\b", "is required, is not given"),
    (r"\bothers all the time\b", "keeps being changed"),
    (r"\bat this moment\b", "now"),
    (r"\bhas no form\b", "does not support"),
    (r"\bfor good\b", "permanently"),
    (r"\bhers\b", "the user's"),
    (r"\bcan bear\b", "can meet"),
    (
        r"\b(colour|behaviour|favour|cancelled)",
        "American spelling",
    ),
];

/// `is no claim` is to be `is not a claim`; `there is no …` and `is no longer` are English.
fn is_no(text: &str) -> Option<String> {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)\b(\S+ )?(is|are) no (\w+)").expect("the pattern is sound")
    });
    PATTERN
        .captures_iter(text)
        .find(|found| {
            let before = found.get(1).map_or("", |word| word.as_str()).to_lowercase();
            let after = found[3].to_lowercase();
            !before.ends_with("there ") && !["longer", "more", "less"].contains(&after.as_str())
        })
        .map(|found| found[0].to_owned())
}

/// Returns what of a text is not plain.
fn faults(text: &str) -> Vec<String> {
    let mut faults: Vec<String> = is_no(text)
        .map(|found| format!("{found:?}: is not a …"))
        .into_iter()
        .collect();
    static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let compile = |(pattern, better)| {
            let pattern = Regex::new(&format!("(?i){pattern}")).expect("the pattern is sound");
            (pattern, better)
        };
        WORDS.map(compile).into()
    });
    for (pattern, better) in PATTERNS.iter() {
        if let Some(found) = pattern.find(text) {
            faults.push(format!("{:?}: {better}", found.as_str()));
        }
    }
    faults
}

fn messages(_: &Suite) {
    let root = workspace_root();
    let mut wrong = Vec::new();
    for folder in ["plugins", "shared/src", "tests/sandbox/src"] {
        for path in files(&root.join(folder), "rs") {
            let name = path.strip_prefix(&root).unwrap_or(&path).display();
            if path.components().any(|part| part.as_os_str() == "tests") && folder == "plugins" {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a file can be read");
            let file = syn::parse_file(&text).expect("a file is Rust");
            let mut reader = Literals::default();
            reader.visit_file(&file);
            for literal in reader.0 {
                for fault in faults(&literal) {
                    wrong.push(format!("{name}: {fault} in {literal:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn documents(_: &Suite) {
    let root = workspace_root();
    let mut pages = files(&root.join("docs"), "md");
    let top = ["README.md", "CONTRIBUTING.md", "SECURITY.md"];
    pages.extend(top.map(|page| root.join(page)));
    let mut wrong = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).expect("a page can be read");
        let name = page.strip_prefix(&root).unwrap_or(&page).display();
        // A phrase may go over the end of a line.
        for paragraph in text.split("\n\n") {
            let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
            for fault in faults(&line) {
                let start: String = line.chars().take(60).collect();
                wrong.push(format!("{name}: {fault} in {start:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a summary may begin with; a new command adds its verb.
const VERBS: [&str; 46] = [
    "Park",
    "Accept",
    "Answer",
    "Apply",
    "Ask",
    "Audit",
    "Check",
    "Claim",
    "Combine",
    "Compare",
    "Convert",
    "Create",
    "Delete",
    "Explain",
    "Export",
    "Extend",
    "Find",
    "Fix",
    "Generate",
    "Get",
    "Give",
    "Grant",
    "Install",
    "Issue",
    "Label",
    "List",
    "Look",
    "Make",
    "Onboard",
    "Plan",
    "Print",
    "Promote",
    "Protect",
    "Remove",
    "Release",
    "Renew",
    "Report",
    "Resume",
    "Roll",
    "Run",
    "Save",
    "Set",
    "Show",
    "Transfer",
    "Uninstall",
    "Warn",
];

fn summaries(_: &Suite) {
    let mut wrong = Vec::new();
    for page in files(&workspace_root().join("docs/reference"), "md") {
        let text = fs::read_to_string(&page).expect("a page can be read");
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if line != "Commands:" {
                continue;
            }
            for row in lines.by_ref().take_while(|row| !row.is_empty()) {
                // A summary that goes on is indented further than a command.
                let Some(row) = row.strip_prefix("  ").filter(|row| !row.starts_with(' ')) else {
                    continue;
                };
                let (word, summary) = row.split_once(' ').unwrap_or((row, ""));
                let verb = summary.split_whitespace().next().unwrap_or_default();
                if !VERBS.contains(&verb) {
                    wrong.push(format!("{}: {word}: {summary:?}", page.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns every file below a folder with that ending.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)
        .expect("a folder can be read")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|own| own == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Collects the string literals of a file, tests left out; those in macros too.
#[derive(Default)]
struct Literals(Vec<String>);

impl<'ast> Visit<'ast> for Literals {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        self.0.push(literal.value());
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        self.tokens(invocation.tokens.clone());
    }

    // Documentation is not a message; help texts are checked in the reference.
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}

impl Literals {
    fn tokens(&mut self, tokens: proc_macro2::TokenStream) {
        for token in tokens {
            match token {
                proc_macro2::TokenTree::Group(group) => self.tokens(group.stream()),
                proc_macro2::TokenTree::Literal(literal) => {
                    if let syn::Lit::Str(text) = syn::Lit::new(literal) {
                        self.0.push(text.value());
                    }
                }
                _ => {}
            }
        }
    }
}
