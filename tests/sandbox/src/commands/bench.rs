//! `bench`: figures of the plugins on a sandbox, as a Markdown table.

mod advise;
mod audit;
mod canary;
mod claims;
mod world;

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use wait4::Wait4 as _;

use super::{cargo, down, up};
use crate::addons::Addons;
use crate::error::{Context as _, Error, Result};
use crate::kubectl::Kubectl;
use crate::kubernetes;
use crate::layout::RunDir;
use crate::lifecycle::RealNode;
use crate::state::State;
use crate::{interrupt, ui};

const NAME: &str = "bench";
const PLUGIN: &str = "kubectl-onboard";
const CLAIM_PLUGIN: &str = "kubectl-ns_claim";
/// A start takes milliseconds, so many of them are needed for a steady figure.
const STARTS: usize = 50;
const ONBOARDS: usize = 5;

/// What is measured on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// `kubectl onboard`, and how long a start takes
    Onboard,
    /// `kubectl ns-claim`
    NsClaim,
    /// `kubectl can-i-audit`
    CanIAudit,
    /// `kubectl psp-advise`
    PspAdvise,
    /// `kubectl rollout-canary`
    RolloutCanary,
}

impl Part {
    fn build(self) -> Result<PathBuf> {
        match self {
            Self::Onboard => cargo::build_shipped(PLUGIN),
            Self::NsClaim => cargo::build_shipped(CLAIM_PLUGIN),
            Self::CanIAudit => audit::program(),
            Self::PspAdvise => cargo::build_shipped(advise::PLUGIN),
            Self::RolloutCanary => cargo::build_shipped(canary::PLUGIN),
        }
    }

    fn measure(self, program: &Path, state: &State) -> Result<Vec<Figure>> {
        match self {
            Self::Onboard => measure(program, state),
            Self::NsClaim => claims::measure(program, state),
            Self::CanIAudit => audit::measure(program, state),
            Self::PspAdvise => advise::measure(program, state),
            Self::RolloutCanary => canary::measure(program, state),
        }
    }
}

/// Measures these parts, or all of them, and prints; the sandbox ends afterwards.
///
/// # Errors
///
/// When something does not build, start or succeed.
pub(crate) fn run(only: &[Part]) -> Result<()> {
    let parts: Vec<(Part, PathBuf)> = Part::value_variants()
        .iter()
        .filter(|part| only.is_empty() || only.contains(part))
        .map(|part| Ok((*part, part.build()?)))
        .collect::<Result<_>>()?;
    let of_canary = parts.iter().any(|(part, _)| *part == Part::RolloutCanary);
    let state = up::run(&up::Options {
        name: NAME.to_owned(),
        nodes: if of_canary { canary::NODES } else { 3 },
        real_node: RealNode::No,
        addons: Addons::default(),
        kubernetes: kubernetes::NEWEST.to_owned(),
        signer: true,
        slow_controllers: false,
    })?;
    let measured = parts
        .iter()
        .map(|(part, program)| part.measure(program, &state));
    let result: Result<Vec<Vec<Figure>>> = measured.collect();
    down::quietly(NAME)?;
    for line in table(&result?.concat()) {
        ui::answer(&line);
    }
    Ok(())
}

/// One line of the table.
#[derive(Clone)]
struct Figure {
    what: String,
    value: String,
    goal: String,
}

fn measure(plugin: &Path, state: &State) -> Result<Vec<Figure>> {
    let kubectl = state.bin_dir.join("kubectl");
    let own = starts(plugin, &["--version"])?;
    let other = starts(&kubectl, &["version", "--client"])?;
    let runs: Vec<Run> = (1..=ONBOARDS)
        .map(|number| onboard(plugin, state, number))
        .collect::<Result<_>>()?;
    let size = fs::metadata(plugin)
        .context(|| format!("cannot read {}", plugin.display()))?
        .len();

    let wall = median(runs.iter().map(|run| run.wall).collect());
    let requests = runs
        .iter()
        .map(|run| run.requests)
        .max()
        .unwrap_or_default();
    let memory = runs
        .iter()
        .map(|run| run.peak_bytes)
        .max()
        .unwrap_or_default();
    Ok(vec![
        figure(
            "start, `kubectl-onboard --version`, median of 50",
            millis(own),
            "≤ 5 ms",
        ),
        figure(
            "start, `kubectl version --client`, median of 50",
            millis(other),
            "",
        ),
        figure(
            "the first as a share of the second",
            format!("{:.2}", own.as_secs_f64() / other.as_secs_f64()),
            "< 1",
        ),
        figure(
            "onboard a new user, wall time, median of 5",
            millis(wall),
            "≤ 3000 ms",
        ),
        figure(
            "onboard a new user, API requests, most of 5",
            requests.to_string(),
            "≤ 25",
        ),
        figure(
            "onboard a new user, peak memory, most of 5",
            megabytes(memory),
            "≤ 40 MB",
        ),
        figure("stripped binary", megabytes(size), "≤ 12 MB"),
    ])
}

fn figure(what: impl Into<String>, value: String, goal: impl Into<String>) -> Figure {
    Figure {
        what: what.into(),
        value,
        goal: goal.into(),
    }
}

