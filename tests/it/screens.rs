//! What a terminal of 80, 120 and 200 columns shows: no line of a table is wider, whatever the names.

use std::path::Path;

use harness::{Case, Need, Suite};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    let signer = &[Need::Plugins, Need::Signer, Need::Controllers];
    vec![
        Case::new("tables_fit_the_terminal", signer, tables_fit),
        Case::new("without_a_terminal_nothing_is_folded", signer, no_terminal),
    ]
}

const LONG: &str = "payments-production-europe-west-with-a-long-name";

/// Makes a namespace and workloads with names as long as the API server takes.
fn planted(suite: &Suite) -> String {
    let user = suite.name(LONG);
    suite
        .onboard(&user)
        .line("--team platform-engineering-europe")
        .run()
        .success();
    let name = |what: &str| format!("{what}-{LONG}-{}", "x".repeat(60));
    let pod = json!({"containers": [{"name": "agent-of-everything", "image": "sandbox.local/web:1",
        "securityContext": {"privileged": true, "capabilities": {"add": ["SYS_ADMIN", "NET_ADMIN"]}}}],
        "hostNetwork": true, "hostPID": true,
        "volumes": [{"name": "root", "hostPath": {"path": "/"}}]});
    let agent = name("agent");
    let set = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": agent},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "agent"}},
            "template": {"metadata": {"labels": {"app": "agent"}}, "spec": pod}}});
    suite
        .admin(&format!("create -n {user} -f -"))
        .stdin(&set.to_string())
        .run()
        .success();
    for line in [
        format!("create serviceaccount {} -n {user}", name("deployer")),
        format!(
            "create rolebinding {} -n {user} --clusterrole=admin --serviceaccount={user}:{}",
            name("deployer-may"),
            name("deployer")
        ),
    ] {
        suite.admin(&line).run().success();
    }
    user
}

fn lines_of(user: &str) -> Vec<String> {
    [
        "onboard list",
        "onboard list -o wide",
        "onboard doctor --no-probe",
        "onboard status USER",
        "onboard verify USER",
        "can-i-audit who get secrets -n USER",
        "can-i-audit what sa:USER/default",
        "can-i-audit risks",
        "can-i-audit risks -o wide",
        "psp-advise",
        "psp-advise -n USER -o wide",
        "rollout-canary doctor -n USER",
        "ns-claim list",
    ]
    .map(|line| line.replace("USER", user))
    .into()
}

fn tables_fit(suite: &Suite) {
    let user = planted(suite);
    let (mut wide, mut tables) = (Vec::new(), 0);
    for line in lines_of(&user) {
        for width in [80, 120, 200] {
            let shell = suite.program(Path::new("/bin/sh"));
            let script = format!(
                "PATH=$PATH:/usr/bin:/bin stty rows 50 cols {width} && exec kubectl {line} 2>/dev/null"
            );
            let run = shell.kubeconfig(suite.cluster().kubeconfig());
            let mut terminal = run.args(["-c", &script]).on_terminal();
            let shown = terminal.exp_eof().expect("its end");
            // rexpect takes every byte for a letter.
            let bytes: Vec<u8> = shown
                .chars()
                .filter_map(|one| u8::try_from(one).ok())
                .collect();
            let shown = String::from_utf8_lossy(&bytes);
            tables += usize::from(shown.lines().count() > 2);
            let long = shown.lines().map(|line| line.trim_end_matches('\r'));
            // What is to be copied stays in one piece, and so does a line above a table.
            let is_cell = |line: &&str| !line.starts_with("fix ") && !line.ends_with(':');
            let long = long
                .filter(|line| line.chars().count() > width)
                .filter(is_cell);
            wide.extend(long.map(|text| format!("{line}, {width} columns: {text}")));
        }
    }
    // Some have nothing to show here.
    assert!(tables >= 30, "{tables} tables");
    assert!(wide.is_empty(), "{}", wide.join("\n"));
}

fn no_terminal(suite: &Suite) {
    let user = planted(suite);
    let list = suite.admin("onboard list --no-headers").run();
    let list = list.success();
    let row = list.stdout.lines().find(|line| line.starts_with(&user));
    let row = row.unwrap_or_else(|| panic!("no line of its own: {list}"));
    assert!(
        row.len() > 120 && row.contains("platform-engineering-europe"),
        "{row}"
    );
    assert!(!list.stdout.contains('\x1b'), "{list}");
}
