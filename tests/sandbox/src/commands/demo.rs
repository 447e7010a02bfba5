//! `demo`: a tour of the five plugins, from a fresh clone to alice's first pod and a canary.

use std::env;
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::{cargo, env as env_command, up};
use crate::addons::Addons;
use crate::error::{Context as _, Error, Result};
use crate::kubectl::Kubectl;
use crate::kubernetes;
use crate::layout::RunDir;
use crate::lifecycle::RealNode;
use crate::state::State;
use crate::{interrupt, ui};

const NAME: &str = "demo";
/// What alice gets, in the sandbox's directory.
const FILE: &str = "alice.kubeconfig";
/// The image a real node has without any registry; simulated nodes take any.
const IMAGE: &str = "sandbox.local/web:1";
/// The next version of it.
const NEXT_IMAGE: &str = "sandbox.local/web:2";
const PORT: u16 = 8080;
const LIMIT: Duration = Duration::from_secs(60);

/// The Deployment that gets a canary: a namespace of its own, so that it needs none of alice's quota.
const SHOP: &str = "shop";

/// Starts a sandbox and shows each plugin at work: alice and her first pod, a claim, who can read
/// her Secrets, a canary that is parked and rolled back, and what pod security allows. Leaves it
/// all up; running it again shows the same.
///
/// # Errors
///
/// When a step fails; its own message has been shown.
pub(crate) fn run() -> Result<()> {
    let programs = cargo::build_plugins()?;
    env_command::link_completion(&programs)?;
    let state = up::run(&up::Options {
        name: NAME.to_owned(),
        nodes: 3,
        real_node: RealNode::IfFree,
        addons: Addons::default(),
        kubernetes: kubernetes::NEWEST.to_owned(),
        signer: true,
        slow_controllers: false,
    })?;
    let run = RunDir::of(NAME)?;
    let shell = Shell {
        path: path(&[&programs, &state.bin_dir])?,
        dir: run.path(),
        state: &state,
    };
    let alice = run.path().join(FILE);

    ui::status(&format!("$ cd {}", run.path().display()));
    let onboard = ["onboard", "alice", "--team", "payments", "--yes"];
    shell.run(&[&onboard[..], &["--out", FILE]].concat())?;
    if !shell.succeeds(&["--kubeconfig", FILE, "get", "deployment", "hello"])? {
        let image = format!("--image={IMAGE}");
        let create = ["create", "deployment", "hello", &image];
        shell.run(&[&["--kubeconfig", FILE][..], &create].concat())?;
    }
    let as_alice = Kubectl::new(&state.bin_dir.join("kubectl"), &alice, &run);
    let address = wait_until_running(&as_alice)?;
    shell.run(&["--kubeconfig", FILE, "get", "pods", "-o", "wide"])?;
    if state.capabilities.real_node {
        ui::status(&format!("$ curl http://{address}:{PORT}/"));
        ui::answer(get(&address)?.trim_end());
    }

    Shell::says("A namespace for a day's work, which expires by itself:");
    shell.run(&["ns-claim", "repro-4711", "--ttl", "8h", "--reuse"])?;
    shell.run(&["ns-claim", "list"])?;

    Shell::says("Who can read alice's Secrets, and through what:");
    shell.run(&["can-i-audit", "who", "get", "secrets", "-n", "alice"])?;

    Shell::says("One pod of a new version beside ten of the old one, and back:");
    shop(&shell)?;
    let new = format!("--image=web={NEXT_IMAGE}");
    shell.run(&["rollout-canary", "web", "10%", &new, "-n", SHOP])?;
    shell.run(&["rollout-canary", "status", "web", "-n", SHOP])?;
    shell.run(&["rollout-canary", "abort", "web", "-n", SHOP])?;

    Shell::says("Which Pod Security level these namespaces can meet:");
    shell.run(&["psp-advise"])?;

    ui::status(&format!(
        "\nThe sandbox stays up, and the plugins are ready to be tried:\n  \
         go on    eval \"$(cargo sandbox env --name {NAME})\"; kubectl onboard --help\n  \
         end it   cargo sandbox down --name {NAME}"
    ));
    Ok(())
}

