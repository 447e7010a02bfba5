//! What the API server's own configuration says: defaults of namespaces without labels, and what is
//! exempt. The API does not show it; the file does.
//!
//! Source: `PodSecurityConfiguration` in `admission/api/v1` of `k8s.io/pod-security-admission` and
//! `AdmissionConfiguration` in `k8s.io/apiserver/pkg/apis/apiserver/v1`.

use serde::Deserialize;
use serde_json::Value;

use super::namespace::Policy;
use crate::model::level::LevelVersion;

/// The configuration of Pod Security admission.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// What namespaces without labels ask for.
    pub defaults: Policy,
    /// What is not looked at.
    pub exemptions: Exemptions,
}

/// What is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Exemptions {
    /// Users, by name.
    pub usernames: Vec<String>,
    /// Namespaces.
    pub namespaces: Vec<String>,
    /// Runtime classes of pods.
    pub runtime_classes: Vec<String>,
}

/// What a document is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The configuration itself.
    Config(Box<Config>),
    /// The path of the file that has it.
    Path(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
struct Defaults {
    enforce: String,
    enforce_version: String,
    audit: String,
    audit_version: String,
    warn: String,
    warn_version: String,
}

impl Default for Defaults {
    fn default() -> Self {
        let level = || "privileged".to_owned();
        let version = || "latest".to_owned();
        Self {
            enforce: level(),
            enforce_version: version(),
            audit: level(),
            audit_version: version(),
            warn: level(),
            warn_version: version(),
        }
    }
}

/// Reads an `AdmissionConfiguration` or a `PodSecurityConfiguration`.
///
/// # Errors
///
/// What is wrong with it, as the API server would refuse it.
pub fn read(document: &Value) -> Result<Found, String> {
    match document["kind"].as_str() {
        Some("AdmissionConfiguration") => {
            let plugins = document["plugins"].as_array().into_iter().flatten();
            let Some(plugin) = plugins.into_iter().find(|it| it["name"] == "PodSecurity") else {
                // Without it the built-in defaults hold.
                return Ok(Found::Config(Box::default()));
            };
            match plugin["path"].as_str().filter(|path| !path.is_empty()) {
                Some(path) => Ok(Found::Path(path.to_owned())),
                None if plugin["configuration"].is_null() => Ok(Found::Config(Box::default())),
                None => config(&plugin["configuration"]),
            }
        }
        Some("PodSecurityConfiguration") => config(document),
        _ => Err("neither an AdmissionConfiguration nor a PodSecurityConfiguration".to_owned()),
    }
}

fn config(document: &Value) -> Result<Found, String> {
    let group = "pod-security.admission.config.k8s.io/";
    let version = document["apiVersion"].as_str().unwrap_or_default();
    if !version.starts_with(group) {
        return Err(format!("apiVersion {version:?} does not belong to {group}"));
    }
    let part = |field: &str| match &document[field] {
        Value::Null => serde_json::json!({}),
        part => part.clone(),
    };
    let wrong = |field: &str, error: &dyn std::fmt::Display| format!("{field}: {error}");
    let defaults: Defaults =
        serde_json::from_value(part("defaults")).map_err(|error| wrong("defaults", &error))?;
    let exemptions =
        serde_json::from_value(part("exemptions")).map_err(|error| wrong("exemptions", &error))?;
    let mode = |name: &str, level: &str, version: &str| -> Result<LevelVersion, String> {
        Ok(LevelVersion::new(
            level
                .parse()
                .map_err(|error| wrong(&format!("defaults.{name}"), &error))?,
            version
                .parse()
                .map_err(|error| wrong(&format!("defaults.{name}-version"), &error))?,
        ))
    };
    Ok(Found::Config(Box::new(Config {
        defaults: Policy {
            enforce: mode("enforce", &defaults.enforce, &defaults.enforce_version)?,
            audit: mode("audit", &defaults.audit, &defaults.audit_version)?,
            warn: mode("warn", &defaults.warn, &defaults.warn_version)?,
        },
        exemptions,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(defaults: Value, exemptions: Value) -> Value {
        json!({"apiVersion": "pod-security.admission.config.k8s.io/v1",
            "kind": "PodSecurityConfiguration", "defaults": defaults, "exemptions": exemptions})
    }

    #[test]
    fn defaults_and_exemptions_are_read_where_the_server_reads_them() {
        let inner = of(
            json!({"enforce": "baseline", "enforce-version": "v1.30"}),
            json!({"namespaces": ["kube-system"]}),
        );
        let outer = json!({"apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "AdmissionConfiguration", "plugins": [
                {"name": "Other", "configuration": {}},
                {"name": "PodSecurity", "configuration": inner}]});
        let found = read(&outer).unwrap();
        assert_eq!(found, read(&inner).unwrap());
        let Found::Config(config) = found else {
            panic!("it is inside");
        };
        assert_eq!(config.defaults.enforce.to_string(), "baseline:v1.30");
        assert_eq!(config.defaults.warn.to_string(), "privileged:latest");
        assert_eq!(config.exemptions.namespaces, ["kube-system"]);
    }

    #[test]
    fn a_file_of_its_own_is_named() {
        let outer = json!({"kind": "AdmissionConfiguration",
            "plugins": [{"name": "PodSecurity", "path": "psa.yaml"}]});
        assert_eq!(read(&outer), Ok(Found::Path("psa.yaml".to_owned())));
    }

    #[test]
    fn what_the_server_would_refuse_is_refused() {
        for (document, word) in [
            (
                of(json!({"enforce": "strict"}), Value::Null),
                "defaults.enforce",
            ),
            (
                of(json!({"enforce-version": "1.30"}), Value::Null),
                "enforce-version",
            ),
            (of(json!({"enforced": "baseline"}), Value::Null), "enforced"),
            (of(Value::Null, json!({"users": []})), "users"),
            (json!({"kind": "Pod"}), "neither"),
            (json!({"kind": "PodSecurityConfiguration"}), "apiVersion"),
        ] {
            let error = read(&document).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
