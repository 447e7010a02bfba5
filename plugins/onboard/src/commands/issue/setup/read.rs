//! Reads the directory: every document of every file, with the line on which it begins.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use groundcrew::error::{Error, Result};
use groundcrew::limits;
use groundcrew::manifest::{self, Node};

use crate::commands::issue::setup::manifest::{Manifest, SCRIPT, Setup, wrong};

/// Reads what is in a directory.
pub fn directory(directory: &Path) -> Result<Setup> {
    let shown = directory.display();
    let unreadable =
        |error| Error::usage(format!("cannot read directory {shown}")).with_source(error);
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let extension = path.extension().and_then(|word| word.to_str());
        let is_manifest = matches!(extension, Some("yaml" | "yml" | "json"));
        if is_manifest && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    let mut manifests: Vec<Manifest> = Vec::new();
    let mut problems = Vec::new();
    for path in &files {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match limits::file(path, limits::MANIFESTS) {
            Ok(bytes) => match manifest::text(&bytes) {
                Ok(text) => problems.extend(file(&name, &text, &mut manifests)),
                Err(why) => problems.push(format!("{name}: {why}")),
            },
            Err(error) => problems.push(format!("{name}: {error}")),
        }
    }
    problems.extend(twice(&manifests));
    let script = script(directory, &mut problems);
    if !problems.is_empty() {
        return Err(wrong(directory, problems));
    }
    if manifests.is_empty() && script.is_none() {
        return Err(
            Error::usage(format!("there is nothing to set up in {shown}")).with_hint(format!(
                "it holds manifests (*.yaml, *.yml, *.json), an executable {SCRIPT}, or both"
            )),
        );
    }
    Ok(Setup {
        directory: directory.to_owned(),
        manifests,
        script,
    })
}

/// Finds the script. One that cannot be run was meant to be: leaving it out would hide that.
fn script(directory: &Path, problems: &mut Vec<String>) -> Option<PathBuf> {
    let path = directory.join(SCRIPT);
    let metadata = match fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            problems.push(format!("{SCRIPT}: {error}"));
            return None;
        }
    };
    if !metadata.is_file() || !is_executable(&metadata) {
        let shown = path.display();
        problems.push(format!("{SCRIPT} is not executable: chmod +x {shown}"));
    }
    Some(path)
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    true
}

/// Reads the documents of a file; returns what is wrong with them, and what somebody who reads the
/// text would not expect: here it would go into somebody's namespace.
fn file(name: &str, text: &str, manifests: &mut Vec<Manifest>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut wrong = |line: usize, why: &str| problems.push(format!("{name}:{line}: {why}"));
    for document in manifest::documents(text) {
        for note in &document.notes {
            wrong(note.line, &note.message);
        }
        if let Some(fault) = &document.ignored {
            wrong(fault.line, &fault.message);
        }
        let node = match &document.node {
            Ok(node) if node.is_null() => continue,
            Ok(node) => node,
            Err(fault) => {
                wrong(fault.line, &fault.message);
                continue;
            }
        };
        for found in manifest::objects(node) {
            match found {
                Ok(node) => match object(name, node) {
                    Ok(object) => manifests.push(object),
                    Err(why) => wrong(node.place.line, &why),
                },
                Err(fault) => wrong(fault.line, &fault.message),
            }
        }
    }
    problems
}

