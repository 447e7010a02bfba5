//! Every policy that allows one thing less, to prove that one is the smallest.

use serde_json::{Value, json};

use super::kinds::array;
use super::policy::Policy;

/// Returns every policy that allows one thing less.
pub(super) fn tightenings(policy: &Policy) -> Vec<(String, Policy)> {
    let mut all: Vec<(String, Policy)> = Vec::new();
    let full = json!(policy.spec);
    let mut add = |what: String, spec: Value| {
        if let Ok(spec) = serde_json::from_value(spec) {
            let tighter = Policy {
                metadata: policy.metadata.clone(),
                spec,
            };
            all.push((what, tighter));
        }
    };
    for (field, loose) in [
        ("privileged", true),
        ("hostNetwork", true),
        ("hostPID", true),
        ("hostIPC", true),
        ("allowPrivilegeEscalation", true),
        ("readOnlyRootFilesystem", false),
    ] {
        if full[field] == loose {
            let mut spec = full.clone();
            spec[field] = json!(!loose);
            add(format!("{field}: {}", !loose), spec);
        }
    }
    for field in [
        "volumes",
        "allowedCapabilities",
        "hostPorts",
        "allowedUnsafeSysctls",
    ] {
        for index in 0..array(&full[field]).len() {
            let mut spec = full.clone();
            let gone = spec[field].as_array_mut().map(|list| list.remove(index));
            add(
                format!("{field} without {}", gone.unwrap_or_default()),
                spec,
            );
        }
    }
    // Without entries these lists allow everything, so the last one is replaced.
    for (field, key) in [
        ("allowedHostPaths", "pathPrefix"),
        ("allowedFlexVolumes", "driver"),
        ("allowedCSIDrivers", "name"),
    ] {
        for index in 0..array(&full[field]).len() {
            let mut spec = full.clone();
            spec[field][index][key] = json!("/nothing/has/this/name");
            add(format!("{field} without {}", full[field][index][key]), spec);
            if full[field][index]["readOnly"] == false {
                let mut spec = full.clone();
                spec[field][index]["readOnly"] = json!(true);
                add(
                    format!("{field} {} read-only", full[field][index][key]),
                    spec,
                );
            }
        }
    }
    for field in ["runAsUser", "runAsGroup", "fsGroup", "supplementalGroups"] {
        let (must, least) = (json!("MustRunAs"), json!([{"min": 1, "max": 1}]));
        let observed = full[field]["ranges"] != json!([{"min": 1, "max": 65_535}]);
        for index in 0..array(&full[field]["ranges"]).len() {
            if observed && array(&full[field]["ranges"]).len() > 1 {
                let mut spec = full.clone();
                if let Some(list) = spec[field]["ranges"].as_array_mut() {
                    list.remove(index);
                }
                add(
                    format!("{field} without {}", full[field]["ranges"][index]),
                    spec,
                );
            }
        }
        if full[field]["rule"] == "MayRunAs" {
            let mut spec = full.clone();
            spec[field]["rule"] = must;
            add(format!("{field}: MustRunAs"), spec);
        } else if full[field]["rule"] != "MustRunAs" {
            let mut spec = full.clone();
            let next = if full[field]["rule"] == "RunAsAny" {
                json!({"rule": "MustRunAsNonRoot"})
            } else {
                json!({"rule": must, "ranges": least})
            };
            spec[field] = next;
            add(format!("{field}: the next stricter rule"), spec);
        }
    }
    all
}
