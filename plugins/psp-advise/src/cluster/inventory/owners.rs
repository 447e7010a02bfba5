//! Who made what.

use std::collections::BTreeMap;

use psp_advise::model::pod::{Meta, OwnerReference};
use psp_advise::model::workload::ObjectRef;

/// Root owners by the UID of what they made.
pub(super) type Owners = BTreeMap<String, ObjectRef>;

pub(super) fn object(meta: &Meta, api_version: &str, kind: &str) -> ObjectRef {
    ObjectRef {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
    }
}

pub(super) fn managing(meta: &Meta) -> Option<&OwnerReference> {
    meta.owner_references.iter().find(|owner| owner.controller)
}

pub(super) fn managing_uid(meta: &Meta) -> String {
    managing(meta)
        .map(|owner| owner.uid.clone())
        .unwrap_or_default()
}

/// Returns the root of an owner, or the owner itself where it was not seen.
pub(super) fn root(owner: &OwnerReference, namespace: &str, owners: &Owners) -> ObjectRef {
    owners
        .get(&owner.uid)
        .cloned()
        .unwrap_or_else(|| ObjectRef {
            api_version: owner.api_version.clone(),
            kind: owner.kind.clone(),
            namespace: namespace.to_owned(),
            name: owner.name.clone(),
        })
}
