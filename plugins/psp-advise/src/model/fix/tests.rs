use super::*;
use crate::model::advice::Grade;
use crate::model::manifest::split;
use crate::model::standards::{Level, LevelVersion, Server, Version};

fn fix(text: &str, most: Grade) -> Fixed {
    let wanted = Wanted {
        policy: LevelVersion::new(Level::Restricted, Version::Latest),
        server: Server::new(36).unwrap(),
        most,
        custom: &[],
    };
    fix_document(split(text)[0], wanted).unwrap()
}

/// Fixes, checks that all pass and that a second run has nothing to do, returns the text.
fn fixed(text: &str) -> String {
    let first = fix(text, Grade::Behavior);
    assert!(
        first.objects.iter().all(|object| object.passes),
        "{first:#?}"
    );
    let second = fix(&first.text, Grade::Behavior);
    assert_eq!(second.text, first.text);
    first.text
}

#[test]
fn comments_order_and_indentation_stay() {
    let text = "\
# the api
apiVersion: apps/v1
kind: Deployment
metadata:
    name: api   # its name
spec:
    template:
        spec:
            hostNetwork: true # why?
            containers:
            -   name: api
                image: api:3  # pinned

            # the second
            -   name: b
                securityContext:
                    privileged: true
                    capabilities:
                        drop:
                        - NET_RAW
                image: b
            volumes: []
";
    insta::assert_snapshot!(fixed(text));
}

#[test]
fn line_ends_of_windows_stay() {
    let text =
        "apiVersion: v1\r\nkind: Pod\r\nspec:\r\n  containers:\r\n  - name: a\r\n    image: x";
    let new = fixed(text);
    assert!(!new.replace("\r\n", "").contains('\n'), "{new:?}");
}

#[test]
fn json_stays_json() {
    let text = "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"Pod\",\n  \"spec\": {\n    \"containers\": [\n      {\"name\": \"a\", \"ports\": [{\"containerPort\": 80, \"hostPort\": 80}]}\n    ]\n  }\n}\n";
    let new = fixed(text);
    assert!(
        serde_json::from_str::<serde_json::Value>(&new).is_ok(),
        "{new}"
    );
    insta::assert_snapshot!(new);
}

#[test]
fn what_is_wrong_goes_and_what_stands_beside_it_stays() {
    let text = "\
apiVersion: v1
kind: Pod
metadata:
  annotations:
    keep: me
    container.apparmor.security.beta.kubernetes.io/a: unconfined
spec:
  securityContext:
    runAsUser: 0
    sysctls:
    - name: kernel.msgmax
      value: \"1\"
    - name: net.ipv4.tcp_syncookies
      value: \"1\"
  containers:
  - name: a
    ports:
    - hostPort: 80
      containerPort: 80
    securityContext: {capabilities: {add: [NET_RAW, NET_BIND_SERVICE], drop: [ALL]}, seLinuxOptions: {type: spc_t, level: s0}}
    livenessProbe:
      httpGet: {host: 127.0.0.1, port: 80}
";
    insta::assert_snapshot!(fixed(text));
}

#[test]
fn an_anchor_is_changed_where_it_stands_once() {
    let text = "\
apiVersion: v1
kind: Pod
spec:
  containers:
  - name: a
    securityContext: &sc
      privileged: true
  - name: b
    securityContext: *sc
  - name: c
    securityContext:
      <<: *sc
      runAsUser: 5
";
    insta::assert_snapshot!(fixed(text));
}

#[test]
fn nothing_beyond_the_allowed_risk_is_changed() {
    let text = "apiVersion: v1\nkind: Pod\nspec:\n  hostPID: true\n  containers:\n  - name: a\n";
    let safe = fix(text, Grade::Safe);
    assert!(safe.text.contains("allowPrivilegeEscalation: false"));
    assert!(safe.text.contains("hostPID: true") && !safe.text.contains("runAsNonRoot"));
    assert!(!safe.objects[0].passes);
    let left: Vec<&str> = safe.objects[0].left.iter().map(|left| left.check).collect();
    assert_eq!(
        left,
        ["hostNamespaces", "capabilities_restricted", "runAsNonRoot"]
    );
}

#[test]
fn a_volume_of_the_node_is_never_taken_away() {
    let text = "apiVersion: v1\nkind: Pod\nspec:\n  containers: []\n  volumes:\n  - name: v\n    hostPath: {path: /}\n";
    let fixed = fix(text, Grade::Behavior);
    assert_eq!(
        (fixed.text.as_str(), fixed.objects[0].passes),
        (text, false)
    );
}

