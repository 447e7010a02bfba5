//! Whether an object is as it is wanted.

use std::collections::BTreeMap;

use kube::Resource;
use serde::Serialize;

/// Says whether an object needs no writing: it has the labels, annotations and exactly the spec of
/// `wanted`. Values that the server writes otherwise (`0.5` and `500m`) count as different.
#[must_use]
pub fn is_as_wanted<K>(found: &K, wanted: &K) -> bool
where
    K: Resource<DynamicType = ()> + Serialize,
{
    let spec = |object: &K| {
        let mut value = serde_json::to_value(object).unwrap_or_default();
        value["spec"].take()
    };
    let (has, needs) = (found.meta(), wanted.meta());
    !lacks(needs.labels.as_ref(), has.labels.as_ref())
        && !lacks(needs.annotations.as_ref(), has.annotations.as_ref())
        && spec(found) == spec(wanted)
}

/// Says whether `found` lacks an entry of `wanted` or has it otherwise.
#[must_use]
pub fn lacks(
    wanted: Option<&BTreeMap<String, String>>,
    found: Option<&BTreeMap<String, String>>,
) -> bool {
    wanted.into_iter().flatten().any(|(key, value)| {
        found
            .and_then(|found| found.get(key))
            .is_none_or(|found| found != value)
    })
}
