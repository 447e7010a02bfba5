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
