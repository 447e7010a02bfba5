//! `--smoke IMAGE`: a first pod as the user, from the request until it runs, and gone again.

use std::time::{Duration, Instant};

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::client::errors::explain;
use groundcrew::cluster::{Objects, Patience, Place, poll};
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::duration::Span;
use groundcrew::ui::Ui;
use groundcrew::write::{Writer, status};
use k8s_openapi::api::core::v1::{ContainerState, Event, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ListParams, PostParams};
use serde::Serialize;
use serde_json::json;

/// Label of the pod, by which one that could not be removed is found.
const LABEL: &str = "groundcrew.dev/smoke";

/// Reasons of a waiting container that waiting longer does not fix. A first `ErrImagePull` is
/// tried again by the kubelet; `ImagePullBackOff` comes after the second
/// (`pkg/kubelet/images/types.go`, `pkg/kubelet/container/sync_result.go` in Kubernetes).
const HOPELESS: [&str; 6] = [
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

/// What is run, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smoke {
    /// The image.
    pub image: String,
    /// How long to wait until it runs.
    pub timeout: Duration,
}

/// What came of it; `smoke` in the `OnboardReport` document.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SmokeReport {
    image: String,
    /// The pod's name; absent when it was not admitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: Option<String>,
    /// It ran, or has run already.
    ran: bool,
    /// From the request until it ran, or until it was given up.
    seconds: f64,
    /// Why it did not run, or how its only process ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The pod is gone, or never was.
    removed: bool,
}

impl SmokeReport {
    /// Returns what this says about the run.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match (self.ran, self.removed) {
            (false, _) => Exit::No,
            (true, false) => Exit::Incomplete,
            (true, true) => Exit::Done,
        }
    }

    /// Returns one line for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let (image, seconds) = (&self.image, self.seconds);
        let more = self.reason.iter().map(|reason| format!(": {reason}"));
        let more = more.collect::<String>();
        if self.ran {
            format!("{image} ran after {seconds:.1}s{more}")
        } else {
            format!("{image} did not run{more}")
        }
    }
}

/// What a pod shows.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Its container runs, or has run to its end; the text says how that was.
    Ran(Option<String>),
    /// Not yet, and why.
    Waiting(String),
    /// Not, and waiting does not help.
    Never(String),
}

