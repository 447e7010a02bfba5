//! Volumes: a name and what they are made from.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Every volume source that the API has had, in the order in which the server names them.
///
/// Source: `policy/check_restrictedVolumes.go` of `k8s.io/pod-security-admission`, and
/// `VolumeSource` of `k8s.io/api/core/v1`.
const SOURCES: [&str; 30] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "nfs",
    "iscsi",
    "glusterfs",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "fc",
    "azureFile",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "storageos",
];

/// A volume of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Name.
    pub name: String,
    /// The sources that are set; a valid pod has one. What the API does not know is not here, as
    /// the server drops it.
    pub sources: Vec<&'static str>,
}

impl Volume {
    /// Returns the first of the sources in the order in which the server looks.
    #[must_use]
    pub fn source(&self) -> Option<&'static str> {
        SOURCES
            .iter()
            .find(|source| self.sources.contains(source))
            .copied()
    }
}

impl<'de> Deserialize<'de> for Volume {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(VolumeVisitor)
    }
}

struct VolumeVisitor;

impl<'de> Visitor<'de> for VolumeVisitor {
    type Value = Volume;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a volume")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Volume, A::Error> {
        let mut volume = Volume::default();
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            if key == "name" {
                volume.name = map.next_value::<Option<String>>()?.unwrap_or_default();
                continue;
            }
            let value = map.next_value::<Option<IgnoredAny>>()?;
            let source = SOURCES.iter().find(|source| **source == key);
            if let (Some(source), Some(_)) = (source, value) {
                volume.sources.push(source);
            }
        }
        Ok(volume)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_source_and_one_that_the_api_does_not_know_are_no_source() {
        let volume: Volume =
            serde_json::from_str(r#"{"name":"v","hostPath":null,"floppy":{"drive":"a"}}"#).unwrap();
        assert_eq!((volume.name.as_str(), volume.source()), ("v", None));
        let volume: Volume = serde_json::from_str(r#"{"name":"v","nfs":{}}"#).unwrap();
        assert_eq!(volume.source(), Some("nfs"));
    }
}
