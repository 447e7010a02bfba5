//! What a case works with: a directory, names of its own, `kubectl`, the fault proxy.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fault_proxy::{Fault, FaultProxy, Match, Rule, Upstream};
use groundcrew_sandbox::Sandbox;
use groundcrew_sandbox::pki::Ca;
use libtest_mimic::Failed;
use serde_json::Value;
use tempfile::TempDir;

use crate::case::Need;
use crate::command::Run;
use crate::environment::Environment;

/// Makes names differ within one run.
static COUNTER: AtomicU32 = AtomicU32::new(0);

/// Lines of each log that are kept when a case fails.
const LOG_LINES: usize = 100;

/// Everything that belongs to one running case; namespaces made under its names go in the end.
#[derive(Debug)]
pub struct Suite {
    directory: TempDir,
    cluster: Option<Sandbox>,
    path: OsString,
    people: RefCell<Vec<String>>,
}

/// The fault proxy, and a kubeconfig that leads through it.
#[derive(Debug)]
pub struct Proxied {
    /// The proxy.
    pub proxy: FaultProxy,
    /// The admin's kubeconfig with the proxy's address.
    pub kubeconfig: PathBuf,
}

impl Proxied {
    /// Breaks request `k`, counted from here on.
    pub fn break_at(&self, k: usize, fault: &Fault) {
        self.proxy.forget();
        self.proxy.add(Rule::once(Match::number(k), fault.clone()));
    }

    /// Says whether the run ended before its request `k`.
    ///
    /// How many requests a run sends is not the same every time, because it asks again what is not
    /// ready yet; so no other run tells which request is the last.
    #[must_use]
    pub fn was_spared(&self, k: usize) -> bool {
        self.proxy.count() < k
    }
}

impl Suite {
    pub(crate) fn new(environment: &Environment, needs: &[Need]) -> Result<Self, Failed> {
        let cluster = if needs.contains(&Need::NoSigner) {
            &environment.no_signer
        } else if needs.contains(&Need::PodSecurityPolicy) {
            &environment.policies
        } else if needs.contains(&Need::SlowControllers)
            || (needs.contains(&Need::Apart) && environment.slow.is_ok())
        {
            &environment.slow
        } else {
            &environment.cluster
        };
        let cluster = cluster.as_ref().ok().cloned();
        let directory = tempfile::tempdir()?;
        let mut path = Vec::new();
        if let Ok(built) = &environment.plugins {
            path.push(plugin_links(built, directory.path())?);
        }
        if let Some(cluster) = &cluster {
            path.push(cluster.bin_dir().to_owned());
        }
        path.extend([PathBuf::from("/usr/bin"), PathBuf::from("/bin")]);
        let path = std::env::join_paths(path)?;
        Ok(Self {
            directory,
            cluster,
            path,
            people: RefCell::default(),
        })
    }

