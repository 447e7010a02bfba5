//! Fields that Kubernetes does not know.
//!
//! A field that is misspelled, or stands one step too far out, is refused or dropped by the server,
//! and its author believes that it is set. The types of `k8s-openapi` name their fields when they
//! are read; what an object has beyond them is noted.

use std::cell::RefCell;

use k8s_openapi::api::{apps, batch, core, rbac};
use serde::Deserialize;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};

use super::deserialize::TypeError;
use super::fault::Note;
use super::tree::{Node, Value};

/// Fields of pods that are newer than the types: of 1.34 and later.
const NEWER: [&str; 6] = [
    "hostnameOverride",
    "restartPolicyRules",
    "fileKeyRef",
    "podCertificate",
    "workloadRef",
    "schedulingGroup",
];

/// Returns the fields of an object that its kind does not have; none for kinds that are not known.
#[must_use]
pub fn unknown_fields(object: &Node) -> Vec<Note> {
    let text = |key: &str| object.get(key).and_then(Node::as_str).unwrap_or_default();
    match (text("apiVersion"), text("kind")) {
        ("v1", "Pod") => of::<core::v1::Pod>(object),
        ("v1", "PodTemplate") => of::<core::v1::PodTemplate>(object),
        ("v1", "ReplicationController") => of::<core::v1::ReplicationController>(object),
        ("v1", "ServiceAccount") => of::<core::v1::ServiceAccount>(object),
        ("apps/v1", "Deployment") => of::<apps::v1::Deployment>(object),
        ("apps/v1", "ReplicaSet") => of::<apps::v1::ReplicaSet>(object),
        ("apps/v1", "DaemonSet") => of::<apps::v1::DaemonSet>(object),
        ("apps/v1", "StatefulSet") => of::<apps::v1::StatefulSet>(object),
        ("batch/v1", "Job") => of::<batch::v1::Job>(object),
        ("batch/v1", "CronJob") => of::<batch::v1::CronJob>(object),
        ("rbac.authorization.k8s.io/v1", "Role") => of::<rbac::v1::Role>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRole") => of::<rbac::v1::ClusterRole>(object),
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => of::<rbac::v1::RoleBinding>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") => {
            of::<rbac::v1::ClusterRoleBinding>(object)
        }
        _ => Vec::new(),
    }
}

fn of<'de, T: Deserialize<'de>>(object: &'de Node) -> Vec<Note> {
    let found = RefCell::new(Vec::new());
    // A value of another type is somebody else's to report; what was met before it counts.
    let _ = T::deserialize(Strict {
        node: object,
        found: &found,
    });
    found.into_inner()
}

#[derive(Clone, Copy)]
struct Strict<'a, 'de> {
    node: &'de Node,
    found: &'a RefCell<Vec<Note>>,
}

impl<'de> IntoDeserializer<'de, TypeError> for Strict<'_, 'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Strict<'_, 'de> {
    type Error = TypeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        let inner = |node: &'de Node| Self { node, ..self };
        match &self.node.value {
            Value::Sequence(items) => {
                visitor.visit_seq(SeqDeserializer::new(items.iter().map(inner)))
            }
            Value::Mapping(entries) => visitor.visit_map(MapDeserializer::new(
                entries
                    .iter()
                    .map(|entry| (entry.key.as_str(), inner(&entry.node))),
            )),
            _ => self.node.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        if self.node.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TypeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypeError> {
        for entry in self.node.entries() {
            let key = entry.key.as_str();
            if !fields.contains(&key) && !NEWER.contains(&key) {
                self.found.borrow_mut().push(Note {
                    line: entry.place.line,
                    message: format!(
                        "unknown field {key:?} in {name}: the server refuses it, or drops it"
                    ),
                });
            }
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map enum identifier
    }
}
