//! The control plane: etcd, API server, controller manager, scheduler.

mod access;
mod flags;

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use access::Access;
pub(crate) use access::write_kubeconfig;
pub use flags::Ports;

use crate::error::Result;
use crate::kubectl::Kubectl;
use crate::layout::write_atomically;
use crate::process::Spawner;

/// Generous: on a busy machine everything takes many times as long.
const LIMIT: Duration = Duration::from_secs(90);

/// Which control plane.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Major and minor, such as `1.36`.
    pub kubernetes: String,
    /// The etcd binary.
    pub etcd: PathBuf,
    /// The API server binary.
    pub apiserver: PathBuf,
    /// The kubectl binary.
    pub kubectl: PathBuf,
    /// Controller manager and scheduler; envtest has none.
    pub controllers: Option<Controllers>,
    /// Whether certificate requests are signed.
    pub signer: bool,
    /// Whether the controller manager works as slowly as that of a large, busy cluster.
    pub slow_controllers: bool,
    /// Where everything listens.
    pub ports: Ports,
}

/// The parts that envtest lacks.
#[derive(Clone, Debug)]
pub struct Controllers {
    /// The controller manager binary.
    pub manager: PathBuf,
    /// The scheduler binary.
    pub scheduler: PathBuf,
}

/// Starts everything and returns once the API server answers.
///
/// # Errors
///
/// When a part ends early (with the end of its log), or nothing answers in 90 s.
pub fn start(spawner: &Spawner<'_>, plan: &Plan) -> Result<Kubectl> {
    let run = spawner.run_dir();
    Access::prepare(run, plan.ports.api)?;
    write_atomically(
        &run.path().join("audit-policy.yaml"),
        flags::AUDIT_POLICY.as_bytes(),
    )?;

    spawn(spawner, "etcd", &plan.etcd, flags::etcd(run, plan))?;
    spawner.wait_for("etcd", "etcd", LIMIT, || listens(plan.ports.etcd))?;
    spawn(
        spawner,
        "kube-apiserver",
        &plan.apiserver,
        flags::apiserver(run, plan),
    )?;
    spawner.wait_for("the API server", "kube-apiserver", LIMIT, || {
        listens(plan.ports.api)
    })?;
    if let Some(controllers) = &plan.controllers {
        let manager = flags::controller_manager(run, plan);
        spawn(
            spawner,
            "kube-controller-manager",
            &controllers.manager,
            manager,
        )?;
        spawn(
            spawner,
            "kube-scheduler",
            &controllers.scheduler,
            flags::scheduler(run),
        )?;
    }
    let kubectl = Kubectl::new(&plan.kubectl, &run.kubeconfig(), run);
    spawner.wait_for(
        "the API server's readiness",
        "kube-apiserver",
        LIMIT,
        || kubectl.get_raw("/readyz"),
    )?;
    Ok(kubectl)
}

/// Waits until what every cluster has is there: the default service account, the CA bundle for
/// pods, and the rules of the ClusterRole `edit`, which the controllers put together.
///
/// # Errors
///
/// When it takes longer than 90 s, or a part ends.
pub fn wait_for_controllers(spawner: &Spawner<'_>, kubectl: &Kubectl) -> Result<()> {
    const OBJECTS: [&str; 2] = [
        "/api/v1/namespaces/default/serviceaccounts/default",
        "/api/v1/namespaces/default/configmaps/kube-root-ca.crt",
    ];
    const EDIT: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles/edit";
    let manager = "kube-controller-manager";
    for path in OBJECTS {
        spawner.wait_for(path, manager, LIMIT, || kubectl.get_raw(path))?;
    }
    spawner.wait_for("ClusterRole edit", manager, LIMIT, || {
        let role: serde_json::Value = serde_json::from_str(&kubectl.get_raw(EDIT)?).ok()?;
        role.get("rules")?
            .as_array()
            .filter(|rules| !rules.is_empty())?;
        Some(())
    })
}

fn spawn(spawner: &Spawner<'_>, part: &str, program: &Path, args: Vec<String>) -> Result<()> {
    spawner.spawn(part, program, args, &[]).map(|_record| ())
}

fn listens(port: u16) -> Option<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_millis(200))
        .ok()
        .map(|_stream| ())
}
