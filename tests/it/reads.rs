//! Manifests are read as kubectl reads them, or not at all: the shared reader against kubectl's own
//! decoder, over a corpus and over mutations of it.

mod corpus;
mod mutate;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use groundcrew::manifest;
use groundcrew_sandbox::layout::workspace_root;
use harness::{Case, Suite};
use serde_json::Value;

/// Files that are mutated in every run; `GROUNDCREW_FUZZ=20000` asks for more, and
/// `GROUNDCREW_FUZZ_SEED` for others.
const FILES: usize = 500;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "the_corpus_is_read_as_kubectl_reads_it_and_whole",
            &[],
            whole,
        ),
        Case::new(
            "mutations_are_read_as_kubectl_reads_them_or_not_evaluated",
            &[],
            mutated,
        ),
    ]
}

/// What a reader makes of a file: its objects, and whether it says that this is not all.
#[derive(Debug, PartialEq)]
struct Reading {
    objects: Vec<Value>,
    complete: bool,
    why: String,
}

fn ours(bytes: &[u8]) -> Reading {
    let mut reading = Reading {
        objects: Vec::new(),
        complete: true,
        why: String::new(),
    };
    let mut miss = |line: usize, message: &str| {
        reading.complete = false;
        reading.why = format!("line {line}: {message}");
    };
    let text = match manifest::text(bytes) {
        Ok(text) => text,
        Err(message) => {
            miss(1, &message);
            return reading;
        }
    };
    for document in manifest::documents(&text) {
        if let Some(fault) = &document.ignored {
            miss(fault.line, &fault.message);
        }
        match &document.node {
            Ok(node) if node.is_null() => {}
            Ok(node) => {
                for object in manifest::objects(node) {
                    match object {
                        Ok(object) => reading.objects.push(same_numbers(object.to_json())),
                        Err(fault) => miss(fault.line, &fault.message),
                    }
                }
            }
            Err(fault) => miss(fault.line, &fault.message),
        }
    }
    reading
}

/// JSON has one sort of numbers; the last digits of what Go wrote are lost on the way to here.
fn same_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => number
            .as_f64()
            .map_or(Value::Null, |number| format!("{number:.12e}").into()),
        Value::Array(items) => items.into_iter().map(same_numbers).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, same_numbers(value)))
            .collect(),
        other => other,
    }
}

/// Builds kubectl's decoder.
fn kubectls(suite: &Suite) -> PathBuf {
    let program = suite.path("reads");
    let built = Command::new("go")
        .arg("build")
        .arg("-C")
        .arg(workspace_root().join("tests/sandbox/go/reads"))
        .arg("-o")
        .arg(&program)
        .arg(".")
        .output()
        .expect("Go runs, as the sandbox needs it");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    program
}

fn theirs(program: &Path, files: &[PathBuf]) -> Vec<Reading> {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the decoder runs");
    let names: String = files
        .iter()
        .map(|file| format!("{}\n", file.display()))
        .collect();
    let mut stdin = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || stdin.write_all(names.as_bytes()));
    let output = child.wait_with_output().expect("the decoder ends");
    writer.join().expect("the writer ends").expect("it reads");
    String::from_utf8(output.stdout)
        .expect("text")
        .lines()
        .map(|line| {
            let answer: Value = serde_json::from_str(line).expect("JSON");
            let objects = answer["objects"].as_array().cloned().unwrap_or_default();
            let why = answer["error"].as_str().unwrap_or_default().to_owned();
            Reading {
                objects: objects.into_iter().map(same_numbers).collect(),
                complete: why.is_empty(),
                why,
            }
        })
        .collect()
}

/// Compares both readings of some files; returns how many of ours are not complete although
/// kubectl's are.
fn compare(suite: &Suite, inputs: &[Vec<u8>]) -> usize {
    let folder = suite.path("inputs");
    std::fs::create_dir_all(&folder).expect("the case's directory can be written");
    let files: Vec<PathBuf> = inputs
        .iter()
        .enumerate()
        .map(|(number, input)| {
            let file = folder.join(format!("{number}.yaml"));
            std::fs::write(&file, input).expect("the case's directory can be written");
            file
        })
        .collect();
    let theirs = theirs(&kubectls(suite), &files);
    assert_eq!(theirs.len(), files.len());
    let (mut unsure, mut wrong) = (0, Vec::new());
    for ((input, file), theirs) in inputs.iter().zip(&files).zip(&theirs) {
        let ours = ours(input);
        let silent = match (ours.complete, theirs.complete) {
            (true, true) => ours.objects != theirs.objects,
            (true, false) => true,
            (false, true) => {
                unsure += 1;
                false
            }
            (false, false) => false,
        };
        if silent {
            wrong.push(format!(
                "{}\n{}\nours {ours:?}\ntheirs {theirs:?}",
                file.display(),
                String::from_utf8_lossy(input)
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} files are read otherwise\n{}",
        wrong.len(),
        files.len(),
        wrong[..wrong.len().min(8)].join("\n\n")
    );
    unsure
}

fn whole(suite: &Suite) {
    let inputs: Vec<Vec<u8>> = corpus::files();
    let unsure = compare(suite, &inputs);
    assert_eq!(unsure, 0, "of {} files", inputs.len());
}

fn mutated(suite: &Suite) {
    let number = |name: &str| std::env::var(name).ok()?.parse().ok();
    let many = number("GROUNDCREW_FUZZ").unwrap_or(FILES);
    let seed = number("GROUNDCREW_FUZZ_SEED").unwrap_or(20_261_201);
    let mut random = fastrand::Rng::with_seed(seed as u64);
    let corpus = corpus::files();
    let inputs: Vec<Vec<u8>> = (0..many)
        .map(|_| mutate::one(&corpus, &mut random))
        .collect();
    let unsure = compare(suite, &inputs);
    // What is refused needlessly is no answer either.
    assert!(unsure * 10 <= many, "{unsure} of {many} are not evaluated");
}
