//! Changes as patches of other tools, made from an object before and after, and applied here as
//! the API server applies them before they are shown.

use serde_json::{Map, Value, json};

/// Lists that a strategic merge patch merges by a key, as far as pods have them.
///
/// Source: `patchMergeKey` of `PodSpec` and `Container` in `k8s.io/api/core/v1/types.go`; every
/// other list that a fix touches is replaced as a whole.
const MERGED: [(&str, &str); 6] = [
    ("containers", "name"),
    ("initContainers", "name"),
    ("ephemeralContainers", "name"),
    ("ports", "containerPort"),
    ("volumes", "name"),
    ("env", "name"),
];

/// What a strategic merge patch says about itself.
const DIRECTIVE: &str = "$patch";

fn merge_key(list: &str) -> Option<&'static str> {
    MERGED
        .iter()
        .find(|(name, _)| *name == list)
        .map(|(_, key)| *key)
}

/// Takes out what is null, which the API server reads as not there; a patch cannot say it.
#[must_use]
pub fn without_nulls(mut value: Value) -> Value {
    fn prune(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|_, value| !value.is_null());
                map.values_mut().for_each(prune);
            }
            Value::Array(list) => list.iter_mut().for_each(prune),
            _ => {}
        }
    }
    prune(&mut value);
    value
}

/// Returns a JSON patch (RFC 6902) from one state of an object to another; `None` when the patch,
/// applied, does not lead there.
#[must_use]
pub fn json6902(before: &Value, after: &Value) -> Option<Value> {
    let patch = json_patch::diff(before, after);
    let mut result = before.clone();
    json_patch::patch(&mut result, &patch).ok()?;
    (result == *after).then(|| json!(patch))
}

/// Returns a strategic merge patch from one state of an object to another, with what names the
/// object; `None` when the patch, applied, does not lead there.
#[must_use]
pub fn strategic(before: &Value, after: &Value) -> Option<Value> {
    let mut patch = difference(before, after);
    let map = patch.as_object_mut()?;
    for key in ["apiVersion", "kind"] {
        map.insert(key.to_owned(), before[key].clone());
    }
    let metadata = map.entry("metadata").or_insert_with(|| json!({}));
    for key in ["name", "namespace"] {
        if before["metadata"][key].is_string() {
            metadata[key] = before["metadata"][key].clone();
        }
    }
    let mut result = before.clone();
    merge(&mut result, &patch);
    (result == *after).then_some(patch)
}

/// Both are maps.
fn difference(before: &Value, after: &Value) -> Value {
    let none = Map::new();
    let before = before.as_object().unwrap_or(&none);
    let after = after.as_object().unwrap_or(&none);
    let mut patch = Map::new();
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, new) in after {
        let old = before.get(key).unwrap_or(&Value::Null);
        if old == new {
            continue;
        }
        let value = match (old, new) {
            (Value::Object(_), Value::Object(_)) => difference(old, new),
            (Value::Array(old), Value::Array(new)) => list(key, old, new),
            _ => new.clone(),
        };
        patch.insert(key.clone(), value);
    }
    Value::Object(patch)
}

fn list(name: &str, before: &[Value], after: &[Value]) -> Value {
    let Some(key) = merge_key(name) else {
        return json!(after);
    };
    // A fix changes items and neither adds nor moves any; keys that come twice name nothing.
    let is_pairwise = before.len() == after.len()
        && before
            .iter()
            .zip(after)
            .enumerate()
            .all(|(index, (old, new))| {
                let is_new = |other: &Value| other[key] != old[key];
                !old[key].is_null() && old[key] == new[key] && before[..index].iter().all(is_new)
            });
    if !is_pairwise {
        let whole = std::iter::once(json!({DIRECTIVE: "replace"}));
        return whole.chain(after.iter().cloned()).collect();
    }
    let changed = before.iter().zip(after).filter(|(old, new)| old != new);
    changed
        .map(|(old, new)| {
            let mut patch = difference(old, new);
            patch[key] = old[key].clone();
            patch
        })
        .collect()
}

/// Merges a strategic merge patch, as far as [`strategic`] makes them.
///
/// Source: `mergeMap` and `mergeSliceWithoutSpecialElements` in
/// `k8s.io/apimachinery/pkg/util/strategicpatch/patch.go`.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else { return };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(target) = target else {
        return;
    };
    for (key, new) in patch {
        match new {
            Value::Null => {
                target.remove(key);
            }
            Value::Object(_) => match target.get_mut(key) {
                Some(old) if old.is_object() => merge(old, new),
                _ => {
                    target.insert(key.clone(), new.clone());
                }
            },
            Value::Array(items) => merge_list(target, key, items),
            _ => {
                target.insert(key.clone(), new.clone());
            }
        }
    }
}

fn merge_list(target: &mut Map<String, Value>, name: &str, items: &[Value]) {
    let replaces = |item: &Value| item[DIRECTIVE] == "replace";
    let whole = items.iter().any(replaces);
    let (Some(key), false) = (merge_key(name), whole) else {
        let kept = items.iter().filter(|item| !replaces(item));
        target.insert(name.to_owned(), kept.cloned().collect());
        return;
    };
    let slot = target.entry(name).or_insert_with(|| json!([]));
    let Value::Array(list) = slot else { return };
    for item in items {
        match list.iter_mut().find(|known| known[key] == item[key]) {
            Some(known) => merge(known, item),
            None => list.push(item.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(container: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
            "spec": {"containers": [{"name": "a"}, container]}})
    }

    #[test]
    fn a_strategic_patch_names_only_the_container_that_changes() {
        let before = pod(json!({"name": "b", "securityContext": {"privileged": true}}));
        let after = pod(json!({"name": "b", "securityContext": {"runAsUser": 5}}));
        assert_eq!(
            strategic(&before, &after).unwrap()["spec"],
            json!({"containers": [
                {"name": "b", "securityContext": {"privileged": null, "runAsUser": 5}}]})
        );
    }

    #[test]
    fn ports_with_one_number_twice_are_replaced_as_a_whole() {
        let ports = |host: Option<u32>| {
            let mut list = json!([{"containerPort": 53, "protocol": "TCP"},
                {"containerPort": 53, "protocol": "UDP"}]);
            if let Some(host) = host {
                list[1]["hostPort"] = json!(host);
            }
            pod(json!({"name": "b", "ports": list}))
        };
        let patch = strategic(&ports(Some(53)), &ports(None)).unwrap();
        assert_eq!(
            patch["spec"]["containers"][0]["ports"][0],
            json!({"$patch": "replace"})
        );
    }

    #[test]
    fn a_change_that_a_strategic_patch_cannot_say_is_not_said() {
        let before = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}});
        let mut after = before.clone();
        // Null takes a key away, so a null that is to stand there has no patch.
        after["spec"] = Value::Null;
        assert_eq!(strategic(&before, &after), None);
        assert!(json6902(&before, &after).is_some());
    }

    #[test]
    fn what_is_taken_from_a_list_of_names_leaves_the_others() {
        let sysctls = |names: &[&str]| {
            let list: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
                "spec": {"securityContext": {"sysctls": list}}})
        };
        let (before, after) = (sysctls(&["a", "b", "c", "d"]), sysctls(&["b", "d"]));
        assert!(json6902(&before, &after).is_some());
        assert!(strategic(&before, &after).is_some());
    }
}
