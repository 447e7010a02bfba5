//! Manifests and patches, read as kubectl reads them.

use std::path::{Path, PathBuf};

use groundcrew::app::Interrupt;
use groundcrew::error::{Error, Result};
use groundcrew::manifest::{self, Node};
use serde_json::Value;

use crate::model::change::{Manifest, manifests};

/// Reads the manifests of a Deployment from a file, or from the standard input for `-`; Ctrl-C ends
/// either.
///
/// # Errors
///
/// That it cannot be read; which line is broken; that there is no such Deployment in it.
pub async fn of_file(
    file: &Path,
    deployment: &str,
    interrupt: &Interrupt,
) -> Result<Vec<Manifest>> {
    let bytes = interrupt.guard(read(file.to_owned())).await?;
    let shown = file.display();
    let text = manifest::text(&bytes).map_err(|why| Error::usage(format!("{shown}: {why}")))?;
    of_text(&text, deployment, &shown.to_string())
}

async fn read(file: PathBuf) -> Result<Vec<u8>> {
    let shown = file.display().to_string();
    let read = move || {
        if file == Path::new("-") {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes).map(|_| bytes)
        } else {
            std::fs::read(&file)
        }
    };
    let failed = || Error::usage(format!("cannot read {shown}"));
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|error| failed().with_source(error))?
        .map_err(|error| failed().with_source(error))
}

/// Reads all documents: the one that is broken could be the Deployment.
fn of_text(text: &str, deployment: &str, shown: &str) -> Result<Vec<Manifest>> {
    let wrong = |line: usize, why: &str| {
        let error = Error::usage(format!("{shown}: line {line}: {why}"));
        if manifest::is_template(text) {
            error.with_hint("it looks like a template: render it first (helm template)")
        } else {
            error
        }
    };
    let mut objects = Vec::new();
    for document in manifest::documents(text) {
        let node = document
            .node
            .map_err(|fault| wrong(fault.line, &fault.message))?;
        if let Some(fault) = document.ignored {
            return Err(wrong(fault.line, &fault.message));
        }
        let found = manifest::objects(&node).into_iter();
        let found: std::result::Result<Vec<&Node>, _> = found.collect();
        let found = found.map_err(|fault| wrong(fault.line, &fault.message))?;
        let is_it = |node: &&Node| {
            let name = node.at("metadata.name").and_then(Node::as_str);
            name == Some(deployment)
        };
        let has_it = found.iter().any(is_it);
        // A key that stands twice is read by the last; in what is rolled out that is no small thing.
        if let Some(note) = document.notes.first().filter(|_| has_it) {
            return Err(wrong(note.line, &note.message));
        }
        objects.extend(found.into_iter().map(Node::to_json));
    }
    manifests(objects, deployment).map_err(|error| error.context(shown))
}

/// Reads a patch of one document.
///
/// # Errors
///
/// What is wrong on which line.
pub fn patch(text: &str) -> Result<Value> {
    let wrong = |line: usize, why: &str| {
        Error::usage(format!(
            "--patch is neither JSON nor YAML: line {line}: {why}"
        ))
    };
    let mut found = manifest::documents(text).into_iter();
    let Some(document) = found.next() else {
        return Err(Error::usage("--patch is empty"));
    };
    let node = document
        .node
        .map_err(|fault| wrong(fault.line, &fault.message))?;
    let odd = document.notes.first();
    let odd = odd.map(|note| (note.line, note.message.as_str()));
    let ignored = document.ignored.as_ref();
    let ignored = ignored.map(|fault| (fault.line, fault.message.as_str()));
    if let Some((line, why)) = odd.or(ignored) {
        return Err(wrong(line, why));
    }
    if let Some(second) = found.next() {
        return Err(wrong(second.chunk.lines + 1, "a second document"));
    }
    match node.to_json() {
        patch @ Value::Object(_) => Ok(patch),
        _ => Err(wrong(1, "not a map")),
    }
}

#[cfg(test)]
mod tests {
    use crate::model::change::of_namespace;

    use super::*;

    const STAGE: &str = "\
kind: Deployment
apiVersion: apps/v1
metadata: {name: web, namespace: stage}
spec: {template: {image: s}}
";

    fn list(items: &str) -> String {
        format!("kind: List\napiVersion: v1\nitems:\n{items}")
    }

    fn item(text: &str) -> String {
        let lines: Vec<String> = text.lines().map(|line| format!("  {line}\n")).collect();
        format!("-{}", lines.concat().split_at(1).1)
    }

    #[test]
    fn lists_are_opened_and_the_namespace_decides() {
        let prod = STAGE
            .replace("stage", "prod")
            .replace("image: s", "image: p");
        let text = list(&(item(STAGE) + &item(&prod)));
        let found = of_text(&text, "web", "all.yaml").unwrap();
        assert_eq!(of_namespace(&found, "prod").unwrap()["image"], "p");
        assert_eq!(of_namespace(&found, "stage").unwrap()["image"], "s");
        let two = format!("{STAGE}---\n{prod}");
        assert_eq!(of_text(&two, "web", "all.yaml").unwrap().len(), 2);
        let json = r#"{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"web"},
            "spec":{"template":{"image":"j"}}}"#;
        let found = of_text(json, "web", "-").unwrap();
        assert_eq!(of_namespace(&found, "any").unwrap()["image"], "j");
    }

    #[test]
    fn what_kubectl_reads_as_text_is_text() {
        let quoted = STAGE.replace("image: s", "image: yes");
        let found = of_text(&quoted, "web", "a.yaml").unwrap();
        // go-yaml v2 takes it for a boolean, which no image is: the server says so.
        assert_eq!(found[0].template["image"], Value::Bool(true));
    }

    #[test]
    fn a_broken_document_is_named_by_file_and_line() {
        let says = |text: &str| of_text(text, "web", "a.yaml").unwrap_err().to_string();
        let broken = format!("{STAGE}---\nkind: Service\n  name: web\n");
        assert!(
            says(&broken).contains("a.yaml: line 7"),
            "{}",
            says(&broken)
        );
        let twice = format!("{STAGE}spec: {{template: {{image: t}}}}\n");
        assert!(says(&twice).contains("a.yaml: line 5"), "{}", says(&twice));
        let other = STAGE.replace("name: web", "name: api");
        assert!(says(&other).contains("has no Deployment \"web\""));
        let template = "kind: Deployment\nmetadata:\n  name: {{ .Release.Name }}\n";
        let error = of_text(template, "web", "a.yaml").unwrap_err();
        assert_eq!(
            error.hints(),
            ["it looks like a template: render it first (helm template)"]
        );
    }

    #[test]
    fn a_patch_is_one_map() {
        assert_eq!(patch("{spec: {a: 1}}").unwrap()["spec"]["a"], 1);
        assert_eq!(patch(r#"{"spec":{"a":1}}"#).unwrap()["spec"]["a"], 1);
        for text in ["", "[1]", "a: 1\na: 2", "a: 1\n---\nb: 2", "a: [", "web"] {
            assert!(patch(text).is_err(), "{text}");
        }
    }
}
