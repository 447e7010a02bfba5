//! Figures of `kubectl rollout-canary`: a whole rollout of ten pods, and a look at two thousand.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Figure, NAME, Run, figure, measured_until, median, megabytes, millis};
use crate::error::{Context as _, Error, Result};
use crate::kubectl::Kubectl;
use crate::layout::RunDir;
use crate::state::State;

/// The plugin.
pub(super) const PLUGIN: &str = "kubectl-rollout_canary";
/// Simulated nodes, each of 110 pods.
pub(super) const NODES: u32 = 20;

const NAMESPACE: &str = "bench-canary";
const SMALL: usize = 10;
const LARGE: usize = 2000;
/// Starts that are measured, and looks at the large Deployment.
const STARTS: usize = 5;
const LOOKS: usize = 5;
/// How long it is watched, in seconds, and how long pods may take to be Ready.
const WATCHED: u64 = 20;
const PATIENCE: Duration = Duration::from_secs(900);

/// Measures.
///
/// # Errors
///
/// When something does not succeed.
pub(super) fn measure(plugin: &Path, state: &State) -> Result<Vec<Figure>> {
    let run = RunDir::of(NAME)?;
    let kubectl = Kubectl::new(&state.bin_dir.join("kubectl"), &state.kubeconfig, &run);
    kubectl.run(&["create", "namespace", NAMESPACE])?;
    let until = |args: &[&str], codes: &[i32]| {
        let args: Vec<&str> = args.iter().chain(&["-n", NAMESPACE]).copied().collect();
        measured_until(PLUGIN, plugin, state, &args, codes)
    };
    let canary = |args: &[&str]| until(args, &[0]);
    let mut figures = small(&kubectl, state, &canary)?;
    // It is told to stop watching after a while.
    figures.extend(large(&kubectl, &canary, |args| until(args, &[124]))?);
    Ok(figures)
}

/// A rollout of ten pods, step by step.
fn small(
    kubectl: &Kubectl,
    state: &State,
    canary: &impl Fn(&[&str]) -> Result<Run>,
) -> Result<Vec<Figure>> {
    deploy(kubectl, "web", SMALL)?;
    let (mut beyond, mut requests) = (Vec::new(), 0);
    for number in 1..=STARTS {
        let pods = Pods::watch(state)?;
        let image = format!("web=sandbox.local/sim:{}", number + 1);
        let start = canary(&["web", "10%", "--image", &image])?;
        beyond.push(start.wall.saturating_sub(pods.start_up()?));
        requests = requests.max(start.requests);
        canary(&["abort", "web"])?;
    }
    let mut figures = vec![
        figure(
            "canary of 1 beside 10: from the command to the parked split, beyond the pod's own \
             start-up, median of 5",
            millis(median(beyond)),
            "≤ 1000 ms",
        ),
        figure(
            "the same, API requests, most of 5",
            requests.to_string(),
            "≤ 12",
        ),
    ];
    canary(&["web", "10%", "--image", "web=sandbox.local/sim:9"])?;
    for (what, args) in [
        ("move to 20 %", &["web", "20%"][..]),
        ("move to 50 %", &["web", "50%"]),
        ("promote to the end", &["promote", "web", "--full"]),
    ] {
        let taken = canary(args)?;
        figures.push(figure(
            format!("{what}, API requests"),
            taken.requests.to_string(),
            "≤ 12",
        ));
    }
    Ok(figures)
}

