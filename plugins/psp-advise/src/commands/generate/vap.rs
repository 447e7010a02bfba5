//! `kubectl psp-advise generate vap`: a level with the exceptions that some workloads need.

use std::collections::BTreeSet;

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::output::yaml;
use psp_advise::model::psp::{Policy, probes};
use psp_advise::model::standards::{Except, Level, LevelVersion, OLDEST_EXCEPT, Version};
use psp_advise::model::subject::Subject;
use psp_advise::model::text::plural;
use psp_advise::model::trial::{Trial, Try};
use psp_advise::model::vap::binding;
use serde_json::{Value, json};

use super::subjects;
use crate::cluster::trial;
use crate::cluster::version::{self, Choice};
use crate::commands::flags;
use crate::local::files::FileArgs;

/// Generate a level of the standards with the exceptions that a set of workloads needs
///
/// Prints a ValidatingAdmissionPolicy that requires what the level requires, except for the values
/// that these workloads need, bound to their namespaces. It is verified before it is printed: it
/// admits all of them, and without any one of its exceptions it would refuse at least one. With
/// --verify it is also compared with the level on the cluster, in a temporary namespace, with the
/// workloads and with pods that differ from the level in one field each.
#[derive(Args, Debug)]
pub(super) struct VapArgs {
    /// Name of the policy
    #[arg(long, value_name = "NAME", default_value = "generated")]
    name: String,

    /// Level to make exceptions from
    #[arg(long, value_name = "LEVEL", default_value = "restricted")]
    level: Level,

    /// Version of the standards: latest or v1.31 [default: the server's newest, pinned]
    #[arg(long = "version", id = "policy-version", value_name = "VERSION")]
    version: Option<Version>,

    /// API server version to decide as: v1.31, or cluster [default: the cluster's; with -f, the
    /// newest known]
    #[arg(long, value_name = "VERSION", value_parser = version::parse)]
    server_version: Option<Choice>,

    /// Compare the policy with the level on the cluster, with temporary objects
    #[arg(long)]
    verify: bool,

    /// Answer yes to every question
    #[arg(short = 'y', long)]
    yes: bool,

    #[command(flatten)]
    files: FileArgs,
}

/// Generates.
///
/// # Errors
///
/// What cannot be read, and a policy whose proof fails.
pub(super) async fn run(args: VapArgs, frame: &Frame) -> Result<Exit> {
    if args.level == Level::Privileged {
        return Err(Error::usage("the privileged level allows everything")
            .with_hint("--level baseline, or --level restricted"));
    }
    let of_files = !args.files.filename.is_empty();
    let needed = !of_files || args.verify;
    let (session, server) = flags::open(args.server_version, needed, frame).await?;
    let version = args.version.unwrap_or(Version::Minor(server.minor()));
    if server.applied(version) < OLDEST_EXCEPT {
        return Err(Error::usage(format!(
            "a policy can be generated from v1.{OLDEST_EXCEPT} of the standards on, not from {version}"
        )));
    }
    let subjects = subjects::all(&args.files, session.as_ref(), frame).await?;
    let pods: Vec<&Value> = subjects.iter().map(|subject| &subject.pod).collect();
    let broken =
        |error: serde_json::Error| Error::failed("a pod cannot be read").with_source(error);
    let policy = LevelVersion::new(args.level, version);
    let except = Except::of(policy, server, pods.iter().copied()).map_err(broken)?;
    prove(&except, &subjects).map_err(broken)??;
    let object = except.admission_policy(&args.name);
    if let (true, Some(session)) = (args.verify, &session) {
        let never = never(&except, &pods).map_err(broken)?;
        let trial = Trial {
            policy: &object,
            accounts: vec![(ACCOUNT.to_owned(), Value::Null)],
            never: &never,
            tries: tries(&except, &pods).map_err(broken)?,
            parts: Vec::new(),
        };
        frame.confirm(&trial::question(session), args.yes)?;
        let compared = trial::run(session, &trial, &frame.ui, &frame.interrupt).await?;
        frame.ui.status(&compared);
    } else {
        frame
            .ui
            .hint("--verify compares it with the level on a real server");
    }
    let exceptions = except.exceptions.len();
    frame.ui.status(format_args!(
        "admits all {}; each of its {exceptions} {} to {policy} is needed by at least one.",
        subjects.len(),
        plural(exceptions, "exception", "exceptions")
    ));
    let namespaces: BTreeSet<&str> = subjects.iter().map(|it| it.namespace.as_str()).collect();
    let mut bound = binding(&args.name);
    bound["spec"]["matchResources"] = json!({"namespaceSelector": {"matchExpressions": [
        {"key": "kubernetes.io/metadata.name", "operator": "In", "values": namespaces}]}});
    frame.ui.answer(format_args!(
        "---\n{}---\n{}",
        yaml(&object)?,
        yaml(&bound)?
    ))?;
    Ok(Exit::Done)
}

/// The account of the pods that are tried; it has no rights.
const ACCOUNT: &str = "pods";

/// Admits everything, and nothing less does.
fn prove(except: &Except, subjects: &[Subject]) -> Result<Result<()>, serde_json::Error> {
    for subject in subjects {
        if !except.admits(&subject.pod)? {
            let name = subject.workload.object.short();
            return Ok(Err(Error::failed(format!("the policy refuses {name}"))));
        }
    }
    for exception in &except.exceptions {
        let mut tighter = except.clone();
        tighter.exceptions.remove(exception);
        let mut all = true;
        for subject in subjects {
            all &= tighter.admits(&subject.pod)?;
        }
        if all {
            let (check, value) = (exception.check, &exception.value);
            let message = format!("the policy is not minimal: {check} {value} is not needed");
            return Ok(Err(Error::failed(message)));
        }
    }
    Ok(Ok(()))
}

/// The workloads, and around each of them pods with one field changed.
fn tries(except: &Except, pods: &[&Value]) -> Result<Vec<Try>, serde_json::Error> {
    let mut all = Vec::new();
    let plain = json!({"spec": {"containers": [{"name": "c", "image": "i"}]}});
    let around = probes(&Policy::default());
    for pod in pods.iter().copied().chain([&plain]).chain(&around) {
        all.push(tried(except, pod)?);
    }
    Ok(all)
}

fn tried(except: &Except, pod: &Value) -> Result<Try, serde_json::Error> {
    Ok(Try {
        pod: pod.clone(),
        account: ACCOUNT.to_owned(),
        expected: except.admits(pod)?,
        part: None,
    })
}

/// Returns a pod that is refused: one port of the node that no workload uses.
fn never(except: &Except, pods: &[&Value]) -> Result<Try, serde_json::Error> {
    let text: String = pods.iter().map(ToString::to_string).collect();
    let free = (1..=65_535)
        .rev()
        .find(|port| !text.contains(&port.to_string()));
    let port = free.unwrap_or(1);
    let pod = json!({"spec": {"containers": [{"name": "c", "image": "i",
        "ports": [{"containerPort": port, "hostPort": port}]}]}});
    tried(except, &pod)
}
