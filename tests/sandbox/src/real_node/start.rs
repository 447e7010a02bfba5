//! Starts a real node.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::cgroup::Group;
use super::config::{self, Kubelet};
use super::images::{self, Programs};
use super::lock::{self, Holder, Lock, Verdict};
use super::network::{self, API_IP, NODE_IP};
use super::place::Place;
use super::{LOCK_FILE, NODE_NAME, PARTS, SIMULATED_TAINT, scripts, stop};
use crate::control_plane::write_kubeconfig;
use crate::error::{Context as _, Error, Result};
use crate::kubectl::Kubectl;
use crate::kubernetes;
use crate::layout::{self, RunDir, write_atomically};
use crate::nodes;
use crate::pki::{Ca, Pair};
use crate::process::Spawner;
use crate::{build as go, ui};

/// How long a part may take to answer. Generous: a busy machine takes many times as long.
const LIMIT: Duration = Duration::from_secs(90);

/// The port a kubelet listens on everywhere, unless something on this machine has it.
const KUBELET_PORT: u16 = 10250;

/// The programs of a real node.
#[derive(Clone, Debug)]
pub struct Built {
    containerd_dir: PathBuf,
    cni_dir: PathBuf,
    kubelet: PathBuf,
    own: Programs,
}

/// Builds what a real node consists of, unless it is there. Its kubelet has the version of its
/// server: it must not be newer.
///
/// # Errors
///
/// When Go is missing or too old, or a build fails.
pub fn build(version: &str) -> Result<Built> {
    let containerd_dir = go::ensure("containerd", &[])?;
    let cni_dir = go::ensure("cni", &[])?;
    let kubelet = go::ensure(&kubernetes::group(version), &["kubelet"])?.join("kubelet");
    let (workspace, out_dir) = (layout::workspace_root(), layout::root().join("images"));
    let what = || "cannot build the container images".to_owned();
    let progress = (!images::were_built(&out_dir)).then(|| {
        let progress = ui::Progress::new(0);
        progress.step(0, "building container images");
        progress
    });
    let own = images::build(&workspace, &out_dir).context(what);
    if let Some(progress) = progress {
        progress.finish();
    }
    Ok(Built {
        containerd_dir,
        cni_dir,
        kubelet,
        own: own?,
    })
}

/// Starts the machine's real node for the sandbox of `spawner` and returns when it is Ready.
///
/// The simulated nodes of the sandbox, if any, get a taint, so that ordinary pods become real. When
/// it fails, what was started is ended by [`super::stop()`], as for every other part.
///
/// # Errors
///
/// When another sandbox has the node (it is named), a part ends early (with the end of its log), or
/// the node is not Ready in 90 s.
pub fn start(spawner: &Spawner<'_>, kubectl: &Kubectl, built: &Built, api_port: u16) -> Result<()> {
    let run = spawner.run_dir();
    let place = Place::of(run.path());
    let mut lock = take(run)?;
    stop::clear(&place)?;
    let wanted_by = holder(run);
    lock.give_to(Some(&wanted_by))
        .context(|| format!("cannot write {LOCK_FILE}"))?;

    network::create().context(|| "cannot make the pods' network".to_owned())?;
    let group = Group::open(place.cgroup()).context(group_failed)?;
    group.create().context(group_failed)?;
    let entrances = group.entrances();
    prepare_containerd(&place, built, &entrances)?;
    let [containerd, kubelet, forward] = PARTS;

    spawn(spawner, containerd, &place)?;
    let socket = place.containerd_socket();
    spawner.wait_for("containerd", containerd, LIMIT, || {
        UnixStream::connect(&socket).ok()
    })?;
    import(&built.containerd_dir, &socket, &built.own.images)?;

    prepare_kubelet(run, &place, built, api_port, &entrances)?;
    spawn(spawner, kubelet, &place)?;
    spawn(spawner, forward, &place)?;
    let path = format!("/api/v1/nodes/{NODE_NAME}");
    spawner.wait_for("the real node", kubelet, LIMIT, || {
        let node: Value = serde_json::from_str(&kubectl.get_raw(&path)?).ok()?;
        is_ready(&node).then_some(())
    })?;
    taint_simulated(kubectl)
}

/// Takes the machine's real node, from nobody or from somebody who is gone.
fn take(run: &RunDir) -> Result<Lock> {
    let path = Path::new(LOCK_FILE);
    let what = || format!("cannot lock {LOCK_FILE}");
    let Some(mut lock) = Lock::try_acquire(path).context(what)? else {
        let holder = lock::peek(path).map(|holder| format!(" ({})", holder.sandbox));
        return Err(Error::new("cannot start the real node")
            .cause(format!(
                "another sandbox{} is starting or stopping it now",
                holder.unwrap_or_default()
            ))
            .hint("wait a few seconds and repeat"));
    };
    let held_by = lock.holder().context(what)?;
    let has_processes = |holder: &Holder| {
        Group::open(Place::of(&holder.state_dir).cgroup())
            .and_then(|group| group.members())
            .is_ok_and(|members| !members.is_empty())
    };
    let has_state = |holder: &Holder| holder.state_dir.is_dir();
    match lock::decide(held_by, &holder(run), has_processes, has_state) {
        Verdict::Free | Verdict::Ours => {}
        Verdict::Abandoned(holder) => {
            ui::status(&format!(
                "clearing what sandbox {} left of its real node",
                holder.sandbox
            ));
            stop::clear(&Place::of(&holder.state_dir))?;
        }
        Verdict::Taken(holder) => {
            return Err(Error::new("cannot start the real node")
                .cause(format!(
                    "the machine has one, and sandbox {} in {} has it",
                    holder.sandbox,
                    holder.state_dir.display()
                ))
                .hint(format!("cargo sandbox down --name {}", holder.sandbox)));
        }
    }
    Ok(lock)
}

