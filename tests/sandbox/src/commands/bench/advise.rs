//! Figures of `kubectl psp-advise`: manifests from disk, and a cluster of ten thousand pods.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wait4::Wait4 as _;

use super::{Figure, NAME, count_requests, figure, megabytes, millis};
use crate::error::{Context as _, Error, Result};
use crate::interrupt;
use crate::layout::RunDir;
use crate::state::State;

pub(super) const PLUGIN: &str = "kubectl-psp_advise";
const FILES: usize = 5_000;
const MANIFESTS: usize = 20_000;
const NAMESPACES: usize = 500;
const PODS: usize = 10_000;
/// kubectl limits its own rate, so several of them make the pods.
const MAKERS: usize = 8;

/// Measures.
pub(super) fn measure(plugin: &Path, state: &State) -> Result<Vec<Figure>> {
    let run = RunDir::of(NAME)?;
    let folder = run.path().join("manifests");
    fs::create_dir_all(&folder).context(|| format!("cannot make {}", folder.display()))?;
    for number in 0..FILES {
        let file = folder.join(format!("{number}.yaml"));
        fs::write(&file, manifest(number))
            .context(|| format!("cannot write {}", file.display()))?;
    }
    let many = run.path().join("many.yaml");
    let text: String = (0..MANIFESTS).map(manifest).collect();
    fs::write(&many, text).context(|| format!("cannot write {}", many.display()))?;
    let files = watch(plugin, &["-f".as_ref(), folder.as_os_str()], state)?;
    let one = watch(plugin, &["-f".as_ref(), many.as_os_str()], state)?;
    #[expect(clippy::cast_precision_loss, reason = "no digit of it is shown")]
    let rate = MANIFESTS as f64 / one.0.as_secs_f64();

    fill(state, &run)?;
    let before = fs::metadata(run.audit_log()).map_or(0, |metadata| metadata.len());
    let scan = watch(plugin, &[], state)?;
    let log = fs::read(run.audit_log()).context(|| "cannot read the audit log".to_owned())?;
    let from = usize::try_from(before).unwrap_or(usize::MAX).min(log.len());
    let requests = count_requests(&String::from_utf8_lossy(&log[from..]), "kubectl-psp-advise");
    Ok(vec![
        figure(
            "psp-advise, 5,000 manifest files from disk",
            millis(files.0),
            "≤ 2000 ms",
        ),
        figure(
            "psp-advise, manifests read and evaluated per second, one core",
            format!("{rate:.0}"),
            "≥ 20000",
        ),
        figure(
            "psp-advise, 10,000 pods in 500 namespaces",
            millis(scan.0),
            "≤ 3000 ms",
        ),
        figure("the same, peak memory", megabytes(scan.1), "≤ 200 MB"),
        figure("the same, API requests", requests.to_string(), ""),
    ])
}

fn manifest(number: usize) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web-{number}\nspec:\n  \
         template:\n    spec:\n      containers:\n      - name: web\n        image: web:1\n        \
         ports:\n        - containerPort: 80\n        securityContext:\n          \
         runAsNonRoot: true\n      volumes:\n      - name: data\n        emptyDir: {{}}\n"
    )
}

/// Runs the plugin to its end; returns the time and the most memory.
fn watch(plugin: &Path, args: &[&std::ffi::OsStr], state: &State) -> Result<(Duration, u64)> {
    interrupt::check()?;
    let what = || format!("cannot run {}", plugin.display());
    let begun = Instant::now();
    let mut child = Command::new(plugin)
        .args(args)
        .env("KUBECONFIG", &state.kubeconfig)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context(what)?;
    let used = child.wait4().context(what)?;
    let wall = begun.elapsed();
    if !used.status.success() {
        return Err(Error::new(format!("{PLUGIN} failed")).cause(used.status));
    }
    Ok((wall, used.rusage.maxrss))
}

/// Makes the pods; no scheduler takes them, so that nothing else is busy with them.
fn fill(state: &State, run: &RunDir) -> Result<()> {
    let namespace = |number: usize| format!("bench-{number}");
    let spaces: Vec<Value> = (0..NAMESPACES)
        .map(|number| {
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace(number)}})
        })
        .collect();
    create(state, run, "namespaces", &spaces)?
        .wait()
        .context(|| "cannot wait for kubectl".to_owned())?;
    wait_for_accounts(state)?;
    let pods: Vec<Value> = (0..PODS)
        .map(|number| {
            json!({"apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": format!("p{number}"), "namespace": namespace(number % NAMESPACES)},
                "spec": {"schedulerName": "none", "containers": [
                    {"name": "web", "image": "web:1", "securityContext": {"runAsNonRoot": true}},
                    {"name": "proxy", "image": "proxy:1"}]}})
        })
        .collect();
    let makers: Vec<Child> = pods
        .chunks(PODS.div_ceil(MAKERS))
        .enumerate()
        .map(|(number, part)| create(state, run, &format!("pods-{number}"), part))
        .collect::<Result<_>>()?;
    for mut maker in makers {
        let status = maker
            .wait()
            .context(|| "cannot wait for kubectl".to_owned())?;
        if !status.success() {
            return Err(Error::new("kubectl could not make the pods").cause(status));
        }
    }
    Ok(())
}

fn create(state: &State, run: &RunDir, name: &str, items: &[Value]) -> Result<Child> {
    let file = run.path().join(format!("{name}.json"));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    fs::write(&file, list.to_string()).context(|| format!("cannot write {}", file.display()))?;
    kubectl(state)
        .args(["create", "--validate=false", "-f"])
        .arg(&file)
        .stdout(Stdio::null())
        .spawn()
        .context(|| "cannot run kubectl".to_owned())
}

fn kubectl(state: &State) -> Command {
    let mut command = Command::new(state.bin_dir.join("kubectl"));
    command
        .env("KUBECONFIG", &state.kubeconfig)
        .stdin(Stdio::null());
    command
}

/// Without its service account a namespace takes no pods.
fn wait_for_accounts(state: &State) -> Result<()> {
    let mut seen = String::new();
    for _ in 0..240 {
        interrupt::check()?;
        let output = kubectl(state)
            .args(["get", "serviceaccounts", "-A", "-o", "name"])
            .args(["--field-selector", "metadata.name=default"])
            .output()
            .context(|| "cannot run kubectl".to_owned())?;
        let count = output.stdout.iter().filter(|byte| **byte == b'\n').count();
        if count >= NAMESPACES {
            return Ok(());
        }
        seen.clear();
        // Writing into a string cannot fail.
        let _ = write!(seen, "{count} of {NAMESPACES}");
        std::thread::sleep(Duration::from_millis(500));
    }
    Err(Error::new(format!("service accounts: {seen}")))
}
