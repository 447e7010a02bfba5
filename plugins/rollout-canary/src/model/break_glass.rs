//! The commands that abort without the plugin, for people who do not have it.

use groundcrew::output::shell_word;
use serde_json::json;

use crate::model::controller::rounding::Steps;
use crate::model::names::{self, MARKER};
use crate::model::patch;
use crate::model::record::Record;
use crate::model::record::form::{Form, Purpose, Strategy, Template};

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
    let routes = routes(record);
    format!(
        "{routes}# 1. Everything becomes stable again; wait until it is:\n{first}\n\
         kubectl rollout status {target}\n\
         # 2. The Deployment gets its own strategy back:\n{second}\n\
         # 3. The record is no longer needed:\n\
         kubectl delete configmap {} -n {}\n",
        shell_word(&names::record_name(deployment)),
        shell_word(namespace),
    )
}

/// The lines that take the extra backend out of routes, before its pods go.
fn routes(record: &Record) -> String {
    let Some(shared) = &record.shared else {
        return String::new();
    };
    let mut text = "# 0. The routes lead to the stable pods alone again:\n".to_owned();
    for change in &shared.changes {
        let route = &change.route;
        // What is known of earlier shares has the same place, and the first is the last that was
        // written.
        let mut operations: Vec<serde_json::Value> = Vec::new();
        for rule in &change.rules {
            let path = format!("/spec/rules/{}/backendRefs", rule.index);
            if !operations.iter().any(|known| known["path"] == path) {
                operations.push(json!({"op": "replace", "path": path, "value": rule.before}));
            }
        }
        text.push_str(&format!(
            "kubectl patch {} {} -n {} --type=json -p {}\n",
            route.kind.as_str().to_lowercase(),
            shell_word(&route.name),
            shell_word(&route.namespace),
            shell_word(&json!(operations).to_string())
        ));
    }
    let extra = shell_word(&shared.target.extra);
    let namespace = shared.changes.first().map(|change| &change.route.namespace);
    if let Some(namespace) = namespace {
        let namespace = shell_word(namespace);
        text.push_str(&format!("kubectl delete service {extra} -n {namespace}\n"));
    }
    text
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
        strategy: Strategy::Steps(Steps {
            surge: 1,
            unavailable: 0,
        }),
    };
    json!(patch::fields(record, &form)).to_string()
}

fn restore(record: &Record) -> String {
    let marker = patch::pointer(&["metadata", "labels", MARKER]);
    json!([
        {"op": "add", "path": "/spec/strategy", "value": record.original.strategy},
        {"op": "remove", "path": marker},
    ])
    .to_string()
}