/// A look at two thousand pods, and a watch of them.
fn large(
    kubectl: &Kubectl,
    canary: &impl Fn(&[&str]) -> Result<Run>,
    watch: impl Fn(&[&str]) -> Result<Run>,
) -> Result<Vec<Figure>> {
    deploy(kubectl, "big", LARGE)?;
    canary(&["big", "1%", "--image", "web=sandbox.local/sim:2"])?;
    let looks: Vec<Run> = (0..LOOKS)
        .map(|_| canary(&["status", "big"]))
        .collect::<Result<_>>()?;
    let watched = watch(&[
        "status",
        "big",
        "-w",
        "--for",
        "promoted",
        "--timeout",
        &format!("{WATCHED}s"),
    ])?;
    let most = |of: fn(&Run) -> u64| looks.iter().map(of).max().unwrap_or_default();
    let share = 100.0 * watched.processor.as_secs_f64() / watched.wall.as_secs_f64();
    Ok(vec![
        figure(
            format!("status of {LARGE} pods, median of {LOOKS}"),
            millis(median(looks.iter().map(|run| run.wall).collect())),
            "≤ 300 ms",
        ),
        figure(
            format!("status of {LARGE} pods, peak memory"),
            megabytes(most(|run| run.peak_bytes)),
            "≤ 64 MB",
        ),
        figure(
            format!("status of {LARGE} pods, API requests"),
            most(|run| run.requests as u64).to_string(),
            "one LIST per kind",
        ),
        figure(
            format!("watching {LARGE} pods that rest for {WATCHED} s, share of a processor"),
            format!("{share:.1} %"),
            "≈ 0",
        ),
    ])
}

/// Makes a Deployment and waits until it is there.
fn deploy(kubectl: &Kubectl, name: &str, replicas: usize) -> Result<()> {
    let manifest = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "web", "image": "sandbox.local/sim:1"}]},
            },
        },
    });
    kubectl.create(&manifest.to_string())?;
    kubectl.run(&[
        "rollout",
        "status",
        &format!("deployment/{name}"),
        "-n",
        NAMESPACE,
        &format!("--timeout={}s", PATIENCE.as_secs()),
    ])?;
    Ok(())
}

/// When pods came and became Ready, as somebody beside the plugin sees it.
struct Pods {
    child: Child,
    seen: Receiver<(Instant, Value)>,
}

impl Pods {
    /// Begins to look at what changes from now on.
    fn watch(state: &State) -> Result<Self> {
        let what = || "cannot run kubectl".to_owned();
        let mut child = Command::new(state.bin_dir.join("kubectl"))
            .args(["get", "pods", "-n", NAMESPACE, "-l", "app=web"])
            .args(["--watch-only", "--output-watch-events", "-o"])
            .arg("jsonpath={.object.metadata.name} {.object.status}{\"\\n\"}")
            .env("KUBECONFIG", &state.kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context(what)?;
        let lines = child.stdout.take().map(BufReader::new);
        let (sender, seen) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.into_iter().flat_map(BufReader::lines).flatten() {
                let pod = line.split_once(' ').and_then(|(name, status)| {
                    let status: Value = serde_json::from_str(status).ok()?;
                    Some(json!({"name": name, "status": status}))
                });
                // Nobody listens any more once the first pod was Ready.
                if let Some(pod) = pod
                    && sender.send((Instant::now(), pod)).is_err()
                {
                    break;
                }
            }
        });
        // The watch has to stand before anything happens.
        thread::sleep(Duration::from_millis(500));
        Ok(Self { child, seen })
    }

    /// Returns how long the first new pod took from its creation to being Ready.
    fn start_up(mut self) -> Result<Duration> {
        let begun = Instant::now();
        let mut first: Option<(Instant, Value)> = None;
        let found = loop {
            let left = Duration::from_secs(10).saturating_sub(begun.elapsed());
            let Ok((at, pod)) = self.seen.recv_timeout(left) else {
                break None;
            };
            let (since, name) = first.get_or_insert_with(|| (at, pod["name"].clone()));
            if pod["name"] == *name && is_ready(&pod["status"]) {
                break Some(at.saturating_duration_since(*since));
            }
        };
        let ended = self.child.kill().and_then(|()| self.child.wait());
        ended.context(|| "cannot end kubectl".to_owned())?;
        found.ok_or_else(|| Error::new("no new pod was seen to become Ready"))
    }
}

fn is_ready(status: &Value) -> bool {
    let conditions = status["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|one| one["type"] == "Ready" && one["status"] == "True")
}
