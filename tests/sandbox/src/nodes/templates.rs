//! The statuses of simulated nodes and pods: Go templates that render to YAML.
//!
//! Every container of a pod behaves as its own image's tag says; the rest of the pod follows.

const NOW: &str = "{{ $now := Now }}\n";

/// Containers as they are, for a template that changes some of them.
const STATUSES: &str = "{{ $statuses := .status.containerStatuses }}\n";

const TAG: &str = r#"{{ $tag := splitList ":" $item.image | last }}"#;

const ADDRESSES: &str = r#"
{{ with NodeIPsWith .spec.nodeName }}
hostIP: {{ index . 0 | Quote }}
hostIPs:
{{ range . }}
- ip: {{ . | Quote }}
{{ end }}
{{ end }}
{{ with PodIPsWith .spec.nodeName (or .spec.hostNetwork false) (or .metadata.uid "") (or .metadata.name "") (or .metadata.namespace "") }}
podIP: {{ index . 0 | Quote }}
podIPs:
{{ range . }}
- ip: {{ . | Quote }}
{{ end }}
{{ end }}
"#;

const INIT_CONTAINERS: &str = r#"
{{ with .spec.initContainers }}
initContainerStatuses:
{{ range . }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  restartCount: 0
  {{ if eq (or .restartPolicy "") "Always" }}
  started: true
  state: {running: {startedAt: {{ $now | Quote }}}}
  {{ else }}
  state:
    terminated:
      exitCode: 0
      reason: Completed
      startedAt: {{ $now | Quote }}
      finishedAt: {{ $now | Quote }}
  {{ end }}
{{ end }}
{{ end }}
"#;

const READINESS_GATES: &str = r#"
{{ range .spec.readinessGates }}
- type: {{ .conditionType | Quote }}
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
"#;

/// How a container that is meant to crash ended.
const TERMINATED: &str = r#"
    terminated:
      exitCode: {{ if eq $tag "oom" }}137{{ else }}1{{ end }}
      reason: {{ if eq $tag "oom" }}OOMKilled{{ else }}Error{{ end }}
      startedAt: {{ $status.state.running.startedAt | Quote }}
      finishedAt: {{ $now | Quote }}
"#;

/// Fills `$unready` with the containers whose tag is one of these.
fn unready(tags: &[&str]) -> String {
    let tags: Vec<String> = tags.iter().map(|tag| format!("{tag:?}")).collect();
    format!(
        r#"{{{{ $unready := list }}}}
{{{{ range $item := .spec.containers }}}}
{TAG}
{{{{ if has $tag (list {}) }}}}{{{{ $unready = append $unready $item.name }}}}{{{{ end }}}}
{{{{ end }}}}
"#,
        tags.join(" ")
    )
}

/// Ready and ContainersReady from `$unready`; the list goes on with what follows.
const CONDITIONS: &str = r#"
conditions:
- type: Initialized
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
{{ range $type := list "Ready" "ContainersReady" }}
- type: {{ $type }}
  lastTransitionTime: {{ $now | Quote }}
  {{ if $unready }}
  status: "False"
  reason: ContainersNotReady
  message: {{ printf "containers with unready status: [%s]" (join " " $unready) | Quote }}
  {{ else }}
  status: "True"
  reason: null
  message: null
  {{ end }}
{{ end }}
"#;

/// The same for a pod that has ended.
fn conditions_of_the_ended(reason: &str) -> String {
    format!(
        r#"
conditions:
{{{{ range $type := list "Ready" "ContainersReady" }}}}
- type: {{{{ $type }}}}
  lastTransitionTime: {{{{ $now | Quote }}}}
  status: "False"
  reason: {reason}
{{{{ end }}}}
"#
    )
}

/// One status per container; `body` completes it and sees `$item`, `$status` and `$tag`.
fn each_container(body: &str) -> String {
    format!(
        r#"
containerStatuses:
{{{{ range $index, $item := .spec.containers }}}}
{{{{ $status := dict "restartCount" 0 }}}}
{{{{ if $statuses }}}}{{{{ $status = index $statuses $index }}}}{{{{ end }}}}
{TAG}
- name: {{{{ $item.name | Quote }}}}
  image: {{{{ $item.image | Quote }}}}
  imageID: ""
{body}
{{{{ end }}}}
"#
    )
}

/// A container that stays as it is.
const UNCHANGED: &str = r#"
  restartCount: {{ $status.restartCount }}
  started: {{ $status.started }}
  ready: {{ $status.ready }}
  state: {{ YAML $status.state 2 }}
"#;

fn doomed_or_unchanged(doomed: &str) -> String {
    each_container(&format!(
        r#"  {{{{ if has $tag (list "crash" "oom") }}}}{doomed}  {{{{ else }}}}{UNCHANGED}  {{{{ end }}}}"#
    ))
}

fn node_conditions() -> String {
    format!(
        "{NOW}{}",
        r#"
{{ $since := or .metadata.creationTimestamp $now }}
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $since | Quote }}
{{ end }}
"#
    )
}

