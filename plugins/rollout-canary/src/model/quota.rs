//! What a pod takes of a quota, as the server counts it
//! (`k8s.io/component-helpers/resource/helpers.go`, `plugin/pkg/admission/limitranger`).

use groundcrew::quantity::parse;
use k8s_openapi::api::core::v1::LimitRange;
use serde_json::Value;

/// Returns how much of a quota's resource one pod of a template takes; `None` for what pods do not
/// take.
#[must_use]
pub fn of_pod(template: &Value, resource: &str, ranges: &[LimitRange]) -> Option<f64> {
    if matches!(resource, "pods" | "count/pods") {
        return Some(1.0);
    }
    let (kind, name) = part(resource)?;
    let spec = &template["spec"];
    // A pod's own resources stand for those of its containers (KEP-2837).
    if let Some(whole) = quantity(&spec["resources"], kind, name) {
        return Some(whole + overhead(spec, name));
    }
    let of = |container: &Value| of_container(container, (kind, name), ranges).unwrap_or_default();
    let running: f64 = list(&spec["containers"]).iter().map(of).sum();
    // A sidecar runs beside all that come after it; another init container only beside those.
    let (mut sidecars, mut highest) = (0.0, 0.0_f64);
    for init in list(&spec["initContainers"]) {
        if init["restartPolicy"] == "Always" {
            sidecars += of(init);
            highest = highest.max(sidecars);
        } else {
            highest = highest.max(sidecars + of(init));
        }
    }
    Some(highest.max(running + sidecars) + overhead(spec, name))
}

/// Returns the containers that lack what a quota makes every container state: the server refuses their
/// pods.
#[must_use]
pub fn lacking<'a>(template: &'a Value, resource: &str, ranges: &[LimitRange]) -> Vec<&'a str> {
    let Some((kind, name)) = part(resource).filter(|(_, name)| ["cpu", "memory"].contains(name))
    else {
        return Vec::new();
    };
    let spec = &template["spec"];
    if quantity(&spec["resources"], kind, name).is_some() {
        return Vec::new();
    }
    let all = list(&spec["initContainers"])
        .iter()
        .chain(list(&spec["containers"]));
    all.filter(|container| of_container(container, (kind, name), ranges).is_none())
        .filter_map(|container| container["name"].as_str())
        .collect()
}

/// Says whether limit ranges can change what pods of a template take.
#[must_use]
pub fn is_open(template: &Value) -> bool {
    [
        "requests.cpu",
        "requests.memory",
        "limits.cpu",
        "limits.memory",
    ]
    .iter()
    .any(|resource| !lacking(template, resource, &[]).is_empty())
}

/// Returns requests or limits, and of what.
fn part(resource: &str) -> Option<(&str, &str)> {
    let (kind, name) = match resource {
        "cpu" | "memory" | "ephemeral-storage" => ("requests", resource),
        _ => resource.split_once('.')?,
    };
    (["requests", "limits"].contains(&kind) && name != "storage").then_some((kind, name))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn quantity(resources: &Value, kind: &str, name: &str) -> Option<f64> {
    match &resources[kind][name] {
        Value::String(text) => parse(text),
        Value::Number(number) => number.as_f64(),
        _ => None,
    }
}

fn overhead(spec: &Value, name: &str) -> f64 {
    let overhead = spec["overhead"][name].as_str();
    overhead.and_then(parse).unwrap_or_default()
}

/// What one container has: its own; a request that is not given is the limit; then the defaults of
/// limit ranges.
fn of_container(
    container: &Value,
    (kind, name): (&str, &str),
    ranges: &[LimitRange],
) -> Option<f64> {
    let resources = &container["resources"];
    let own = quantity(resources, kind, name);
    let own = own.or_else(|| (kind == "requests").then(|| quantity(resources, "limits", name))?);
    own.or_else(|| {
        let items = ranges.iter().filter_map(|range| range.spec.as_ref());
        let mut items = items.flat_map(|spec| &spec.limits);
        items.find_map(|item| {
            if item.type_ != "Container" {
                return None;
            }
            let of = |map: &Option<std::collections::BTreeMap<String, _>>| {
                let found: Option<&k8s_openapi::apimachinery::pkg::api::resource::Quantity> =
                    map.as_ref()?.get(name);
                parse(&found?.0)
            };
            if kind == "limits" {
                of(&item.default)
            } else {
                of(&item.default_request).or_else(|| of(&item.default))
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(containers: &Value, inits: &Value) -> Value {
        json!({"spec": {"containers": containers, "initContainers": inits}})
    }

    fn requests(cpu: &str) -> Value {
        json!({"name": "c", "resources": {"requests": {"cpu": cpu}}})
    }

    #[test]
    fn a_pod_takes_the_larger_of_its_start_and_its_run_with_sidecars() {
        let mut sidecar = requests("400m");
        sidecar["restartPolicy"] = json!("Always");
        let of = |inits: Value| {
            of_pod(
                &template(&json!([requests("200m")]), &inits),
                "requests.cpu",
                &[],
            )
        };
        assert_eq!(of(json!([])), Some(0.2));
        assert_eq!(of(json!([requests("100m")])), Some(0.2));
        assert_eq!(of(json!([requests("1")])), Some(1.0));
        let with = of(json!([sidecar.clone()])).unwrap();
        assert!((with - 0.6).abs() < 1e-9, "{with}");
        let late = of(json!([sidecar, requests("1")])).unwrap();
        assert!((late - 1.4).abs() < 1e-9, "{late}");
    }

    #[test]
    fn what_is_not_given_comes_from_limits_and_then_from_limit_ranges() {
        let range: LimitRange = serde_json::from_value(json!({"spec": {"limits": [
            {"type": "Pod", "max": {"cpu": "9"}},
            {"type": "Container", "default": {"cpu": "2"}, "defaultRequest": {"cpu": "500m"}}]}}))
        .unwrap();
        let ranges = std::slice::from_ref(&range);
        let limited = json!([{"name": "c", "resources": {"limits": {"cpu": "1"}}}]);
        let bare = json!([{"name": "c"}]);
        for (containers, resource, ranges, each, lacks) in [
            (&limited, "requests.cpu", &[][..], 1.0, 0),
            (&limited, "cpu", ranges, 1.0, 0),
            (&bare, "requests.cpu", ranges, 0.5, 0),
            (&bare, "limits.cpu", ranges, 2.0, 0),
            (&bare, "limits.cpu", &[][..], 0.0, 1),
            (&bare, "limits.memory", ranges, 0.0, 1),
        ] {
            let template = template(containers, &json!([]));
            assert_eq!(
                of_pod(&template, resource, ranges),
                Some(each),
                "{resource}"
            );
            assert_eq!(
                lacking(&template, resource, ranges).len(),
                lacks,
                "{resource}"
            );
        }
        assert!(is_open(&template(&bare, &json!([]))));
    }

    #[test]
    fn overhead_and_the_pods_own_resources_count() {
        let mut pod = template(&json!([requests("200m")]), &json!([]));
        pod["spec"]["overhead"] = json!({"cpu": "100m"});
        let each = of_pod(&pod, "requests.cpu", &[]).unwrap();
        assert!((each - 0.3).abs() < 1e-9, "{each}");
        pod["spec"]["resources"] = json!({"requests": {"cpu": "2"}});
        assert_eq!(of_pod(&pod, "requests.cpu", &[]), Some(2.1));
        assert_eq!(of_pod(&pod, "pods", &[]), Some(1.0));
        assert_eq!(of_pod(&pod, "requests.storage", &[]), None);
        assert_eq!(of_pod(&pod, "services", &[]), None);
    }
}
