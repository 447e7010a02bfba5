//! What a pod takes of a quota.

use groundcrew::quantity::parse;
use serde_json::Value;

/// Returns how much of a quota's resource one pod of a template takes; `None` for what pods do not
/// take.
#[must_use]
pub fn of_pod(template: &Value, resource: &str) -> Option<f64> {
    let (kind, name) = match resource {
        "pods" | "count/pods" => return Some(1.0),
        "cpu" | "memory" | "ephemeral-storage" => ("requests", resource),
        _ => resource.split_once('.')?,
    };
    if !["requests", "limits"].contains(&kind) || name == "storage" {
        return None;
    }
    let containers = template["spec"]["containers"].as_array()?;
    let each = containers.iter().map(|container| {
        container["resources"][kind][name]
            .as_str()
            .and_then(parse)
            .unwrap_or_default()
    });
    Some(each.sum())
}
