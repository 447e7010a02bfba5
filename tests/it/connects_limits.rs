//! What never ends does not take all memory.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use harness::{Case, Need, Suite};
use serde_json::json;
use wait4::Wait4 as _;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "an_endless_answer_is_an_error_in_bounded_memory",
            &[Need::Plugins],
            endless_answer,
        ),
        Case::new(
            "an_endless_file_is_an_error_in_bounded_memory",
            &[Need::Plugins],
            endless_file,
        ),
    ]
}

/// The most that a plugin may hold, in bytes.
const MEMORY: u64 = 200 << 20;

/// Answers every request with a JSON text that goes on.
fn pour(mut stream: TcpStream) {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n\
                {\"kind\": \"List\", \"metadata\": {\"name\": \"";
    let part = vec![b'x'; 1 << 16];
    let mut sent = stream.write_all(head.as_bytes());
    while sent.is_ok() {
        sent = stream.write_all(&part);
    }
}

fn endless_answer(suite: &Suite) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || pour(stream));
        }
    });
    let file = suite.file(
        "endless.kubeconfig",
        &kubeconfig(&format!("http://{address}"), json!({})),
    );
    for (plugin, line) in [
        ("kubectl-ns_claim", "list"),
        ("kubectl-onboard", "list"),
        ("kubectl-can_i_audit", "risks"),
        ("kubectl-psp_advise", "scan"),
        ("kubectl-rollout_canary", "status web"),
    ] {
        let words = line.split(' ');
        bounded(suite, plugin, words, &file, "larger than 128 MiB");
    }
}

fn endless_file(suite: &Suite) {
    let server = "https://127.0.0.1:1";
    let token = suite.file(
        "token.kubeconfig",
        &kubeconfig(server, json!({"tokenFile": "/dev/zero"})),
    );
    let authority = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {
            "server": server, "certificate-authority": "/dev/zero",
        }}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    });
    let authority = suite.file("authority.kubeconfig", &authority.to_string());
    let zero = std::path::Path::new("/dev/zero");
    for (plugin, line, file, limit) in [
        (
            "kubectl-ns_claim",
            "list",
            token.as_path(),
            "larger than 1 MiB",
        ),
        (
            "kubectl-ns_claim",
            "list",
            authority.as_path(),
            "larger than 16 MiB",
        ),
        ("kubectl-onboard", "list", zero, "larger than 16 MiB"),
        (
            "kubectl-onboard",
            "a --profile=/dev/zero --dry-run=client",
            token.as_path(),
            "larger than 16 MiB",
        ),
        (
            "kubectl-can_i_audit",
            "risks --from /dev/zero",
            zero,
            "larger than 128 MiB",
        ),
        (
            "kubectl-psp_advise",
            "-f /dev/zero",
            zero,
            "larger than 128 MiB",
        ),
        (
            "kubectl-onboard",
            "apply -f /dev/zero",
            token.as_path(),
            "larger than 128 MiB",
        ),
    ] {
        bounded(suite, plugin, line.split(' '), file, limit);
    }
}

fn kubeconfig(server: &str, user: serde_json::Value) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user}],
    })
    .to_string()
}

/// Runs a plugin; it has to say the limit, fail without a panic, and stay below [`MEMORY`].
fn bounded<'a>(
    suite: &Suite,
    plugin: &str,
    words: impl Iterator<Item = &'a str>,
    kubeconfig: &std::path::Path,
    limit: &str,
) {
    let words: Vec<&str> = words.collect();
    let mut child = Command::new(suite.plugin(plugin))
        .args(&words)
        .env("KUBECONFIG", kubeconfig)
        .env("KUBERC", "off")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the plugin starts");
    let mut out = child.stdout.take().expect("it is a pipe");
    let answer = thread::spawn(move || {
        let mut text = String::new();
        let _ = out.read_to_string(&mut text);
        text
    });
    let mut said = String::new();
    if let Some(mut err) = child.stderr.take() {
        let _ = err.read_to_string(&mut said);
    }
    let answer = answer.join().unwrap_or_default();
    let ended = child.wait4().expect("it ends");
    let code = ended.status.code();
    assert!(
        matches!(code, Some(1 | 2 | 4)),
        "{plugin} {words:?}: {code:?}: {said}"
    );
    assert!(
        said.contains(limit) || answer.contains(limit),
        "{plugin} {words:?} does not name {limit}: {said}{answer}"
    );
    let memory = ended.rusage.maxrss;
    assert!(memory < MEMORY, "{plugin} {words:?} took {memory} bytes");
}