pub(super) fn holder(run: &RunDir) -> Holder {
    Holder {
        sandbox: run.name().to_owned(),
        state_dir: run.path().to_owned(),
    }
}

fn group_failed() -> String {
    "cannot make the real node's control group".to_owned()
}

fn prepare_containerd(place: &Place, built: &Built, entrances: &[PathBuf]) -> Result<()> {
    let runc = which::which("runc").context(|| "cannot find runc".to_owned())?;
    for dir in [place.data_dir(), config::cni_dir(place)] {
        fs::create_dir_all(&dir).context(|| format!("cannot make {}", dir.display()))?;
    }
    stop::make_shadowed(place)?;
    let dir = place.run_dir();
    let write = |name: &str, text: &str| write_atomically(&dir.join(name), text.as_bytes());
    write(
        "containerd.toml",
        &config::containerd(place, &built.cni_dir, &runc),
    )?;
    write(
        "cni/10-groundcrew.conflist",
        &config::network(place).to_string(),
    )?;
    write("containerd.sh", &scripts::containerd(place, entrances))?;
    write_atomically(
        &scripts::inside_path(place),
        scripts::containerd_inside(place, &built.containerd_dir).as_bytes(),
    )
}

fn prepare_kubelet(
    run: &RunDir,
    place: &Place,
    built: &Built,
    api_port: u16,
    entrances: &[PathBuf],
) -> Result<()> {
    let pki = run.pki();
    let ca = Ca::load(&Pair::at(&pki, "ca"))?;
    let user = format!("system:node:{NODE_NAME}");
    let client = ca.issue_client(&user, &["system:nodes"])?;
    let kubeconfig = run.path().join("kubelet.kubeconfig");
    write_kubeconfig(run, &kubeconfig, api_port, "kubelet", &client)?;
    let serving = ca
        .issue_server(&user, &[NODE_NAME, &NODE_IP.to_string()])?
        .write(&pki, "kubelet-server")?;

    let kubelet = Kubelet {
        binary: &built.kubelet,
        kubeconfig: &kubeconfig,
        client_ca: &Pair::at(&pki, "ca").cert,
        certificate: &serving.cert,
        key: &serving.key,
        address: NODE_IP,
        port: kubelet_port()?,
    };
    let listen = SocketAddrV4::new(API_IP, 443);
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, api_port));
    let dir = place.run_dir();
    let write = |name: &str, text: &str| write_atomically(&dir.join(name), text.as_bytes());
    write(
        "kubelet.json",
        &config::kubelet(place, &kubelet).to_string(),
    )?;
    write("kubelet.sh", &scripts::kubelet(place, &kubelet, entrances))?;
    write(
        "forward.sh",
        &scripts::forward(&built.own.forward, listen, to, entrances),
    )
}

/// The usual port, or a free one when something listens on it on all addresses.
fn kubelet_port() -> Result<u16> {
    TcpListener::bind((NODE_IP, KUBELET_PORT))
        .or_else(|_taken| TcpListener::bind((NODE_IP, 0)))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .context(|| format!("cannot find a port for the kubelet on {NODE_IP}"))
}

fn spawn(spawner: &Spawner<'_>, part: &str, place: &Place) -> Result<()> {
    let script = place.run_dir().join(format!("{part}.sh"));
    spawner
        .spawn(part, Path::new("/bin/sh"), [script], &[])
        .map(|_record| ())
}

fn import(containerd_dir: &Path, socket: &Path, archive: &Path) -> Result<()> {
    let what = || "cannot import the container images".to_owned();
    let output = Command::new(containerd_dir.join("ctr"))
        .arg("--address")
        .arg(socket)
        .args(["--namespace", "k8s.io", "image", "import"])
        .arg(archive)
        .output()
        .context(what)?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::new(what()).cause(String::from_utf8_lossy(&output.stderr).trim()))
}

/// Ready, and the taint of a node that is not Ready yet is gone.
fn is_ready(node: &Value) -> bool {
    let untainted = node["spec"]["taints"].as_array().is_none_or(Vec::is_empty);
    let mut conditions = node["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten();
    untainted && conditions.any(|found| found["type"] == "Ready" && found["status"] == "True")
}

fn taint_simulated(kubectl: &Kubectl) -> Result<()> {
    let selector = format!("{}=simulated", nodes::LABEL);
    if kubectl
        .run(&["get", "nodes", "-o", "name", "-l", &selector])?
        .trim()
        .is_empty()
    {
        return Ok(());
    }
    let taint = format!("{SIMULATED_TAINT}=:NoSchedule");
    kubectl
        .run(&["taint", "nodes", "--overwrite", "-l", &selector, &taint])
        .map(|_said| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_node_that_is_still_tainted_or_unready_takes_no_pods_yet() {
        let conditions = json!([{"type": "DiskPressure", "status": "False"},
            {"type": "Ready", "status": "True"}]);
        let taints = json!([{"key": "node.kubernetes.io/not-ready"}]);
        assert!(is_ready(
            &json!({"spec": {}, "status": {"conditions": conditions}})
        ));
        assert!(!is_ready(
            &json!({"spec": {"taints": taints}, "status": {"conditions": conditions}})
        ));
        assert!(!is_ready(
            &json!({"spec": {}, "status": {"conditions": []}})
        ));
    }
}
