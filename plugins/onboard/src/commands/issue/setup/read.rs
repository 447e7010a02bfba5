//! Reads the directory: every document of every file, with the line on which it begins.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use groundcrew::error::{Error, Result};
use serde_json::Value;

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
        match fs::read_to_string(path) {
            Ok(text) => problems.extend(file(&name, &text, &mut manifests)),
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

/// Reads the documents of a file; returns what is wrong with them.
fn file(name: &str, text: &str, manifests: &mut Vec<Manifest>) -> Vec<String> {
    let documents = if name.ends_with(".json") {
        json(text)
    } else {
        yaml(text)
    };
    let mut problems = Vec::new();
    for document in documents {
        let (line, found) = document;
        let read = found.and_then(|value| objects(name, line, value));
        match read {
            Ok(found) => manifests.extend(found),
            Err(why) => problems.push(format!("{name}:{line}: {why}")),
        }
    }
    problems
}

type Document = (usize, Result<Value, String>);

fn json(text: &str) -> Vec<Document> {
    let mut all = Vec::new();
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    loop {
        let rest = text.get(stream.byte_offset()..).unwrap_or_default();
        let begin = text.len() - rest.trim_start().len();
        let line = text[..begin].lines().count().max(1);
        // A document on the line on which the one before ends begins there too.
        let line = line + usize::from(begin > 0 && text[..begin].ends_with('\n'));
        match stream.next() {
            None => return all,
            Some(Ok(value)) => all.push((line, Ok(value))),
            Some(Err(error)) => {
                all.push((error.line(), Err(format!("not JSON: {error}"))));
                return all;
            }
        }
    }
}

/// Cuts a text where Kubernetes does: at lines that begin with `---`
/// (`YAMLReader.Read` in `k8s.io/apimachinery/pkg/util/yaml/decoder.go`).
fn yaml(text: &str) -> Vec<Document> {
    let mut parts: Vec<(usize, Vec<&str>)> = vec![(0, Vec::new())];
    for (index, line) in text.lines().enumerate() {
        let after = line.strip_prefix("---").map(str::trim);
        if after.is_some_and(|after| after.is_empty() || after.starts_with('#')) {
            parts.push((index + 1, Vec::new()));
        } else if let Some((_, lines)) = parts.last_mut() {
            lines.push(line);
        }
    }
    let blank = |line: &&str| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#') || line == "..."
    };
    parts
        .into_iter()
        .filter_map(|(before, lines)| {
            let first = lines.iter().position(|line| !blank(line))?;
            // Blank lines in front make the parser count the lines of the file.
            let text = "\n".repeat(before) + &lines.join("\n");
            Some((before + first + 1, document(&text)))
        })
        .collect()
}

fn document(text: &str) -> Result<Value, String> {
    // kubectl reads YAML 1.1: `yes` is true and `defaultMode: 0644` is octal. A snippet of the
    // text could show a secret.
    let options = serde_saphyr::options! {
        legacy_octal_numbers: true,
        strict_booleans: false,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| format!("not YAML: {error}"))
}

/// Returns the objects of a document; a `List` is as many as it holds.
fn objects(file: &str, line: usize, value: Value) -> Result<Vec<Manifest>, String> {
    if value.is_null() {
        return Ok(Vec::new());
    }
    let text = |path: &str| value.pointer(path).and_then(Value::as_str);
    let api_version = text("/apiVersion").unwrap_or_default().to_owned();
    let kind = text("/kind").unwrap_or_default().to_owned();
    if !value.is_object() || api_version.is_empty() || kind.is_empty() {
        return Err("not a manifest: apiVersion and kind are needed".to_owned());
    }
    if api_version == "v1" && kind == "List" {
        let items = value.get("items").and_then(Value::as_array);
        let items = items.ok_or("the List has no items")?;
        let mut all = Vec::new();
        for item in items {
            all.extend(objects(file, line, item.clone())?);
        }
        return Ok(all);
    }
    let Some(name) = text("/metadata/name").filter(|name| !name.is_empty()) else {
        let why = "needs metadata.name: by its name it is found again";
        return Err(format!("{kind} {why}"));
    };
    let namespace = match value.pointer("/metadata/namespace") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name.clone()),
        Some(_) => return Err(format!("{kind} {name:?}: metadata.namespace is not a text")),
    };
    Ok(vec![Manifest {
        file: file.to_owned(),
        line,
        name: name.to_owned(),
        namespace,
        api_version,
        kind,
        value,
    }])
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
        assert_eq!(places, ["a.json:1", "a.json:3", "a.json:3"]);
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