/// Makes the Deployment that gets a canary, unless an earlier tour did.
fn shop(shell: &Shell<'_>) -> Result<()> {
    if shell.succeeds(&["get", "deployment", "web", "-n", SHOP])? {
        return Ok(());
    }
    shell.run(&["create", "namespace", SHOP])?;
    let image = format!("--image={IMAGE}");
    let create = ["create", "deployment", "web", &image, "--replicas=10"];
    shell.run(&[&create[..], &["-n", SHOP]].concat())?;
    shell.run(&["rollout", "status", "deployment/web", "-n", SHOP])
}

/// What a person would type, shown before it is run.
struct Shell<'a> {
    path: OsString,
    dir: &'a Path,
    state: &'a State,
}

impl Shell<'_> {
    /// Says what the next commands show.
    fn says(text: &str) {
        ui::status(&format!("\n{text}"));
    }

    fn run(&self, args: &[&str]) -> Result<()> {
        ui::status(&format!("$ kubectl {}", args.join(" ")));
        let status = cargo::attend(&mut self.command(args))?;
        if status.success() {
            return Ok(());
        }
        Err(Error::new(format!("kubectl {} failed", args[0]))
            .cause(status)
            .hint(format!("cargo sandbox logs kube-apiserver --name {NAME}")))
    }

    fn succeeds(&self, args: &[&str]) -> Result<bool> {
        let what = || format!("cannot run kubectl {}", args[0]);
        Ok(self.command(args).output().context(what)?.status.success())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.state.bin_dir.join("kubectl"));
        command
            .args(args)
            .current_dir(self.dir)
            .env("PATH", &self.path)
            .env("KUBECONFIG", &self.state.kubeconfig);
        command
    }
}

fn path(first: &[&Path]) -> Result<OsString> {
    let mut all: Vec<PathBuf> = first.iter().map(|dir| (*dir).to_owned()).collect();
    all.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    env::join_paths(all).context(|| "cannot set PATH".to_owned())
}

/// Waits for the first pod and returns its address.
fn wait_until_running(kubectl: &Kubectl) -> Result<String> {
    let begun = Instant::now();
    let fields = "jsonpath={.items[0].status.phase} {.items[0].status.podIP}";
    loop {
        let found = kubectl.run(&["get", "pods", "-l", "app=hello", "-o", fields]);
        if let Some(address) = found
            .ok()
            .as_deref()
            .and_then(|text| text.strip_prefix("Running "))
        {
            return Ok(address.to_owned());
        }
        if begun.elapsed() > LIMIT {
            return Err(Error::new("alice's pod does not run")
                .cause(format!("nothing after {}s", LIMIT.as_secs()))
                .hint(format!(
                    "cargo sandbox kubectl --name {NAME} describe pods -n alice"
                )));
        }
        interrupt::pause(Duration::from_millis(300))?;
    }
}

/// Asks the pod over HTTP: nothing more than this machine's own network is involved.
fn get(address: &str) -> Result<String> {
    let what = || format!("cannot reach the pod on {address}:{PORT}");
    let address: SocketAddr = format!("{address}:{PORT}").parse().context(what)?;
    let begun = Instant::now();
    // Running means started, not listening.
    let mut stream = loop {
        match TcpStream::connect_timeout(&address, Duration::from_secs(2)) {
            Ok(stream) => break stream,
            Err(error) if begun.elapsed() > Duration::from_secs(10) => {
                return Err(Error::new(what()).cause(error));
            }
            Err(_) => interrupt::pause(Duration::from_millis(200))?,
        }
    };
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .context(what)?;
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).context(what)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context(what)?;
    Ok(answer
        .split_once("\r\n\r\n")
        .map_or(answer.clone(), |(_head, body)| body.to_owned()))
}
