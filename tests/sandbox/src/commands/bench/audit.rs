//! Figures of `kubectl can-i-audit` on clusters of three sizes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wait4::Wait4 as _;

use super::world::{self, SIZES, Size};
use super::{Figure, NAME, median, megabytes, millis, requests, settle};
use crate::error::{Context as _, Error, Result};
use crate::interrupt;
use crate::kubectl::Kubectl;
use crate::layout::RunDir;
use crate::state::State;

/// The plugin.
pub(super) const PLUGIN: &str = "kubectl-can_i_audit";
/// kubectl sends at most 50 requests each second, so several of them write.
const WRITERS: usize = 8;
const RUNS: usize = 5;
/// Service accounts that `kubectl auth can-i --list` is asked about, one after the other.
const ASKED: usize = 20;

/// The questions: name and arguments.
const QUESTIONS: [(&str, &[&str]); 4] = [
    ("risks", &["risks", "--fail-on", "critical"]),
    (
        "risks -o json",
        &["risks", "-o", "json", "--fail-on", "critical"],
    ),
    ("matrix -o csv", &["matrix", "-o", "csv"]),
    (
        "who get secrets --any-namespace",
        &["who", "get", "secrets", "--any-namespace", "-o", "json"],
    ),
];

/// Fills the cluster step by step and measures at each size.
///
/// # Errors
///
/// When something cannot be made or does not succeed.
pub(super) fn measure(plugin: &Path, state: &State) -> Result<Vec<Figure>> {
    let run = RunDir::of(NAME)?;
    let kubectl = Kubectl::new(&state.bin_dir.join("kubectl"), &state.kubeconfig, &run);
    let mut figures = Vec::new();
    let mut before: Option<Size> = None;
    for size in SIZES {
        create(
            &kubectl,
            &world::namespaces(before.map_or(0, |one| one.namespaces), size),
        )?;
        create(&kubectl, &world::objects(before, size))?;
        before = Some(size);
        let snapshot = run.path().join(format!("snapshot-{}.json", size.name));
        let file = snapshot.display().to_string();
        once(plugin, state, &["snapshot", "-o", &file])?;
        let large = size.name == "L";
        for (name, words) in QUESTIONS {
            let live = several(plugin, state, words)?;
            let offline: Vec<&str> = words.iter().copied().chain(["--from", &file]).collect();
            let kept = several(plugin, state, &offline)?;
            let goal = |text: &str| {
                if large {
                    text.to_owned()
                } else {
                    String::new()
                }
            };
            let what = |how: &str| format!("can-i-audit {name}, {}, {how}", size.name);
            let mut add = |how: &str, value: String, goal: String| {
                figures.push(Figure {
                    what: what(how),
                    value,
                    goal,
                });
            };
            add("live, median of 5", millis(live.wall), goal("≤ 3000 ms"));
            add("from a snapshot", millis(kept.wall), goal("≤ 300 ms"));
            add("requests", live.requests.to_string(), goal("≤ 120"));
            add("peak memory", megabytes(live.peak), goal("≤ 200 MB"));
        }
    }
    figures.push(loop_of_kubectl(&kubectl, state, plugin)?);
    Ok(figures)
}

/// What one question took, and the most of several.
struct Used {
    wall: Duration,
    peak: u64,
    requests: usize,
}

fn several(plugin: &Path, state: &State, words: &[&str]) -> Result<Used> {
    let runs: Vec<Used> = (0..RUNS)
        .map(|_| once(plugin, state, words))
        .collect::<Result<_>>()?;
    Ok(Used {
        wall: median(runs.iter().map(|run| run.wall).collect()),
        peak: runs.iter().map(|run| run.peak).max().unwrap_or_default(),
        requests: runs
            .iter()
            .map(|run| run.requests)
            .max()
            .unwrap_or_default(),
    })
}

fn once(plugin: &Path, state: &State, words: &[&str]) -> Result<Used> {
    interrupt::check()?;
    let run = RunDir::of(NAME)?;
    let log = run.log(PLUGIN);
    let what = || format!("cannot run {}", plugin.display());
    let before = fs::metadata(run.audit_log()).map_or(0, |metadata| metadata.len());
    let errors = fs::File::create(&log).context(what)?;
    let answer = fs::File::create(run.path().join("answer")).context(what)?;
    let begun = Instant::now();
    let mut child = Command::new(plugin)
        .args(words)
        .env("KUBECONFIG", &state.kubeconfig)
        .stdin(Stdio::null())
        .stdout(answer)
        .stderr(errors)
        .spawn()
        .context(what)?;
    let used = child.wait4().context(what)?;
    let wall = begun.elapsed();
    // Findings are an answer, not a failure.
    if !matches!(used.status.code(), Some(0 | 3)) {
        return Err(Error::new(format!("{PLUGIN} {} failed", words.join(" ")))
            .cause(used.status)
            .details(crate::process::tail(&log, 15)));
    }
    settle(state, &run);
    Ok(Used {
        wall,
        peak: used.rusage.maxrss,
        requests: requests(&run, before, PLUGIN)?,
    })
}

/// Makes objects, several kubectl at a time.
fn create(kubectl: &Kubectl, objects: &[Value]) -> Result<()> {
    let part = objects.len().div_ceil(WRITERS).max(1);
    let parts: Vec<String> = objects
        .chunks(part)
        .map(|items| json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string())
        .collect();
    std::thread::scope(|scope| {
        let writers: Vec<_> = parts
            .iter()
            .map(|part| scope.spawn(move || kubectl.create(part)))
            .collect();
        for writer in writers {
            writer
                .join()
                .map_err(|_| Error::new("a writer of the bench ended early"))??;
        }
        interrupt::check()
    })
}

/// The part that kubectl answers: one service account in one namespace, again and again.
fn loop_of_kubectl(kubectl: &Kubectl, state: &State, plugin: &Path) -> Result<Figure> {
    let account = |number: usize| {
        (
            format!("bench-{}", number * 2),
            format!("app-{}", number * 2),
        )
    };
    let begun = Instant::now();
    for number in 0..ASKED {
        interrupt::check()?;
        let (namespace, name) = account(number);
        let user = format!("--as=system:serviceaccount:{namespace}:{name}");
        kubectl.run(&["auth", "can-i", "--list", "-n", &namespace, &user])?;
    }
    let by_kubectl = begun.elapsed();
    let subjects: Vec<String> = (0..ASKED)
        .map(|number| {
            let (namespace, name) = account(number);
            format!("sa:{namespace}/{name}")
        })
        .collect();
    let words: Vec<&str> = ["matrix", "-o", "json"]
        .into_iter()
        .chain(subjects.iter().map(String::as_str))
        .collect();
    let ours = once(plugin, state, &words)?;
    Ok(Figure {
        what: format!(
            "what {ASKED} service accounts can do, L: `kubectl auth can-i --list` in a loop, against one `matrix`"
        ),
        value: format!("{} against {}", millis(by_kubectl), millis(ours.wall)),
        goal: String::new(),
    })
}

/// Builds the plugin as it is shipped.
///
/// # Errors
///
/// When it does not compile.
pub(super) fn program() -> Result<PathBuf> {
    super::cargo::build_shipped(PLUGIN)
}