/// A node that has just registered.
pub(super) fn node_ready() -> String {
    node_conditions() + "phase: Running\n"
}

/// A node that still lives.
pub(super) fn node_heartbeat() -> String {
    node_conditions()
}

/// A pod whose containers have been started.
pub(super) fn start() -> String {
    let body = r#"
  restartCount: 0
  started: true
  ready: {{ ne $tag "unready" }}
  state: {running: {startedAt: {{ $now | Quote }}}}
"#;
    [
        NOW,
        STATUSES,
        &unready(&["unready"]),
        CONDITIONS,
        READINESS_GATES,
        &each_container(body),
        INIT_CONTAINERS,
        ADDRESSES,
        "phase: Running\nstartTime: {{ $now | Quote }}\n",
    ]
    .concat()
}

/// A pod whose doomed containers wait for their next start.
pub(super) fn crash() -> String {
    let body = r#"
  restartCount: {{ $status.restartCount }}
  started: false
  ready: false
  state:
    waiting:
      reason: CrashLoopBackOff
      message: {{ printf "back-off restarting failed container=%s pod=%s_%s(%s)" $item.name $pod.name $pod.namespace $pod.uid | Quote }}
  lastState:"#;
    [
        NOW,
        STATUSES,
        "{{ $pod := .metadata }}\n",
        &unready(&["crash", "oom", "unready"]),
        CONDITIONS,
        &doomed_or_unchanged(&[body, TERMINATED].concat()),
    ]
    .concat()
}

/// A pod whose doomed containers run again.
pub(super) fn restart() -> String {
    let body = r#"
  restartCount: {{ add 1 $status.restartCount }}
  started: true
  ready: true
  state: {running: {startedAt: {{ $now | Quote }}}}
  lastState: {{ YAML $status.lastState 2 }}
"#;
    [
        NOW,
        STATUSES,
        &unready(&["unready"]),
        CONDITIONS,
        &doomed_or_unchanged(body),
    ]
    .concat()
}

/// A pod that has ended well.
pub(super) fn complete() -> String {
    let body = r#"
  restartCount: {{ $status.restartCount }}
  started: false
  ready: false
  state:
    terminated:
      exitCode: 0
      reason: Completed
      startedAt: {{ $status.state.running.startedAt | Quote }}
      finishedAt: {{ $now | Quote }}
"#;
    [
        NOW,
        STATUSES,
        &conditions_of_the_ended("PodCompleted"),
        &each_container(body),
        "phase: Succeeded\n",
    ]
    .concat()
}

/// A pod that has failed and is not started again.
pub(super) fn fail() -> String {
    let body = "
  restartCount: {{ $status.restartCount }}
  started: false
  ready: false
  state:";
    [
        NOW,
        STATUSES,
        &conditions_of_the_ended("PodFailed"),
        &each_container(&[body, TERMINATED].concat()),
        "phase: Failed\n",
    ]
    .concat()
}

/// A pod that begins to wait for an image; it has got its address by then.
pub(super) fn begin_to_wait_for_image(reason: &str, message: &str) -> String {
    wait_for_image(reason, message) + ADDRESSES + "startTime: {{ $now | Quote }}\n"
}

/// A pod that waits for an image; `message` takes the image for `%q`.
pub(super) fn wait_for_image(reason: &str, message: &str) -> String {
    let body = format!(
        r#"
  restartCount: 0
  started: false
  ready: false
  state:
    waiting:
      {{{{ if eq $tag "errpull" }}}}
      reason: {reason}
      message: {{{{ printf {message:?} $item.image | Quote }}}}
      {{{{ else }}}}
      reason: ContainerCreating
      {{{{ end }}}}
"#
    );
    [
        NOW,
        STATUSES,
        &unready(&["errpull"]),
        CONDITIONS,
        &each_container(&body),
        "phase: Pending\n",
    ]
    .concat()
}

/// A pod whose flapping containers have become ready, or unready.
pub(super) fn flap(ready: bool) -> String {
    let unready_tags: &[&str] = if ready {
        &["unready"]
    } else {
        &["flap", "unready"]
    };
    let body = "
  restartCount: {{ $status.restartCount }}
  started: true
  ready: {{ not (has $item.name $unready) }}
  state: {{ YAML $status.state 2 }}
";
    [
        NOW,
        STATUSES,
        &unready(unready_tags),
        CONDITIONS,
        &each_container(body),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_closes_what_it_opens() {
        let templates = [
            node_ready(),
            start(),
            crash(),
            restart(),
            complete(),
            fail(),
            wait_for_image("A", "b %q"),
            flap(true),
            flap(false),
        ];
        for template in templates {
            let count = |word: &str| template.matches(&format!("{{{{ {word}")).count();
            assert_eq!(
                count("if ") + count("range ") + count("with "),
                count("end }}"),
                "{template}"
            );
        }
    }
}