#[test]
fn patches_of_other_tools_say_the_same() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    ports: [{containerPort: 1, hostPort: 2}]\n    securityContext:\n      runAsUser: 7\n";
    let fixed = fix(text, Grade::Behavior);
    insta::assert_json_snapshot!([
        &fixed.objects[0].json_patch,
        &fixed.objects[0].strategic_patch
    ]);
}

#[test]
fn neighbors_go_together_and_leave_no_stray_comma() {
    for context in [
        "{runAsUser: 0}",
        "{capabilities: {add: [A, B], drop: [ALL]}}",
        "{capabilities: {drop: [ALL], add: [A, NET_BIND_SERVICE, B, C]}}",
        "{seLinuxOptions: {user: a, role: b, level: c}}",
        "\n      capabilities:\n        add:\n        - A\n        - B\n",
        "\n      runAsUser: 0 # root\n",
    ] {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    securityContext: {context}\n"
        );
        fixed(&text);
    }
}

/// The last lines of a container, and what a pod says about itself: layouts in which a new line has
/// to find its place.
#[test]
fn nothing_but_what_was_meant_changes_in_any_layout() {
    let anchors =
        "metadata:\n  name: a\n  annotations: {i: &img example.com/c:1}\n  labels: &map {a: b}\n";
    let endings = [
        "image: *img",
        "image: &x example.com/c:1",
        "image: example.com/c:1 # note",
        "workingDir: *img",
        "resources: {limits: {cpu: *num}}",
        "resources:\n      limits: *map",
        "securityContext: *sc",
        "securityContext: &own\n      runAsUser: *num",
        "securityContext:",
        "securityContext: {}",
        "securityContext: ~",
        "<<: *base",
        "args: [a, *img]",
        "args:\n    - *img",
        "args:\n    - |\n      text\n",
        "args:\n    - |+\n      text\n\n",
        "args:\n    - >-\n      text\n      more\n",
        "command: [\"a\",\n      \"b\"]",
        "stdin: true\n    # the end",
        "tty: 'true'",
    ];
    let before = [
        "",
        "  securityContext: {runAsUser: 0}\n",
        "  securityContext: &pod\n    fsGroup: *num\n",
        "  hostNetwork: true\n",
    ];
    let after = [
        "",
        "  nodeSelector: *map\n",
        "  volumes: []\n",
        "...\n",
        "  # last\n",
        "  serviceAccountName: *img",
    ];
    let (mut changed, mut seen, mut left) = (0, 0, String::new());
    for ending in endings {
        for before in before {
            for after in after {
                for first in ["- name: c", "- &base\n    name: c", "-   name: c"] {
                    let deeper = if first.starts_with("-   ") {
                        "      "
                    } else {
                        "    "
                    };
                    let ending = ending.replace("\n    ", &format!("\n{deeper}"));
                    let text = format!(
                        "apiVersion: v1\nkind: Pod\n{anchors}spec:\n  terminationGracePeriodSeconds: &num 5\n{before}  initContainers:\n  - name: i\n    securityContext: &sc\n      privileged: true\n  containers:\n  {first}\n{deeper}{ending}\n{after}"
                    );
                    let Ok(old) = crate::model::manifest::parse(split(&text)[0]) else {
                        continue;
                    };
                    let wanted = Wanted {
                        policy: LevelVersion::new(Level::Restricted, Version::Latest),
                        server: Server::new(36).unwrap(),
                        most: Grade::Behavior,
                        custom: &[],
                    };
                    let Ok(fixed) = fix_document(split(&text)[0], wanted) else {
                        continue;
                    };
                    seen += 1;
                    let new = crate::model::manifest::parse(split(&fixed.text)[0]).unwrap();
                    changed += usize::from(fixed.text != text);
                    if fixed.text == text {
                        left = format!("{text}{:#?}", fixed.objects);
                    }
                    let strip = |node: &crate::model::manifest::Node| {
                        let mut value = without_nulls(node.to_json());
                        for place in ["/spec", "/spec/containers/0", "/spec/initContainers/0"] {
                            if let Some(map) = value
                                .pointer_mut(place)
                                .and_then(serde_json::Value::as_object_mut)
                            {
                                map.remove("securityContext");
                                map.remove("hostNetwork");
                            }
                        }
                        value
                    };
                    assert_eq!(strip(&old), strip(&new), "{text}\n=>\n{}", fixed.text);
                }
            }
        }
    }
    assert!(
        seen > 1000 && changed * 2 > seen,
        "{changed} of {seen}: {left}"
    );
}
