//! `--smoke IMAGE`: a first pod as the user, from the request until it runs, and gone again.

use std::time::{Duration, Instant};

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::Span;
use groundcrew::ui::Ui;
use groundcrew::write::{Writer, is_not_found, status};
use k8s_openapi::api::core::v1::{ContainerState, Event, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, ListParams, PostParams};
use serde::Serialize;
use serde_json::json;
use tokio::time::sleep;

/// Label of the pod, by which one that could not be removed is found.
const LABEL: &str = "groundcrew.dev/smoke";

/// Reasons of a waiting container that waiting longer does not mend. A first `ErrImagePull` is
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
    if interrupt.is_set() {
        return Err(Error::interrupted());
    }
    let api = Api::<Pod>::namespaced(session.client.clone(), namespace);
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
    let pod = match api.create(&params, &pod(&smoke.image)).await {
        Ok(pod) => pod,
        Err(error) => {
            // 401 and 429 say nothing about the pod.
            let refused = status(&error).filter(|status| matches!(status.code, 400 | 403 | 422));
            if let Some(refusal) = refused {
                return Ok(report(None, State::Never(refusal.message.clone()), true));
            }
            let doing = Doing::new("create", "pods").within(namespace);
            let see = format!("kubectl get pods -n {namespace} -l {LABEL}");
            return Err(explain(error, &doing).with_hint(format!("is there one?  {see}")));
        }
    };
    let name = pod.metadata.name.clone().unwrap_or_default();
    let progress = ui.progress(format!("waiting for pod {name} to run"));
    let waited = interrupt.guard(wait(&api, &name, smoke.timeout)).await;
    drop(progress);
    let removal = remove(&api, &pod.metadata, writer).await;
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

async fn wait(api: &Api<Pod>, name: &str, patience: Duration) -> Result<State> {
    let deadline = Instant::now() + patience;
    let mut pause = Duration::from_millis(100);
    loop {
        let state = match api.get(name).await {
            Ok(pod) => state(&pod),
            Err(error) if is_not_found(&error) => {
                State::Never("someone else deleted the pod".to_owned())
            }
            Err(error) => return Err(explain(error, &Doing::new("get", "pods").named(name))),
        };
        let State::Waiting(why) = state else {
            return Ok(state);
        };
        if Instant::now() + pause > deadline {
            let event = last_warning(api, name).await;
            let why = event.unwrap_or(why);
            return Ok(State::Never(format!(
                "not within {}: {why}",
                Span(patience)
            )));
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

/// Returns what the cluster complained of last; some reasons (a volume, the pod's network) stand in
/// events alone. Nothing when the user may not read them.
async fn last_warning(api: &Api<Pod>, name: &str) -> Option<String> {
    let namespace = api.namespace()?;
    let events = Api::<Event>::namespaced(api.clone().into_client(), namespace);
    let only = format!("involvedObject.kind=Pod,involvedObject.name={name},type=Warning");
    let found = events
        .list(&ListParams::default().fields(&only))
        .await
        .ok()?;
    let when = |event: &Event| event.metadata.creation_timestamp.clone();
    let last = found.items.into_iter().max_by_key(when)?;
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
async fn remove(api: &Api<Pod>, made: &ObjectMeta, writer: &Writer) -> Result<()> {
    let exact = ObjectMeta {
        name: made.name.clone(),
        uid: made.uid.clone(),
        ..ObjectMeta::default()
    };
    let name = made.name.clone().unwrap_or_default();
    let removed = writer.delete(api, &exact).await;
    removed
        .map(drop)
        .map_err(|error| explain(error, &Doing::new("delete", "pods").named(name)))
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
