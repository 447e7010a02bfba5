//! `up`: from nothing, or from whatever is left of last time, to a sandbox that is ready.

use std::time::Instant;

use crate::addons::{self, Addons};
use crate::control_plane::{self, Plan, Ports};
use crate::error::{Error, Result};
use crate::kubectl::Kubectl;
use crate::layout::RunDir;
use crate::lifecycle::RealNode;
use crate::lock::Lock;
use crate::process::Spawner;
use crate::source::{ENVTEST, Programs, Source};
use crate::state::{Capabilities, State};
use crate::{existing, lifecycle, nodes, ports, ui};

/// What is to be started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The sandbox's name.
    pub name: String,
    /// How many simulated nodes.
    pub nodes: u32,
    /// Whether to add a node with real containers.
    pub real_node: RealNode,
    /// What to add to a real node.
    pub addons: Addons,
    /// Which Kubernetes, such as `1.36`.
    pub kubernetes: String,
    /// Whether certificate requests are signed.
    pub signer: bool,
    /// Whether each controller may ask the API server 8 times a second only.
    pub slow_controllers: bool,
}

impl Options {
    /// Tells whether a running sandbox is another one than was asked for. The real node is left
    /// out: whether it can be is up to the machine.
    fn differ_from(&self, state: &State) -> bool {
        let has = &state.capabilities;
        has.scheduler
            && ((has.real_node && self.addons.gateway && !has.gateway)
                || (has.real_node && self.addons.prometheus && !has.prometheus)
                || self.nodes != state.nodes
                || self.signer != has.signer
                || self.slow_controllers != has.slow_controllers
                || self.kubernetes != has.kubernetes)
    }
}

/// Brings a sandbox up; one that is up already stays as it is.
///
/// # Errors
///
/// When something cannot be built or does not start; nothing runs then.
pub fn run(options: &Options) -> Result<State> {
    let run = RunDir::of(&options.name)?;
    let source = Source::from_env()?;
    let _lock = Lock::acquire(
        &run.lock(),
        &format!("another command on sandbox {}", run.name()),
    )?;
    if let Some(state) = State::read(&run).filter(|_| State::ended_parts(&run).is_empty()) {
        ui::status(&format!(
            "sandbox {} is up already on {}",
            run.name(),
            state.server
        ));
        if !state.existing && options.differ_from(&state) {
            ui::warn(&format!(
                "it was started with other options\nhint: cargo sandbox down --name {}",
                run.name()
            ));
        }
        return Ok(state);
    }
    if run.path().exists() {
        let ended = lifecycle::take_down(&run)?;
        if ended > 0 {
            ui::status(&format!("ended {ended} processes left by an earlier start"));
        }
    }
    match source {
        Source::Existing(kubeconfig) => existing::adopt(&run, &kubeconfig),
        Source::Envtest(dir) => {
            if options.nodes > 0 {
                ui::status(&format!(
                    "{ENVTEST} has no controllers and no scheduler: no nodes"
                ));
            }
            start_or_clean(&run, options, &Programs::envtest(&dir))
        }
        Source::Built => {
            let programs = Programs::built(&options.kubernetes)?;
            if options.nodes > 0 {
                nodes::build()?;
            }
            if options.real_node != RealNode::No {
                lifecycle::build_real_node(&options.kubernetes, options.addons)?;
            }
            start_or_clean(&run, options, &programs)
        }
    }
}

/// Starts; when that fails nothing keeps running. A port that somebody took in between is
/// replaced once.
fn start_or_clean(run: &RunDir, options: &Options, programs: &Programs) -> Result<State> {
    let mut result = attempt(run, options, programs);
    let taken = |error: &Error| {
        error
            .evidence()
            .iter()
            .any(|line| line.contains("address already in use"))
    };
    if result.as_ref().is_err_and(taken) {
        ui::status("a port was taken in the meantime, starting over with others");
        lifecycle::take_down(run)?;
        result = attempt(run, options, programs);
    }
    if let Err(error) = &result {
        // The logs stay for a look at them, unless nobody waits for an explanation.
        let cleaned = if error.is_interrupted() {
            lifecycle::take_down(run).map(|_ended| ())
        } else {
            lifecycle::end_processes(run).map(|_ended| ())
        };
        if let Err(error) = cleaned {
            ui::error(&error);
        }
    }
    result
}

