//! How much a namespace may use: LimitRange and ResourceQuota.

use std::path::Path;

use crate::error::{Error, Result};
use crate::manifest::{self, Node, TypeError};
use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota};
use serde_json::json;

/// What a file may hold.
const HOLDS: &str = "the file holds a LimitRange, a ResourceQuota, or both separated by ---";

/// What `--profile` names.
#[derive(Clone, Debug, PartialEq)]
pub enum Profile {
    /// One of the built-in sizes.
    Size(Size),
    /// No limits and no quota.
    None,
    /// The specs of a file.
    File(Box<Custom>),
}

/// A built-in size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 2 CPU, 4Gi requested; 20 pods.
    Small,
    /// 4 CPU, 8Gi requested; 40 pods.
    Medium,
    /// 8 CPU, 16Gi requested; 80 pods.
    Large,
}

/// Limits from a file: a LimitRange, a ResourceQuota or both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Custom {
    limit_range: Option<LimitRange>,
    quota: Option<ResourceQuota>,
}

impl Profile {
    /// Reads a size, `none`, or the file at that path.
    ///
    /// # Errors
    ///
    /// Usage, when it is neither a known word nor a file with a LimitRange or a ResourceQuota.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "small" => Ok(Self::Size(Size::Small)),
            "medium" => Ok(Self::Size(Size::Medium)),
            "large" => Ok(Self::Size(Size::Large)),
            "none" => Ok(Self::None),
            path => Custom::read(Path::new(path)).map(|custom| Self::File(Box::new(custom))),
        }
    }

    /// Returns the word that the record keeps.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Size(Size::Small) => "small",
            Self::Size(Size::Medium) => "medium",
            Self::Size(Size::Large) => "large",
            Self::None => "none",
            Self::File(_) => "file",
        }
    }

    /// Returns the defaults and bounds of a container, to be applied before the quota: a quota on
    /// cpu or memory refuses every pod that states none, and the LimitRange states them.
    #[must_use]
    pub fn limit_range(&self) -> Option<LimitRange> {
        match self {
            Self::Size(_) => Some(from_spec(json!({"spec": {"limits": [{
                "type": "Container",
                "defaultRequest": {"cpu": "50m", "memory": "64Mi"},
                "default": {"cpu": "500m", "memory": "512Mi"},
            }]}}))),
            Self::None => None,
            Self::File(custom) => custom.limit_range.clone(),
        }
    }

    /// Returns what the namespace may use in all.
    #[must_use]
    pub fn quota(&self) -> Option<ResourceQuota> {
        let factor = match self {
            Self::Size(Size::Small) => 1,
            Self::Size(Size::Medium) => 2,
            Self::Size(Size::Large) => 4,
            Self::None => return None,
            Self::File(custom) => return custom.quota.clone(),
        };
        Some(from_spec(json!({"spec": {"hard": {
            "requests.cpu": (2 * factor).to_string(),
            "requests.memory": format!("{}Gi", 4 * factor),
            "limits.cpu": (4 * factor).to_string(),
            "limits.memory": format!("{}Gi", 8 * factor),
            "pods": (20 * factor).to_string(),
            "persistentvolumeclaims": (5 * factor).to_string(),
            "requests.storage": format!("{}Gi", 20 * factor),
            "services.loadbalancers": "0",
            "services.nodeports": "0",
        }}})))
    }

    /// Returns one line for people.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Size(_) => {
                let hard = self
                    .quota()
                    .and_then(|quota| quota.spec)
                    .and_then(|spec| spec.hard);
                let hard = hard.unwrap_or_default();
                let of = |key: &str| hard.get(key).map_or("", |quantity| quantity.0.as_str());
                format!(
                    "profile {}: {} CPU / {} requested, {} pods",
                    self.name(),
                    of("requests.cpu"),
                    of("requests.memory"),
                    of("pods")
                )
            }
            Self::None => "profile none".to_owned(),
            Self::File(_) => "profile from file".to_owned(),
        }
    }
}

impl Custom {
    fn read(path: &Path) -> Result<Self> {
        let bytes = crate::limits::file(path, crate::limits::CONFIGURATION).map_err(|error| {
            Error::usage(format!("cannot read profile {}", path.display()))
                .with_source(error)
                .with_hint("--profile takes small, medium, large, none or a YAML file")
        })?;
        let text = manifest::text(&bytes).map_err(Error::usage);
        text.and_then(|text| Self::from_manifest(&text))
            .map_err(|error| error.context(path.display()))
    }

