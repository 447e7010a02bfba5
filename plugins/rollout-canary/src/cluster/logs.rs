//! The last lines of a container that died.

use groundcrew::client::Session;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};

use crate::model::dead::Dead;

/// Lines that are shown.
const LINES: i64 = 8;

/// Returns the last lines of the container's last run, else of its current one; nothing when there
/// is no log, or it may not be read.
pub async fn tail(session: &Session, namespace: &str, dead: &Dead) -> Vec<String> {
    let (Some(pod), Some(container)) = (&dead.pod, &dead.container) else {
        return Vec::new();
    };
    let api = Api::<Pod>::namespaced(session.client.clone(), namespace);
    for previous in [true, false] {
        let params = LogParams {
            container: Some(container.clone()),
            previous,
            tail_lines: Some(LINES),
            ..LogParams::default()
        };
        match api.logs(pod, &params).await {
            Ok(text) if !text.trim().is_empty() => {
                return text.lines().map(str::to_owned).collect();
            }
            Ok(_) => {}
            Err(error) => tracing::info!(pod, container, previous, %error, "no log"),
        }
    }
    Vec::new()
}