fn attempt(run: &RunDir, options: &Options, programs: &Programs) -> Result<State> {
    let begun = Instant::now();
    run.create()?;
    let ports = match ports::free(3)?[..] {
        [api, etcd, etcd_peer] => Ports {
            api,
            etcd,
            etcd_peer,
        },
        _ => return Err(Error::new("cannot find free ports")),
    };
    let server = format!("127.0.0.1:{}", ports.api);
    let progress = ui::Progress::new(0);
    progress.step(0, &format!("starting control plane on {server}"));

    let spawner = Spawner::new(run);
    let has_controllers = programs.controllers.is_some();
    let plan = Plan {
        kubernetes: if has_controllers {
            options.kubernetes.clone()
        } else {
            String::new()
        },
        etcd: programs.etcd.clone(),
        apiserver: programs.apiserver.clone(),
        kubectl: programs.bin_dir.join("kubectl"),
        controllers: programs.controllers.clone(),
        signer: options.signer,
        slow_controllers: options.slow_controllers,
        ports,
    };
    let kubectl = control_plane::start(&spawner, &plan)?;
    let version = server_version(&kubectl)?;
    let simulated = if has_controllers { options.nodes } else { 0 };
    if simulated > 0 {
        nodes::start(&spawner, &kubectl, simulated, &version.full)?;
    }
    if has_controllers {
        control_plane::wait_for_controllers(&spawner, &kubectl)?;
        nodes::wait_until_ready(&spawner, &kubectl, simulated)?;
    }
    progress.finish();
    let (wish, version_wanted) = (options.real_node, &options.kubernetes);
    let real_node = has_controllers
        && lifecycle::start_real_node(&spawner, &kubectl, wish, version_wanted, ports.api)?;
    let wanted = if real_node {
        options.addons
    } else {
        Addons::default()
    };
    let entrance = add(&spawner, &kubectl, wanted)?;
    spawner.check()?;

    let state = State {
        name: run.name().to_owned(),
        server,
        kubeconfig: run.kubeconfig(),
        bin_dir: programs.bin_dir.clone(),
        capabilities: Capabilities {
            signer: has_controllers && options.signer,
            scheduler: has_controllers,
            simulated_nodes: simulated > 0,
            real_node,
            slow_controllers: has_controllers && options.slow_controllers,
            gateway: wanted.gateway,
            prometheus: wanted.prometheus,
            kubernetes: version.short,
        },
        nodes: simulated,
        entrance: entrance.unwrap_or_default(),
        existing: false,
    };
    state.write(run)?;
    report(&state, &version.full, &ui::duration(begun.elapsed()));
    Ok(state)
}

fn add(spawner: &Spawner<'_>, kubectl: &Kubectl, wanted: Addons) -> Result<addons::Entrance> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let progress = ui::Progress::new(0);
    progress.step(0, "starting what --with asks for");
    let entrance = addons::start(spawner, kubectl, wanted)?;
    progress.finish();
    Ok(entrance)
}

fn report(state: &State, version: &str, time: &str) {
    let capabilities = &state.capabilities;
    let mut facts = vec![format!("Kubernetes {version}")];
    if !capabilities.scheduler {
        facts.push("no controllers".to_owned());
    }
    if capabilities.scheduler && !capabilities.signer {
        facts.push("no signer".to_owned());
    }
    if capabilities.slow_controllers {
        facts.push("slow controllers".to_owned());
    }
    if state.nodes > 0 {
        let plural = if state.nodes == 1 { "" } else { "s" };
        facts.push(format!("{} simulated node{plural}", state.nodes));
    }
    if capabilities.real_node {
        facts.push("1 real node".to_owned());
    }
    if capabilities.gateway {
        facts.push(format!("gateway on {}", state.entrance));
    }
    if capabilities.prometheus {
        facts.push(format!("Prometheus at {}", addons::PROMETHEUS_SERVICE));
    }
    ui::status(&format!(
        "sandbox {} is ready on {} after {time}: {}",
        state.name,
        state.server,
        facts.join(", ")
    ));
}

/// What the server says it is.
pub(crate) struct ServerVersion {
    /// Such as `v1.36.3`.
    pub(crate) full: String,
    /// Such as `1.36`.
    pub(crate) short: String,
}

/// Asks the server for its version.
pub(crate) fn server_version(kubectl: &Kubectl) -> Result<ServerVersion> {
    let text = kubectl.run(&["get", "--request-timeout=10s", "--raw", "/version"])?;
    parse_version(&text).ok_or_else(|| Error::new("the API server does not tell its version"))
}

fn parse_version(text: &str) -> Option<ServerVersion> {
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    let full = json["gitVersion"].as_str()?.to_owned();
    let mut numbers = full.trim_start_matches('v').split('.');
    let short = format!("{}.{}", numbers.next()?, numbers.next()?);
    Some(ServerVersion { full, short })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clouds_version_is_read_from_its_full_form() {
        let version =
            parse_version(r#"{"major":"1","minor":"33+","gitVersion":"v1.33.5-eks-1a2b"}"#)
                .unwrap();
        assert_eq!(
            (version.full.as_str(), version.short.as_str()),
            ("v1.33.5-eks-1a2b", "1.33")
        );
        assert!(parse_version("{}").is_none());
    }
}