fn object(file: &str, node: &Node) -> Result<Manifest, String> {
    let text = |path: &str| node.at(path).and_then(Node::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if api_version.is_empty() {
        return Err("not a manifest: apiVersion is missing".to_owned());
    }
    let name = text("metadata.name");
    if name.is_empty() {
        let why = "needs metadata.name: by its name it is found again";
        return Err(format!("{kind} {why}"));
    }
    let namespace = match node.at("metadata.namespace") {
        None => None,
        Some(node) if node.is_null() => None,
        Some(node) => match node.as_str() {
            Some(name) => Some(name.to_owned()),
            None => return Err(format!("{kind} {name:?}: metadata.namespace is not a text")),
        },
    };
    Ok(Manifest {
        file: file.to_owned(),
        line: node.place.line,
        name: name.to_owned(),
        namespace,
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        value: node.to_json(),
    })
}

/// Names objects that stand there twice: the second would undo the first.
fn twice(manifests: &[Manifest]) -> Vec<String> {
    let mut seen: BTreeMap<String, &Manifest> = BTreeMap::new();
    let mut problems = Vec::new();
    for manifest in manifests {
        let object = manifest.object();
        if let Some(first) = seen.get(&object) {
            let (here, there) = (manifest.place(), first.place());
            problems.push(format!("{here}: {object} is already in {there}"));
        } else {
            seen.insert(object, manifest);
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> (Vec<Manifest>, Vec<String>) {
        let mut manifests = Vec::new();
        let problems = file(name, text, &mut manifests);
        (manifests, problems)
    }

    const TWO: &str = "# first\n\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n\
                       --- # next\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: b\n\
                       ---\n# nothing here\n---\n";

    #[test]
    fn every_document_is_known_by_file_and_line() {
        let (found, problems) = read("web.yaml", TWO);
        assert_eq!(problems, Vec::<String>::new());
        let shown: Vec<String> = found
            .iter()
            .map(|one| format!("{} {}", one.place(), one.object()))
            .collect();
        assert_eq!(
            shown,
            ["web.yaml:3 configmap/a", "web.yaml:7 deployment.apps/b"]
        );
    }

    #[test]
    fn what_is_wrong_is_named_by_the_line_of_the_file() {
        let (_, problems) = read("web.yaml", &format!("{TWO}kind: [\n"));
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].starts_with("web.yaml:14: not YAML"),
            "{problems:?}"
        );
        let (_, problems) = read(
            "a.yml",
            "apiVersion: v1\nkind: Pod\nmetadata: {generateName: x}",
        );
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("a.yml:1: Pod needs metadata.name"));
    }

    #[test]
    fn no_text_of_a_file_is_repeated_in_what_is_wrong_with_it() {
        let (_, problems) = read("s.yaml", "kind: Secret\nstringData: {key: hunter2, ]\n");
        assert_eq!(problems.len(), 1);
        assert!(!problems[0].contains("hunter2"), "{problems:?}");
    }

    #[test]
    fn modes_and_flags_are_read_as_kubectl_reads_them() {
        let text =
            "apiVersion: v1\nkind: X\nmetadata: {name: a}\nmode: 0644\nflag: yes\ntext: \"yes\"\n";
        let (found, _) = read("a.yaml", text);
        let value = &found[0].value;
        assert_eq!(value["mode"], 420);
        assert_eq!(value["flag"], true);
        assert_eq!(value["text"], "yes");
    }

    #[test]
    fn what_kubectl_reads_otherwise_than_it_looks_is_named() {
        let map = "apiVersion: v1\nkind: X\nmetadata: {name: a}\n";
        for (text, line) in [
            (format!("{map}a: 1\na: 2\n"), 5),
            (format!("{map}...\n{map}"), 5),
        ] {
            let (_, problems) = read("a.yaml", &text);
            assert!(
                problems[0].starts_with(&format!("a.yaml:{line}: ")),
                "{problems:?}"
            );
        }
        let (found, problems) = read("a.yaml", &format!("{map}a: {{b: 1, <<: {{b: 2}}}}\n"));
        assert_eq!(
            problems,
            ["a.yaml:4: \"b\" is overridden by the << below it, as kubectl reads it"]
        );
        assert_eq!(found[0].value["a"]["b"], 2);
    }

    #[test]
    fn json_may_hold_several_and_a_list_is_what_it_holds() {
        let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"NAME"}}"#;
        let (a, b, c) = (
            pod.replace("NAME", "a"),
            pod.replace("NAME", "b"),
            pod.replace("NAME", "c"),
        );
        let text =
            format!("{a}\n\n{{\"apiVersion\":\"v1\",\"kind\":\"List\",\n\"items\":[{b},{c}]}}\n");
        let (found, problems) = read("a.json", &text);
        assert_eq!(problems, Vec::<String>::new());
        let places: Vec<String> = found.iter().map(Manifest::place).collect();
        assert_eq!(places, ["a.json:1", "a.json:4", "a.json:4"]);
        let (_, problems) = read("a.json", &format!("{a}\n{{"));
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn an_object_that_stands_there_twice_is_named_with_both_places() {
        let (mut found, _) = read("a.yaml", TWO);
        found.extend(read("b.yaml", TWO).0);
        assert_eq!(
            twice(&found)[0],
            "b.yaml:3: configmap/a is already in a.yaml:3"
        );
        assert_eq!(twice(&found).len(), 2);
    }
}
