//! The floor plan of the source: which file may use which.
//!
//! An arrow is a path from one file to an item of another: in a `use`, or inline. Tests are left
//! out: they may look anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use groundcrew_sandbox::layout::workspace_root;
use harness::{Case, Suite};
use syn::visit::{self, Visit};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("the_plugins_keep_the_floor_plan", &[], plugins),
        Case::new("the_shared_crate_has_no_circles", &[], shared),
    ]
}

/// A module as its path below the crate: `["commands", "list"]`.
type Module = Vec<String>;

/// Which file uses which.
type Arrows = BTreeMap<Module, BTreeSet<Module>>;

/// The floors from the top down; rooms of one floor do not know each other.
const FLOORS: [&[&str]; 6] = [
    &[],
    &["cli"],
    &["commands"],
    &["drive"],
    &["cluster", "local"],
    &["model"],
];

/// What a plugin does when no command is given has no word; its folder is named after what it does.
const WITHOUT_A_WORD: [&str; 5] = ["claim", "issue", "overview", "scan", "start"];

/// Files beside the commands for what several of them share: groups of flags, and the answer that
/// most of them end with.
const BESIDE_COMMANDS: [&str; 2] = ["answer", "flags"];

fn plugins(_: &Suite) {
    let plugins = fs::read_dir(workspace_root().join("plugins")).expect("plugins can be read");
    let wrong: Vec<String> = plugins
        .flatten()
        .flat_map(|plugin| {
            let name = plugin.file_name().to_string_lossy().into_owned();
            violations(&plugin.path().join("src"))
                .into_iter()
                .map(move |text| format!("{name}: {text}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn shared(_: &Suite) {
    let circles = circles(&arrows(&workspace_root().join("shared/src")));
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

/// Returns everything about a plugin that is against the floor plan.
fn violations(source: &Path) -> Vec<String> {
    let arrows = arrows(source);
    let mut wrong = circles(&arrows);
    let words = words(&source.join("cli.rs"));
    for (from, targets) in &arrows {
        let room = from.first().map_or("", String::as_str);
        if floor(room).is_none() {
            wrong.push(format!("{} is not a room of the plan", from.join("::")));
        }
        if let [first, second, ..] = from.as_slice()
            && first == "commands"
            && !words.contains(second)
            && !(from.len() == 2 && BESIDE_COMMANDS.contains(&second.as_str()))
        {
            wrong.push(format!("{} is not a command", from.join("::")));
        }
        for to in targets.iter().filter(|to| !is_allowed(from, to)) {
            wrong.push(format!("{} may not use {}", show(from), show(to)));
        }
    }
    wrong
}

fn is_allowed(from: &[String], to: &[String]) -> bool {
    let room = |module: &[String]| module.first().cloned().unwrap_or_default();
    let (above, below) = (room(from), room(to));
    if to.is_empty() || (below == "cli" && !from.is_empty()) {
        return false;
    }
    if above == "commands" && below == "commands" {
        return match (from.get(1), to.get(1)) {
            (Some(from), Some(to)) => {
                from == to || (BESIDE_COMMANDS.contains(&to.as_str()) && to != from)
            }
            (from, _) => from.is_none(),
        };
    }
    above == below || floor(&above) < floor(&below)
}

fn floor(room: &str) -> Option<usize> {
    match room {
        "" => Some(0),
        _ => FLOORS.iter().position(|rooms| rooms.contains(&room)),
    }
}

fn show(module: &[String]) -> String {
    match module {
        [] => "the crate's root".to_owned(),
        module => module.join("::"),
    }
}

/// Returns the words of the command line as names of modules.
fn words(cli: &Path) -> BTreeSet<String> {
    let mut words: BTreeSet<String> = WITHOUT_A_WORD.map(str::to_owned).into();
    let text = fs::read_to_string(cli).expect("cli.rs can be read");
    let file = syn::parse_file(&text).expect("cli.rs is Rust");
    for item in file.items {
        if let syn::Item::Enum(command) = item {
            words.extend(command.variants.iter().map(|variant| {
                let mut word = String::new();
                for letter in variant.ident.to_string().chars() {
                    if letter.is_uppercase() && !word.is_empty() {
                        word.push('_');
                    }
                    word.extend(letter.to_lowercase());
                }
                word
            }));
        }
    }
    words
}

/// Reads every file below `source`.
fn arrows(source: &Path) -> Arrows {
    let mut files = BTreeMap::new();
    collect(source, &mut Vec::new(), &mut files);
    let mut tests = BTreeSet::new();
    for (module, items) in &files {
        for item in items {
            if let syn::Item::Mod(child) = item
                && is_test(&child.attrs)
            {
                tests.insert([module.as_slice(), &[child.ident.to_string()]].concat());
            }
        }
    }
    files.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
    let modules: BTreeSet<Module> = files.keys().cloned().collect();
    files
        .iter()
        .map(|(module, items)| {
            let mut reader = Reader {
                modules: &modules,
                here: module.clone(),
                found: BTreeSet::new(),
            };
            for item in items {
                reader.visit_item(item);
            }
            reader.found.remove(module);
            (module.clone(), reader.found)
        })
        .collect()
}

fn collect(folder: &Path, module: &mut Module, files: &mut BTreeMap<Module, Vec<syn::Item>>) {
    for entry in fs::read_dir(folder)
        .expect("a folder can be read")
        .flatten()
    {
        let path = entry.path();
        let stem = path.file_stem().unwrap_or_default();
        let stem = stem.to_string_lossy().into_owned();
        if path.is_dir() {
            module.push(stem);
            collect(&path, module, files);
            module.pop();
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).expect("a file can be read");
            let file = syn::parse_file(&text).expect("a file is Rust");
            let mut name = module.clone();
            match stem.as_str() {
                "mod" | "main" | "lib" => {}
                _ => name.push(stem),
            }
            files.entry(name).or_default().extend(file.items);
        }
    }
}

/// Collects the modules that one file uses.
struct Reader<'a> {
    modules: &'a BTreeSet<Module>,
    here: Module,
    found: BTreeSet<Module>,
}

impl Reader<'_> {
    /// Notes the longest part of a path that is a file.
    fn path(&mut self, path: &[String]) {
        let mut base = self.here.clone();
        let mut rest = path;
        match path.first().map(String::as_str) {
            Some("crate") => {
                base.clear();
                rest = &path[1..];
            }
            Some("self") => rest = &path[1..],
            Some("super") => {}
            Some(child)
                if self
                    .modules
                    .contains(&[base.as_slice(), &[child.to_owned()]].concat()) => {}
            _ => return,
        }
        while rest.first().is_some_and(|segment| segment == "super") {
            base.pop();
            rest = &rest[1..];
        }
        base.extend_from_slice(rest);
        while !self.modules.contains(&base) {
            base.pop();
        }
        self.found.insert(base);
    }

    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.path(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.path(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.path(before),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(before, tree);
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            syn::Item::Struct(item) => &item.attrs,
            syn::Item::Const(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.here.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.here.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let segments = path.segments.iter();
            self.path(
                &segments
                    .map(|segment| segment.ident.to_string())
                    .collect::<Vec<_>>(),
            );
        }
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
    })
}

/// Returns each group of files that can all reach one another.
fn circles(arrows: &Arrows) -> Vec<String> {
    let reach: BTreeMap<&Module, BTreeSet<&Module>> = arrows
        .keys()
        .map(|start| {
            let mut seen = BTreeSet::new();
            let mut open = vec![start];
            while let Some(module) = open.pop() {
                for next in arrows.get(module).into_iter().flatten() {
                    if seen.insert(next) {
                        open.push(next);
                    }
                }
            }
            (start, seen)
        })
        .collect();
    let mut told = BTreeSet::new();
    let mut circles = Vec::new();
    for (start, seen) in &reach {
        if !seen.contains(start) || told.contains(start) {
            continue;
        }
        let members: Vec<&&Module> = seen
            .iter()
            .filter(|other| reach[*other].contains(start))
            .collect();
        told.extend(members.iter().map(|module| **module));
        let names: Vec<String> = members.iter().map(|module| show(module)).collect();
        circles.push(format!("a circle of {}: {}", names.len(), names.join(", ")));
    }
    circles
}
