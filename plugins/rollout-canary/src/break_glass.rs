//! The commands that abort without the plugin, for people who do not have it.

use groundcrew::output::shell_word;
use serde_json::json;

use crate::meta;
use crate::record::{Form, Purpose, Record, Strategy, Template};

/// Returns the lines that abort a canary in the state that the record describes.
#[must_use]
pub fn commands(record: &Record, namespace: &str, deployment: &str) -> String {
    let target = format!(
        "deployment/{} -n {}",
        shell_word(deployment),
        shell_word(namespace)
    );
    let parked = record
        .forms
        .last()
        .filter(|form| form.purpose == Purpose::Park);
    let surged = parked.is_some_and(|form| form.stable > form.replicas);
    let first = if surged {
        format!("kubectl rollout resume {target}")
    } else {
        // Anything else needs one more pod on the way, or the stable template.
        format!(
            "kubectl patch {target} --type=json -p {}",
            shell_word(&revert(record))
        )
    };
    let second = format!(
        "kubectl patch {target} --type=json -p {}",
        shell_word(&restore(record))
    );
    format!(
        "# 1. Everything becomes stable again; wait until it is:\n{first}\n\
         kubectl rollout status {target}\n\
         # 2. The Deployment gets its own strategy back:\n{second}\n\
         # 3. The record is no longer needed:\n\
         kubectl delete configmap {} -n {}\n",
        shell_word(&meta::record_name(deployment)),
        shell_word(namespace),
    )
}

fn revert(record: &Record) -> String {
    let form = Form {
        id: 0,
        purpose: Purpose::Revert,
        seq: 0,
        replicas: 0,
        stable: 0,
        canary: 0,
        template: Template::Stable,
        held: false,
        paused: false,
        strategy: Strategy::Steps(crate::model::Steps {
            surge: 1,
            unavailable: 0,
        }),
    };
    json!(crate::apply::fields(record, &form)).to_string()
}

fn restore(record: &Record) -> String {
    let marker = crate::apply::pointer(&["metadata", "labels", meta::MARKER]);
    json!([
        {"op": "add", "path": "/spec/strategy", "value": record.original.strategy},
        {"op": "remove", "path": marker},
    ])
    .to_string()
}
