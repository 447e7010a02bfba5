//! Who owns which field: what this plugin wrote belongs, once it is over, to those who owned it before.
//!
//! An owner that stays behind is a conflict for the next server-side apply (Helm 4, Argo CD), and a
//! field that a chart no longer states would stay for ever (KEP-555).

use serde_json::{Map, Value, json};

use crate::model::names::{FIELD_MANAGER, FIELD_MANAGER_BEFORE};
use crate::model::patch::bound_to;

fn entries(object: &Value) -> Vec<Value> {
    let entries = object["metadata"]["managedFields"].as_array();
    entries.cloned().unwrap_or_default()
}

fn is_ours(entry: &Value) -> bool {
    entry["manager"] == FIELD_MANAGER || entry["manager"] == FIELD_MANAGER_BEFORE
}

/// Says whether an entry is of a manager of that name, as a patch makes it; what is applied under the
/// same name is not this plugin's.
fn is_by(entry: &Value, name: &String) -> bool {
    entry["manager"] == *name && entry["operation"] == "Update" && entry["subresource"].is_null()
}

/// Returns the entries of everybody else; those of subresources are none that this plugin touches.
#[must_use]
pub fn others(object: &Value) -> Vec<Value> {
    let mut found = entries(object);
    found.retain(|entry| !is_ours(entry) && entry["subresource"].is_null());
    found
}

/// Returns the patch after which no field is this plugin's, and those who owned one `before` own it
/// again; `None` when nothing is. `names` are the other names under which it wrote.
#[must_use]
pub fn give_back(object: &Value, before: &[Value], names: &[String]) -> Option<Vec<Value>> {
    let is = |entry: &Value| is_ours(entry) || names.iter().any(|name| is_by(entry, name));
    let (ours, mut kept): (Vec<Value>, Vec<Value>) = entries(object).into_iter().partition(is);
    if ours.is_empty() {
        return None;
    }
    let fields = ours
        .iter()
        .fold(json!({}), |all, entry| union(&all, &entry["fieldsV1"]));
    for entry in before {
        let back = intersection(&entry["fieldsV1"], &fields);
        if is_empty(&back) {
            continue;
        }
        let same = |known: &&mut Value| {
            ["manager", "operation", "apiVersion", "subresource"]
                .iter()
                .all(|key| known[key] == entry[key])
        };
        if let Some(known) = kept.iter_mut().find(same) {
            known["fieldsV1"] = union(&known["fieldsV1"], &back);
        } else {
            let mut entry = entry.clone();
            entry["fieldsV1"] = back;
            kept.push(entry);
        }
    }
    if kept.is_empty() {
        // An empty list would be filled by the server; a list of an empty entry is none.
        kept.push(json!({}));
    }
    let mut operations = bound_to(object);
    let path = "/metadata/managedFields";
    operations.push(json!({"op": "replace", "path": path, "value": kept}));
    Some(operations)
}

fn is_empty(fields: &Value) -> bool {
    fields.as_object().is_none_or(Map::is_empty)
}

/// Returns the fields of either.
fn union(one: &Value, other: &Value) -> Value {
    let mut all = one.as_object().cloned().unwrap_or_default();
    for (key, inner) in other.as_object().into_iter().flatten() {
        let merged = all
            .get(key)
            .map_or_else(|| inner.clone(), |known| union(known, inner));
        all.insert(key.clone(), merged);
    }
    Value::Object(all)
}

/// Returns the fields of both. A field without any below it is owned itself.
fn intersection(one: &Value, other: &Value) -> Value {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else {
        return json!({});
    };
    let both = one.iter().filter_map(|(key, inner)| {
        let there = other.get(key)?;
        let found = intersection(inner, there);
        let is_leaf = is_empty(inner) && is_empty(there);
        (is_leaf || !is_empty(&found)).then(|| (key.clone(), found))
    });
    Value::Object(both.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1",
            "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    fn spec(fields: Value) -> Value {
        json!({"f:spec": fields})
    }

    fn object(entries: Vec<Value>) -> Value {
        json!({"metadata": {"uid": "u", "resourceVersion": "7", "managedFields": entries}})
    }

    #[test]
    fn fields_go_back_to_who_owned_them_and_nothing_stays_ours() {
        let before = [entry(
            "helm",
            "Apply",
            spec(json!({"f:replicas": {}, "f:image": {}})),
        )];
        let now = object(vec![
            entry("helm", "Apply", spec(json!({"f:replicas": {}}))),
            entry(
                FIELD_MANAGER,
                "Update",
                spec(json!({"f:image": {}, "f:paused": {}})),
            ),
        ]);
        let patch = give_back(&now, &before, &[]).unwrap();
        let left = &patch.last().unwrap()["value"];
        assert_eq!(*left, json!(before));
        assert_eq!(patch[1]["value"], "7", "bound to the version");
    }

    #[test]
    fn an_owner_that_lost_everything_is_there_again_and_others_stay() {
        let before = [entry(
            "kubectl-create",
            "Update",
            spec(json!({"f:image": {}})),
        )];
        let mut status = entry("kube-controller-manager", "Update", json!({"f:status": {}}));
        status["subresource"] = "status".into();
        let now = object(vec![
            status.clone(),
            entry(FIELD_MANAGER_BEFORE, "Update", spec(json!({"f:image": {}}))),
        ]);
        let patch = give_back(&now, &before, &[]).unwrap();
        let left = patch.last().unwrap()["value"].clone();
        assert_eq!(left, json!([status, before[0]]));
    }

    #[test]
    fn where_nothing_is_ours_nothing_is_written() {
        let now = object(vec![entry(
            "helm",
            "Apply",
            spec(json!({"f:replicas": {}})),
        )]);
        assert_eq!(give_back(&now, &[], &[]), None);
        assert_eq!(others(&now).len(), 1);
    }

    #[test]
    fn what_was_patched_under_another_name_goes_back_and_what_it_applied_stays() {
        let before = [entry("ci", "Update", spec(json!({"f:image": {}})))];
        let applied = entry("ci", "Apply", spec(json!({"f:replicas": {}})));
        let now = object(vec![
            applied.clone(),
            entry("ci", "Update", spec(json!({"f:image": {}, "f:paused": {}}))),
        ]);
        assert_eq!(give_back(&now, &before, &[]), None);
        let patch = give_back(&now, &before, &["ci".to_owned()]).unwrap();
        assert_eq!(patch.last().unwrap()["value"], json!([applied, before[0]]));
    }
}
