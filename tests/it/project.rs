//! The project's own promises about itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use groundcrew_sandbox::layout::workspace_root;
use groundcrew_sandbox::release::word;
use harness::{Case, Need, Suite};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "every_file_of_tests_is_run",
            &[],
            every_file_of_tests_is_run,
        ),
        Case::new(
            "the_readme_names_every_exit_code",
            &[],
            the_readme_names_every_exit_code,
        ),
        Case::new(
            "every_link_in_the_documents_leads_somewhere",
            &[],
            every_link_leads_somewhere,
        ),
        Case::new(
            "the_readme_shows_what_the_guides_show",
            &[],
            the_readme_shows_what_the_guides_show,
        ),
        Case::new("main_is_a_sentence", &[], main_is_a_sentence),
        Case::new(
            "the_reference_is_what_the_plugins_say",
            &[Need::Plugins],
            reference,
        ),
        Case::new(
            "every_command_has_a_manual_page",
            &[Need::Plugins],
            manual_pages,
        ),
    ]
}

/// Guides are run and compared by a test; the README is a selection of their lines.
fn the_readme_shows_what_the_guides_show(_: &Suite) {
    let root = workspace_root();
    let mut shown = BTreeSet::new();
    for entry in fs::read_dir(root.join("docs/guides")).expect("docs/guides can be read") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a guide can be read");
        shown.extend(console_lines(&text));
    }
    let readme = fs::read_to_string(root.join("README.md")).expect("README.md can be read");
    let mine = console_lines(&readme);
    assert!(mine.len() > 10, "{mine:?}");
    let other: Vec<&String> = mine.iter().filter(|line| !shown.contains(*line)).collect();
    assert!(
        other.is_empty(),
        "lines of README.md that no guide has: {other:#?}"
    );
}

/// Lines inside of blocks that begin with ```` ```console ````.
fn console_lines(text: &str) -> Vec<String> {
    let mut inside = false;
    text.lines()
        .filter(|line| {
            let was = inside;
            if line.starts_with("```") {
                inside = *line == "```console";
                return false;
            }
            was
        })
        .map(str::to_owned)
        .collect()
}

fn every_file_of_tests_is_run(_: &Suite) {
    let root = workspace_root().join("tests/it");
    let files: BTreeSet<String> = fs::read_dir(&root)
        .expect("tests/it can be read")
        .flatten()
        .filter_map(|entry| {
            entry
                .file_name()
                .to_str()?
                .strip_suffix(".rs")
                .map(str::to_owned)
        })
        .filter(|name| name != "main" && name != "core")
        .collect();
    let main = fs::read_to_string(root.join("main.rs")).expect("main.rs can be read");
    let run = |name: &String| {
        main.contains(&format!("mod {name};")) && main.contains(&format!("{name}::cases()"))
    };
    let forgotten: Vec<&String> = files.iter().filter(|name| !run(name)).collect();
    assert!(
        forgotten.is_empty(),
        "not run by tests/it/main.rs: {forgotten:?}"
    );
}

fn the_readme_names_every_exit_code(_: &Suite) {
    let readme = read("README.md");
    for exit in groundcrew::exit::Exit::ALL {
        let row = format!("| {} | {} |", exit.code(), exit.meaning());
        assert!(readme.contains(&row), "README.md lacks the row {row}");
    }
}

fn every_link_leads_somewhere(_: &Suite) {
    let root = workspace_root();
    let mut documents = ["README.md", "CONTRIBUTING.md", "SECURITY.md"]
        .map(str::to_owned)
        .to_vec();
    for folder in ["docs", "docs/guides", "docs/rights"] {
        let entries = fs::read_dir(root.join(folder)).expect("the folder can be read");
        let names = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name.ends_with(".md"));
        documents.extend(names.map(|name| format!("{folder}/{name}")));
    }
    let mut dead = Vec::new();
    for document in &documents {
        let text = read(document);
        let from = Path::new(document).parent().unwrap_or(Path::new(""));
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = target.split('#').next().unwrap_or_default();
            if !target.contains("://") && !file.is_empty() && !root.join(from).join(file).exists() {
                dead.push(format!("{document}: {target}"));
            }
        }
    }
    assert!(dead.is_empty(), "dead links: {dead:?}");
}

fn main_is_a_sentence(_: &Suite) {
    let plugins = fs::read_dir(workspace_root().join("plugins")).expect("plugins can be read");
    for plugin in plugins.flatten() {
        let main = fs::read_to_string(plugin.path().join("src/main.rs")).expect("main.rs exists");
        let code = main
            .lines()
            .filter(|line| !line.starts_with("mod ") && !line.is_empty());
        assert!(
            code.count() <= 20,
            "{} is too long",
            plugin.path().display()
        );
    }
}

fn reference(suite: &Suite) {
    for plugin in suite.plugins() {
        let word = word(&plugin);
        let output = suite.program(&suite.plugin(&plugin)).line("manual").run();
        let page = format!("docs/reference/{word}.md");
        assert!(
            output.success().stdout == read(&page),
            "{page} is not what {plugin} says; write it again: cargo sandbox reference"
        );
    }
}

fn manual_pages(suite: &Suite) {
    for plugin in suite.plugins() {
        let word = word(&plugin);
        let directory = suite.path(&format!("man-{word}"));
        let run = suite.program(&suite.plugin(&plugin)).line("manual --man");
        run.args([&directory]).run().success().no_answer();
        let page = |name: &str| {
            let page = directory.join(name);
            fs::read_to_string(&page).unwrap_or_else(|_| panic!("{}", page.display()))
        };
        let first = page(&format!("kubectl-{word}.1"));
        assert!(first.contains(".SH SYNOPSIS"), "{first}");
        let of_completion = page(&format!("kubectl-{word}-completion.1"));
        assert!(of_completion.contains("install"), "{of_completion}");
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(workspace_root().join(path)).unwrap_or_else(|_| panic!("{path} exists"))
}
