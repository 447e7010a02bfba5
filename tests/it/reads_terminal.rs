//! What others wrote into a cluster is shown on a terminal, and never obeyed by it.

use harness::{Case, Need, Suite};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(
        "a_terminal_gets_no_code_but_color_from_any_plugin",
        &[Need::Plugins, Need::Cluster],
        hostile,
    )]
}

/// Sets the clipboard, makes a link, clears the screen in two ways, turns text around, hides some,
/// forges a line.
const PARTS: [&str; 8] = [
    "\u{1b}]52;c;eA==\u{7}",
    "\u{1b}]8;;http://x\u{1b}\\",
    "\u{1b}[2J",
    "\u{9b}2J",
    "\u{202e}",
    "\u{200b}\u{feff}",
    "\r\n",
    "\u{2028}\u{85}",
];

/// Text with every part in a random order.
fn text(random: &mut fastrand::Rng) -> String {
    let mut parts = PARTS;
    random.shuffle(&mut parts);
    format!("evil{}end", parts.join("x"))
}

fn hostile(suite: &Suite) {
    let namespace = suite.name("tty");
    let mut random = fastrand::Rng::with_seed(17);
    let mut text = || text(&mut random);
    let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": namespace, "annotations": {"groundcrew.dev/purpose": text()},
        }},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
         "metadata": {"name": "all", "namespace": namespace, "annotations": {"a": text()}},
         "rules": [{"verbs": ["*", text()], "apiGroups": ["*"], "resources": ["*", text()],
                    "resourceNames": []}]},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
         "metadata": {"name": "all", "namespace": namespace},
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "all"},
         "subjects": [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": text()},
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": text()},
         ]},
        {"apiVersion": "v1", "kind": "Pod",
         "metadata": {"name": "p", "namespace": namespace, "annotations": {"a": text()}},
         "spec": {"hostNetwork": true, "nodeName": "nowhere", "containers": [
            {"name": "c", "image": format!("x{}", text()), "command": [text()],
             "securityContext": {"privileged": true, "capabilities": {"add": [text()]}}},
         ]}},
        {"apiVersion": "apps/v1", "kind": "Deployment",
         "metadata": {"name": "web", "namespace": namespace},
         "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "web"}}, "template": {
            "metadata": {"labels": {"a": "web"}},
            "spec": {"containers": [{"name": "c", "image": format!("x{}", text()),
                "securityContext": {"capabilities": {"add": [text()]}}}]}}}},
        {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": namespace},
         "type": "Warning", "reason": text(), "message": text(),
         "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": "p", "namespace": namespace}},
    ]});
    suite
        .admin("create -f -")
        .stdin(&objects.to_string())
        .run()
        .success();
    let waiting = json!({"status": {"phase": "Pending", "message": text(), "containerStatuses": [{
        "name": "c", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": text(), "message": text()}},
    }]}});
    suite
        .admin(&format!(
            "patch pod p -n {namespace} --subresource=status --type=merge -p"
        ))
        .args([waiting.to_string()])
        .run()
        .success();

    let user = suite.name("tty");
    suite.onboard(&user).run().success();
    let mut record = suite.record(&user);
    record["settings"]["team"] = json!(text());
    let patch = json!({"data": {"record.json": record.to_string()}});
    suite
        .admin(&format!(
            "patch configmap onboard-{user} -n groundcrew-system -p"
        ))
        .args([patch.to_string()])
        .run()
        .success();

    for line in [
        format!("can-i-audit risks -n {namespace}"),
        format!("can-i-audit risks -n {namespace} -o wide"),
        format!("can-i-audit risks -n {namespace} -o json"),
        format!("can-i-audit who delete pods -n {namespace}"),
        format!("can-i-audit matrix -n {namespace}"),
        format!("can-i-audit matrix -n {namespace} -o csv"),
        format!("can-i-audit matrix -n {namespace} -o markdown"),
        format!("psp-advise -n {namespace} -o wide"),
        format!("psp-advise -n {namespace} -o json"),
        "onboard list".to_owned(),
        format!("onboard status {user}"),
        format!("rollout-canary status web -n {namespace}"),
    ] {
        let seen = suite.admin(&line).seen_on_terminal();
        only_color(&line, &seen);
        assert!(seen.contains("evil"), "{line} shows nobody's text: {seen}");
    }
    // These may have nothing to show.
    for line in [
        format!("psp-advise -n {namespace}"),
        format!("psp-advise explain p -n {namespace}"),
        "ns-claim list".to_owned(),
        format!("ns-claim get {namespace}"),
        format!("rollout-canary status p -n {namespace}"),
    ] {
        only_color(&line, &suite.admin(&line).seen_on_terminal());
    }
}

/// Fails on everything that a terminal obeys, but for color, our spinner, and the line ends that
/// the terminal itself makes.
fn only_color(line: &str, seen: &str) {
    let ours =
        regex::Regex::new(r"\x1b\[[0-9;]*m|\x1b\[2K|\x1b\[[0-9]*[A-D]|\x1b\[\?25[lh]|\r+\n|\r")
            .expect("it is one");
    let rest = ours.replace_all(seen, "");
    let wrong = rest.chars().find(|letter| {
        (letter.is_control() && !matches!(letter, '\n' | '\t'))
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}')
    });
    assert_eq!(wrong, None, "{line}: {rest:?}");
    assert!(!seen.contains("\nx"), "{line} has a forged line: {seen:?}");
}
