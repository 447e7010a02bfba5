//! A record and a namespace, as they were read.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::model::record::Record;

/// A record and the object that holds it.
#[derive(Debug)]
pub struct FoundRecord {
    /// What it says.
    pub record: Record,
    /// Name, UID and resourceVersion of its ConfigMap.
    pub metadata: ObjectMeta,
}

/// A namespace as far as it matters here.
#[derive(Clone, Debug, Default)]
pub struct FoundNamespace {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// It is being deleted.
    pub terminating: bool,
    /// Name, UID and resourceVersion.
    pub metadata: ObjectMeta,
}
