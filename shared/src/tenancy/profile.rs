//! How much a namespace may use: LimitRange and ResourceQuota.

use std::path::Path;

use crate::error::{Error, Result};
use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota};
use serde::Deserialize;
use serde_json::json;

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
        let text = crate::limits::text(path, crate::limits::CONFIGURATION).map_err(|error| {
            Error::usage(format!("cannot read profile {}", path.display()))
                .with_source(error)
                .with_hint("--profile takes small, medium, large, none or a YAML file")
        })?;
        Self::from_yaml(&text).map_err(|error| error.context(path.display()))
    }

    fn from_yaml(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            kind: String,
        }
        let hint = "the file holds a LimitRange, a ResourceQuota, or both separated by ---";
        let broken = |error: serde_saphyr::Error| {
            Error::usage("not a Kubernetes object in YAML")
                .with_source(error)
                .with_hint(hint)
        };
        let mut custom = Self::default();
        let documents: Vec<serde_json::Value> =
            serde_saphyr::from_multiple(text).map_err(broken)?;
        for document in documents {
            let head: Head = serde_json::from_value(document.clone())
                .map_err(|_| Error::usage("a document has no kind").with_hint(hint))?;
            let parsed = |error: serde_json::Error| {
                Error::usage(format!("the {} cannot be read", head.kind)).with_source(error)
            };
            let twice = match head.kind.as_str() {
                "LimitRange" => {
                    let object = serde_json::from_value(document).map_err(parsed)?;
                    custom.limit_range.replace(object).is_some()
                }
                "ResourceQuota" => {
                    let object = serde_json::from_value(document).map_err(parsed)?;
                    custom.quota.replace(object).is_some()
                }
                other => {
                    return Err(
                        Error::usage(format!("a profile cannot hold a {other}")).with_hint(hint)
                    );
                }
            };
            if twice {
                return Err(
                    Error::usage(format!("there is more than one {}", head.kind)).with_hint(hint),
                );
            }
        }
        if custom == Self::default() {
            return Err(Error::usage("the profile is empty").with_hint(hint));
        }
        Ok(custom)
    }
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

    #[test]
    fn a_file_may_hold_one_of_each_and_nothing_else() {
        let quota = "apiVersion: v1\nkind: ResourceQuota\nspec: {hard: {pods: '3'}}\n";
        let custom = Custom::from_yaml(quota).unwrap();
        assert!(custom.quota.is_some() && custom.limit_range.is_none());
        let twice = Custom::from_yaml(&format!("{quota}---\n{quota}")).unwrap_err();
        assert_eq!(twice.to_string(), "there is more than one ResourceQuota");
        let pod = Custom::from_yaml("kind: Pod\n").unwrap_err();
        assert_eq!(pod.to_string(), "a profile cannot hold a Pod");
    }

    #[test]
    fn a_word_that_is_no_size_is_read_as_a_file_and_named() {
        let error = Profile::parse("smal").unwrap_err();
        assert_eq!(error.to_string(), "cannot read profile smal");
    }
}