/// Starts a program again and again; returns the median time.
fn starts(program: &Path, args: &[&str]) -> Result<Duration> {
    let mut times = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        interrupt::check()?;
        let begun = Instant::now();
        let status = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context(|| format!("cannot run {}", program.display()))?;
        times.push(begun.elapsed());
        if !status.success() {
            return Err(Error::new(format!("{} failed", program.display())).cause(status));
        }
    }
    Ok(median(times))
}

/// What one run took.
struct Run {
    wall: Duration,
    /// Of all its threads, in the program and in the kernel.
    processor: Duration,
    requests: usize,
    peak_bytes: u64,
}

fn onboard(plugin: &Path, state: &State, number: usize) -> Result<Run> {
    let user = format!("bench-{number}");
    let out = RunDir::of(NAME)?.path().join(format!("{user}.kubeconfig"));
    let out = out.display().to_string();
    measured(
        PLUGIN,
        plugin,
        state,
        &[&user, "--team", "bench", "--out", &out],
    )
}

/// Runs a plugin once; it has to succeed.
fn measured(name: &str, plugin: &Path, state: &State, args: &[&str]) -> Result<Run> {
    measured_until(name, plugin, state, args, &[0])
}

/// Runs a plugin once; it has to end with one of these exit codes.
fn measured_until(
    name: &str,
    plugin: &Path,
    state: &State,
    args: &[&str],
    codes: &[i32],
) -> Result<Run> {
    interrupt::check()?;
    let run = RunDir::of(NAME)?;
    let log = run.log(name);
    let what = || format!("cannot run {}", plugin.display());
    let before = fs::metadata(run.audit_log()).map_or(0, |metadata| metadata.len());
    let errors = fs::File::create(&log).context(what)?;
    let begun = Instant::now();
    let mut child = Command::new(plugin)
        .args(args)
        .env("KUBECONFIG", &state.kubeconfig)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors)
        .spawn()
        .context(what)?;
    let used = child.wait4().context(what)?;
    let wall = begun.elapsed();
    if !used.status.code().is_some_and(|code| codes.contains(&code)) {
        return Err(Error::new(format!("{name} {} failed", args.join(" ")))
            .cause(used.status)
            .details(crate::process::tail(&log, 15)));
    }
    settle(state, &run);
    Ok(Run {
        wall,
        processor: used.rusage.utime + used.rusage.stime,
        requests: requests(&run, before, name)?,
        peak_bytes: used.rusage.maxrss,
    })
}

/// One more request, so that the audit log holds everything before it.
fn settle(state: &State, run: &RunDir) {
    let kubectl = Kubectl::new(&state.bin_dir.join("kubectl"), &state.kubeconfig, run);
    let _answer = kubectl.get_raw("/readyz");
}

/// Counts the plugin's requests in the audit log, from a position on.
fn requests(run: &RunDir, from: u64, program: &str) -> Result<usize> {
    let log = run.audit_log();
    let what = || format!("cannot read {}", log.display());
    let mut file = fs::File::open(&log).context(what)?;
    // No more of it than that: what is started inherits this process' peak.
    file.seek(SeekFrom::Start(from)).context(what)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).context(what)?;
    Ok(count_requests(&String::from_utf8_lossy(&bytes), program))
}

/// A watch is logged when it begins and when it ends; its id says that it is one request.
fn count_requests(log: &str, program: &str) -> usize {
    let prefix = format!("{program}/");
    let ids: std::collections::HashSet<String> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|event| {
            event["userAgent"]
                .as_str()
                .is_some_and(|agent| agent.starts_with(&prefix))
        })
        .filter_map(|event| event["auditID"].as_str().map(str::to_owned))
        .collect();
    ids.len()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn megabytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let megabytes = bytes as f64 / 1_000_000.0;
    format!("{megabytes:.1} MB")
}

fn table(figures: &[Figure]) -> Vec<String> {
    let mut lines = vec![machine(), String::new()];
    lines.push("| what | measured | goal |".to_owned());
    lines.push("|---|---|---|".to_owned());
    lines.extend(
        figures
            .iter()
            .map(|f| format!("| {} | {} | {} |", f.what, f.value, f.goal)),
    );
    lines
}

/// What the figures depend on.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kernel = rustix::system::uname();
    format!(
        "{cores} cores, {} {} {}",
        kernel.sysname().to_string_lossy(),
        kernel.release().to_string_lossy(),
        kernel.machine().to_string_lossy()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_counts_once_and_other_programs_do_not() {
        let event = |agent: &str, id: &str, stage: &str| {
            format!(r#"{{"userAgent":"{agent}","auditID":"{id}","stage":"{stage}"}}"#)
        };
        let log = [
            event(
                "kubectl-onboard/0.1.0 (linux/amd64)",
                "1",
                "ResponseComplete",
            ),
            event(
                "kubectl-onboard/0.1.0 (linux/amd64)",
                "2",
                "ResponseStarted",
            ),
            event(
                "kubectl-onboard/0.1.0 (linux/amd64)",
                "2",
                "ResponseComplete",
            ),
            event("kubectl/v1.36.3", "3", "ResponseComplete"),
            "half a li".to_owned(),
        ];
        assert_eq!(count_requests(&log.join("\n"), PLUGIN), 2);
    }

    #[test]
    fn the_median_is_not_moved_by_one_slow_run() {
        let times = [1, 2, 900, 3, 2].map(Duration::from_millis).to_vec();
        assert_eq!(median(times), Duration::from_millis(2));
    }
}