    /// Reads the objects as kubectl reads a file, with the line of what is wrong.
    fn from_manifest(text: &str) -> Result<Self> {
        let mut custom = Self::default();
        for document in manifest::documents(text) {
            let node = document
                .node
                .map_err(|fault| at(fault.line, &fault.message))?;
            if let Some(ignored) = document.ignored {
                return Err(at(ignored.line, &ignored.message));
            }
            for object in manifest::objects(&node) {
                custom.take(object.map_err(|fault| at(fault.line, &fault.message))?)?;
            }
        }
        if custom == Self::default() {
            return Err(Error::usage("the profile is empty").with_hint(HOLDS));
        }
        Ok(custom)
    }

    fn take(&mut self, object: &Node) -> Result<()> {
        let kind = object
            .get("kind")
            .and_then(Node::as_str)
            .unwrap_or_default();
        let line = object.place.line;
        let typed = |error: TypeError| {
            let why = format!("the {kind} cannot be read: {}", error.message);
            at(if error.line == 0 { line } else { error.line }, &why)
        };
        let twice = match kind {
            "LimitRange" => {
                let read = manifest::read(object).map_err(typed)?;
                self.limit_range.replace(read).is_some()
            }
            "ResourceQuota" => {
                let read = manifest::read(object).map_err(typed)?;
                self.quota.replace(read).is_some()
            }
            other => return Err(at(line, &format!("a profile cannot hold a {other}"))),
        };
        match twice {
            true => Err(at(line, &format!("there is more than one {kind}"))),
            false => Ok(()),
        }
    }
}

fn at(line: usize, why: &str) -> Error {
    Error::usage(format!("line {line}: {why}")).with_hint(HOLDS)
}

/// Reads an object that this file itself wrote down.
fn from_spec<T: serde::de::DeserializeOwned + Default>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_limits_before_its_quota_needs_them() {
        for word in ["small", "medium", "large"] {
            let profile = Profile::parse(word).unwrap();
            assert_eq!(profile.name(), word);
            let limits = profile.limit_range().unwrap().spec.unwrap().limits;
            assert!(
                limits[0]
                    .default_request
                    .as_ref()
                    .unwrap()
                    .contains_key("cpu")
            );
            assert!(profile.quota().unwrap().spec.unwrap().hard.unwrap().len() >= 9);
        }
        assert_eq!(
            Profile::parse("medium").unwrap().summary(),
            "profile medium: 4 CPU / 8Gi requested, 40 pods"
        );
    }

    const QUOTA: &str = "apiVersion: v1\nkind: ResourceQuota\nspec: {hard: {pods: '3'}}\n";

    fn refused(text: &str) -> String {
        Custom::from_manifest(text).unwrap_err().to_string()
    }

    #[test]
    fn a_file_may_hold_one_of_each_and_nothing_else() {
        let custom = Custom::from_manifest(QUOTA).unwrap();
        assert!(custom.quota.is_some() && custom.limit_range.is_none());
        let twice = refused(&format!("{QUOTA}---\n{QUOTA}"));
        assert_eq!(twice, "line 5: there is more than one ResourceQuota");
        let pod = refused("apiVersion: v1\nkind: Pod\n");
        assert_eq!(pod, "line 1: a profile cannot hold a Pod");
        assert_eq!(refused("# nothing\n"), "the profile is empty");
    }

    #[test]
    fn a_profile_is_read_as_kubectl_reads_it() {
        let list = format!(
            "kind: List\napiVersion: v1\nitems:\n- {}",
            QUOTA.trim_end().replace('\n', "\n  ")
        );
        assert!(Custom::from_manifest(&list).unwrap().quota.is_some());
        let json = r#"{"apiVersion": "v1", "kind": "LimitRange", "spec": {"limits": []}}"#;
        assert!(Custom::from_manifest(json).unwrap().limit_range.is_some());
    }

    #[test]
    fn what_is_wrong_with_a_profile_is_told_with_its_line() {
        let wrong = refused("apiVersion: v1\nkind: ResourceQuota\nspec:\n  hard: 3\n");
        assert!(wrong.starts_with("line 4: the ResourceQuota"), "{wrong}");
        let broken = refused(&format!("{QUOTA}---\nkind: [\n"));
        assert!(broken.starts_with("line "), "{broken}");
    }

    #[test]
    fn a_word_that_is_no_size_is_read_as_a_file_and_named() {
        let error = Profile::parse("smal").unwrap_err();
        assert_eq!(error.to_string(), "cannot read profile smal");
    }
}