/// Runs a pod as the user and removes it, also after Ctrl-C.
///
/// # Errors
///
/// When the server could not be asked; a pod that is refused or does not start is a report.
pub async fn run(
    smoke: &Smoke,
    session: &Session,
    namespace: &str,
    writer: &Writer,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<SmokeReport> {
    interrupt.check()?;
    let place = session.in_(namespace);
    let pods = place.of::<Pod>();
    let started = Instant::now();
    let params = PostParams {
        dry_run: false,
        field_manager: Some(writer.field_manager.clone()),
    };
    let report = |pod: Option<&str>, state: State, removed: bool| {
        let (ran, reason) = match state {
            State::Ran(how) => (true, how),
            State::Waiting(why) | State::Never(why) => (false, Some(why)),
        };
        SmokeReport {
            image: smoke.image.clone(),
            pod: pod.map(str::to_owned),
            ran,
            seconds: (started.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            reason,
            removed,
        }
    };
    let pod = match pods.api().create(&params, &pod(&smoke.image)).await {
        Ok(pod) => pod,
        Err(error) => {
            // 401 and 429 say nothing about the pod.
            let refused = status(&error).filter(|status| matches!(status.code, 400 | 403 | 422));
            if let Some(refusal) = refused {
                return Ok(report(None, State::Never(refusal.message.clone()), true));
            }
            let see = format!("kubectl get pods -n {namespace} -l {LABEL}");
            let error = explain(error, &pods.doing("create"));
            return Err(error.with_hint(format!("is there one?  {see}")));
        }
    };
    let name = pod.metadata.name.clone().unwrap_or_default();
    let progress = ui.progress(format!("waiting for pod {name} to run"));
    let waited = wait(&place, &name, smoke.timeout, interrupt).await;
    drop(progress);
    let removal = remove(&pods, &pod.metadata, writer).await;
    if let Err(error) = &removal {
        ui.warning(format_args!("pod {name} is still there: {error}"));
        ui.hint(format_args!("kubectl delete pod {name} -n {namespace}"));
    }
    let waited = waited.map(|state| report(Some(&name), state, removal.is_ok()));
    if let Ok(report) = &waited
        && report.ran
    {
        ui.done("first pod run", report.summary());
    }
    waited
}

async fn wait(
    place: &Place,
    name: &str,
    timeout: Duration,
    interrupt: &Interrupt,
) -> Result<State> {
    let pods = place.of::<Pod>();
    let mut waits_for = String::new();
    let look = async || {
        let state = match pods.find(name).await? {
            Some(pod) => state(&pod),
            None => State::Never("someone else deleted the pod".to_owned()),
        };
        Ok(match state {
            State::Waiting(why) => {
                waits_for = why;
                None
            }
            state => Some(state),
        })
    };
    if let Some(state) = poll(Patience::of(timeout), interrupt, look).await? {
        return Ok(state);
    }
    let why = last_warning(place, name).await.unwrap_or(waits_for);
    Ok(State::Never(format!("not within {}: {why}", Span(timeout))))
}

/// Returns what the cluster complained of last; some reasons (a volume, the pod's network) are in
/// events alone. Nothing when the user may not read them.
async fn last_warning(place: &Place, name: &str) -> Option<String> {
    let only = format!("involvedObject.kind=Pod,involvedObject.name={name},type=Warning");
    let events = place.of::<Event>();
    let found = events.list_by(&ListParams::default().fields(&only)).await;
    let when = |event: &Event| event.metadata.creation_timestamp.clone();
    let last = found.ok()?.into_iter().max_by_key(when)?;
    let (reason, message) = (last.reason?, last.message?);
    Some(format!("{reason}: {message}"))
}

/// Reads what a pod shows.
fn state(pod: &Pod) -> State {
    let Some(status) = &pod.status else {
        return State::Waiting("nothing is known of it yet".to_owned());
    };
    let both = |reason: Option<&String>, message: Option<&String>| {
        let words: Vec<&str> = reason
            .into_iter()
            .chain(message)
            .map(String::as_str)
            .collect();
        words.join(": ")
    };
    let containers = status.container_statuses.as_deref().unwrap_or_default();
    let container = containers.first().and_then(|found| found.state.as_ref());
    if let Some(ContainerState {
        terminated: Some(end),
        ..
    }) = container
    {
        // Something that never started has no beginning: the image has no such command.
        let began = !matches!(
            end.reason.as_deref(),
            Some("StartError" | "ContainerCannotRun" | "ContainerStatusUnknown")
        );
        let how = both(end.reason.as_ref(), end.message.as_ref());
        return match (began, end.exit_code) {
            (true, 0) => State::Ran(None),
            (true, code) => State::Ran(Some(format!("it ended with exit code {code}"))),
            (false, _) => State::Never(how),
        };
    }
    match status.phase.as_deref() {
        Some("Running" | "Succeeded") => return State::Ran(None),
        Some("Failed") => {
            return State::Never(both(status.reason.as_ref(), status.message.as_ref()));
        }
        _ => {}
    }
    if let Some(waiting) = container.and_then(|state| state.waiting.as_ref()) {
        let why = both(waiting.reason.as_ref(), waiting.message.as_ref());
        let reason = waiting.reason.as_deref().unwrap_or_default();
        return if HOPELESS.contains(&reason) {
            State::Never(why)
        } else {
            State::Waiting(why)
        };
    }
    let conditions = status.conditions.iter().flatten();
    let mut conditions = conditions.filter(|one| one.status == "False");
    conditions
        .find(|one| one.type_ == "PodScheduled")
        .map_or_else(
            // A node may be added any time.
            || State::Waiting("it waits for its node to start it".to_owned()),
            |one| State::Waiting(both(one.reason.as_ref(), one.message.as_ref())),
        )
}

/// Deletes the very pod that was made. Its resourceVersion changes with every word of the kubelet,
/// so its UID alone says that it is the one.
async fn remove(pods: &Objects<Pod>, made: &ObjectMeta, writer: &Writer) -> Result<()> {
    let exact = ObjectMeta {
        name: made.name.clone(),
        uid: made.uid.clone(),
        ..ObjectMeta::default()
    };
    pods.delete(writer, &exact).await.map(drop)
}

/// A pod that `restricted` accepts, and that asks for no resources: limits fill them in.
fn pod(image: &str) -> Pod {
    let spec = json!({
        "metadata": {"generateName": "smoke-", "labels": {LABEL: "true"}},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": false,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "smoke",
                "image": image,
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "capabilities": {"drop": ["ALL"]},
                },
            }],
        },
    });
    serde_json::from_value(spec).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn shows(status: Value) -> State {
        state(&serde_json::from_value(json!({"status": status})).unwrap())
    }

    fn container(phase: &str, state: Value) -> State {
        let container = json!({"name": "smoke", "image": "i", "imageID": "", "ready": false,
            "restartCount": 0, "state": state});
        shows(json!({"phase": phase, "containerStatuses": [container]}))
    }

    #[test]
    fn a_pod_that_runs_or_ran_to_its_end_has_run() {
        assert_eq!(shows(json!({"phase": "Running"})), State::Ran(None));
        let ended = |code: i32, reason: &str| {
            container(
                "Failed",
                json!({"terminated": {"exitCode": code, "reason": reason}}),
            )
        };
        assert_eq!(ended(0, "Completed"), State::Ran(None));
        let State::Ran(Some(how)) = ended(127, "Error") else {
            panic!("it ran")
        };
        assert!(how.contains("127"), "{how}");
        assert_eq!(ended(128, "StartError"), State::Never("StartError".into()));
    }

    #[test]
    fn an_image_that_is_not_pulled_again_ends_the_wait() {
        let waits = |reason: &str| {
            container(
                "Pending",
                json!({"waiting": {"reason": reason, "message": "no x:1"}}),
            )
        };
        assert_eq!(
            waits("ErrImagePull"),
            State::Waiting("ErrImagePull: no x:1".into())
        );
        assert_eq!(
            waits("ImagePullBackOff"),
            State::Never("ImagePullBackOff: no x:1".into())
        );
    }

    #[test]
    fn who_finds_no_node_waits_and_says_why_and_who_is_evicted_does_not() {
        let pending = shows(json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
             "message": "0/3 nodes are available"},
        ]}));
        assert_eq!(
            pending,
            State::Waiting("Unschedulable: 0/3 nodes are available".into())
        );
        let evicted = shows(json!({"phase": "Failed", "reason": "Evicted", "message": "disk"}));
        assert_eq!(evicted, State::Never("Evicted: disk".into()));
    }

    #[test]
    fn it_is_done_when_it_ran_and_is_gone() {
        let report = |ran, removed| SmokeReport {
            image: "i".into(),
            pod: None,
            ran,
            seconds: 1.0,
            reason: None,
            removed,
        };
        assert_eq!(report(true, true).exit(), Exit::Done);
        assert_eq!(report(true, false).exit(), Exit::Incomplete);
        assert_eq!(report(false, true).exit(), Exit::No);
    }
}