    /// Returns a path in the case's own directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file into the case's own directory.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    #[must_use]
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("the case's directory can be written");
        path
    }

    /// Returns a name that no other case has; what is made under it goes when the case ends.
    #[must_use]
    pub fn name(&self, stem: &str) -> String {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{stem}-{:x}{number:02x}", std::process::id() & 0xffff);
        self.people.borrow_mut().push(name.clone());
        name
    }

    /// Returns the cluster of this case.
    ///
    /// # Panics
    ///
    /// When the case did not say that it needs one.
    #[must_use]
    pub fn cluster(&self) -> &Sandbox {
        self.cluster
            .as_ref()
            .expect("the case needs a cluster and does not say so")
    }

    /// Returns `kubectl` as the admin, with the plugins on PATH.
    #[must_use]
    pub fn kubectl(&self) -> Run {
        let cluster = self.cluster();
        self.program(&cluster.kubectl())
            .kubeconfig(cluster.kubeconfig())
    }

    /// Returns `kubectl WORDS` as the admin.
    #[must_use]
    pub fn admin(&self, words: &str) -> Run {
        self.kubectl().line(words)
    }

    /// Returns a program with the case's environment and no kubeconfig.
    #[must_use]
    pub fn program(&self, program: &Path) -> Run {
        Run::new(program, self.directory.path(), &self.path)
    }

    /// Returns the link to a plugin's binary, such as `kubectl-onboard`.
    #[must_use]
    pub fn plugin(&self, binary: &str) -> PathBuf {
        self.path("bin").join(binary)
    }

    /// Returns the names of the plugins' binaries.
    #[must_use]
    pub fn plugins(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("bin")).expect("the case needs plugins");
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.starts_with("kubectl-"))
            .collect();
        names.sort();
        names
    }

    /// Reads an object as the admin; `None` when it is not there.
    ///
    /// # Panics
    ///
    /// When the server says anything else.
    #[must_use]
    pub fn get(&self, words: &str) -> Option<Value> {
        let output = self
            .admin(&format!("get {words} -o json --ignore-not-found"))
            .run();
        let stdout = output.success().stdout.trim();
        (!stdout.is_empty()).then(|| output.json())
    }

    /// Returns the server's minor version: 37 of v1.37.2.
    ///
    /// # Panics
    ///
    /// When the server does not say it.
    #[must_use]
    pub fn server_minor(&self) -> u64 {
        let version = self.admin("version -o json").run().success().json();
        let minor = version["serverVersion"]["minor"]
            .as_str()
            .unwrap_or_default();
        let minor = minor.trim_end_matches('+').parse();
        minor.expect("a server has a minor version")
    }

    /// Starts a fault proxy before the API server.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn proxied(&self) -> Proxied {
        let cluster = self.cluster();
        let ca = Ca::load(&cluster.cluster_ca()).expect("the sandbox's authority can be read");
        let server = ca
            .issue_server("fault-proxy", &["127.0.0.1"])
            .expect("it can issue");
        let read = |path: &Path| fs::read_to_string(path).expect("the sandbox's keys can be read");
        let front = cluster.front_proxy_client();
        let proxy = FaultProxy::start(&Upstream {
            api_server: cluster
                .server()
                .parse()
                .expect("the sandbox has a socket address"),
            ca: ca.certificate().cert_pem.clone(),
            server_certificate: server.cert_pem,
            server_key: server.key_pem,
            front_proxy_certificate: read(&front.cert),
            front_proxy_key: read(&front.key),
        })
        .expect("the fault proxy can be started");
        let direct = read(cluster.kubeconfig());
        let through = direct.replace(cluster.server(), &proxy.address().to_string());
        assert_ne!(direct, through, "the kubeconfig names the API server");
        let name = format!("proxied-{}.kubeconfig", proxy.address().port());
        let kubeconfig = self.file(&name, &through);
        Proxied { proxy, kubeconfig }
    }

    /// Keeps what the control plane logged last in a file, and returns the line that names it.
    pub(crate) fn keep_logs(&self, case: &str) -> String {
        let Some(cluster) = &self.cluster else {
            return String::new();
        };
        let mut text = String::new();
        for part in ["kube-apiserver", "kube-controller-manager"] {
            text += &format!("--- last lines of {part}\n");
            for line in cluster.log_tail(part, LOG_LINES) {
                text += &line;
                text.push('\n');
            }
        }
        let directory = groundcrew_sandbox::layout::root().join("failed");
        let file = directory.join(format!("{}.log", case.replace("::", ".")));
        match fs::create_dir_all(&directory).and_then(|()| fs::write(&file, text)) {
            Ok(()) => format!("\nthe control plane's log: {}", file.display()),
            Err(error) => format!("\ncannot write {}: {error}", file.display()),
        }
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        let names = self.people.borrow().clone();
        if names.is_empty() || self.cluster.is_none() {
            return;
        }
        let clean = || {
            let run = self.admin("delete namespace --ignore-not-found --wait=false");
            let _ = run.args(&names).run();
            let records = names.iter().map(|name| format!("onboard-{name}"));
            let all = "delete configmap -n groundcrew-system --ignore-not-found --wait=false";
            let _ = self.admin(all).args(records).run();
            let tokens = names.iter().map(|name| format!("onboard-{name}-g1"));
            let all = "delete secret -n groundcrew-system --ignore-not-found --wait=false";
            let _ = self.admin(all).args(tokens).run();
        };
        // Best effort: the sandbox is thrown away anyway, somebody's own cluster is not. A case
        // that failed is not to take the others with it.
        let _ = catch_unwind(AssertUnwindSafe(clean));
    }
}

/// How long [`eventually`] waits: the CronJob of ns-claim runs every five minutes, and a machine
/// that builds beside the tests is slow. It is the end of a case that failed, not a measure.
const PATIENCE: Duration = Duration::from_secs(330);

/// Asks again until it is true.
///
/// # Panics
///
/// When it does not become true in time.
#[track_caller]
pub fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(150));
    }
}

/// Links every plugin, and its completion name, into a directory with nothing else in it.
fn plugin_links(built: &Path, home: &Path) -> Result<PathBuf, Failed> {
    let bin = home.join("bin");
    fs::create_dir(&bin)?;
    for entry in fs::read_dir(groundcrew_sandbox::layout::workspace_root().join("plugins"))? {
        let plugin = entry?.file_name().to_string_lossy().replace('-', "_");
        let binary = built.join(format!("kubectl-{plugin}{}", std::env::consts::EXE_SUFFIX));
        if !binary.is_file() {
            return Err(format!("{} is not built", binary.display()).into());
        }
        for link in [
            format!("kubectl-{plugin}"),
            format!("kubectl_complete-{plugin}"),
        ] {
            let link = bin.join(format!("{link}{}", std::env::consts::EXE_SUFFIX));
            #[cfg(unix)]
            std::os::unix::fs::symlink(&binary, link)?;
            #[cfg(not(unix))]
            fs::copy(&binary, link)?;
        }
    }
    Ok(bin)
}
