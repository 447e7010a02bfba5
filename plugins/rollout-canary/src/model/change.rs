//! What is new about the canary: from flags to a pod template that the server has filled in.

use std::path::{Path, PathBuf};

use clap::Args;
use groundcrew::client::Session;
use groundcrew::client::errors::explain;
use groundcrew::error::{Error, Result};
use serde_json::{Value, json};

use crate::apply;
use crate::observe::{Target, text};
use crate::record::without_hash;

/// What the canary has that stable pods have not.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "What is new")]
pub struct ChangeArgs {
    /// Image of a container, as CONTAINER=IMAGE; repeat it for several
    #[arg(long = "image", value_name = "CONTAINER=IMAGE")]
    pub images: Vec<String>,

    /// Environment variable of every container, as NAME=VALUE; NAME- removes it
    #[arg(long = "env", value_name = "NAME=VALUE")]
    pub env: Vec<String>,

    /// The same template once more, as `kubectl rollout restart` makes it
    #[arg(long)]
    pub restart: bool,

    /// Patch of the Deployment as `kubectl patch` takes it; what it does to the pod template counts
    #[arg(long, value_name = "PATCH", conflicts_with_all = ["images", "env", "restart", "file"])]
    pub patch: Option<String>,

    /// Manifest of the Deployment, whose pod template is taken as a whole
    #[arg(short = 'f', long = "filename", value_name = "FILE",
          conflicts_with_all = ["images", "env", "restart"])]
    pub file: Option<PathBuf>,
}

impl ChangeArgs {
    /// Says whether nothing is new.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
            && self.env.is_empty()
            && !self.restart
            && self.patch.is_none()
            && self.file.is_none()
    }

    /// Returns the canary's template, checked and filled in by the server, which keeps nothing.
    ///
    /// # Errors
    ///
    /// Bad flags; the server's refusal.
    pub async fn template(
        &self,
        session: &Session,
        target: &Target,
        base: &Value,
    ) -> Result<Value> {
        let (content, patch) = if let Some(patch) = &self.patch {
            let patch: Value = serde_saphyr::from_str(patch).map_err(|error| {
                Error::usage(format!("--patch is neither JSON nor YAML: {error}"))
            })?;
            ("application/strategic-merge-patch+json", patch)
        } else {
            let template = match &self.file {
                Some(file) => from_file(file, target)?,
                None => self.edited(base)?,
            };
            let replace = json!([{"op": "add", "path": "/spec/template", "value": template}]);
            ("application/json-patch+json", replace)
        };
        let object = apply::patched(session, target, content, &patch, true)
            .await
            .map_err(|error| explain(error, &target.doing("patch")))?;
        Ok(without_hash(&object.data["spec"]["template"]))
    }

    fn edited(&self, base: &Value) -> Result<Value> {
        let mut template = base.clone();
        for image in &self.images {
            let (name, image) = image
                .split_once('=')
                .filter(|(name, image)| !name.is_empty() && !image.is_empty())
                .ok_or_else(|| Error::usage(format!("--image {image} is not CONTAINER=IMAGE")))?;
            set_image(&mut template, name, image)?;
        }
        for variable in &self.env {
            set_variable(&mut template, variable)?;
        }
        if self.restart {
            let now = jiff::Timestamp::now().to_string();
            let metadata = &mut template["metadata"];
            if !metadata["annotations"].is_object() {
                metadata["annotations"] = json!({});
            }
            metadata["annotations"]["kubectl.kubernetes.io/restartedAt"] = json!(now);
        }
        Ok(template)
    }
}

fn containers(template: &mut Value, kind: &str) -> Vec<String> {
    let list = template["spec"][kind].as_array();
    list.into_iter()
        .flatten()
        .map(|container| text(&container["name"]).to_owned())
        .collect()
}

fn set_image(template: &mut Value, name: &str, image: &str) -> Result<()> {
    let mut known = Vec::new();
    for kind in ["containers", "initContainers"] {
        let names = containers(template, kind);
        if let Some(index) = names.iter().position(|found| found == name) {
            template["spec"][kind][index]["image"] = json!(image);
            return Ok(());
        }
        known.extend(names);
    }
    Err(
        Error::usage(format!("the template has no container \"{name}\""))
            .with_hint(format!("its containers are {}", known.join(", "))),
    )
}

fn set_variable(template: &mut Value, variable: &str) -> Result<()> {
    let (name, value) = match (variable.split_once('='), variable.strip_suffix('-')) {
        (Some((name, value)), _) => (name, Some(value)),
        (None, Some(name)) => (name, None),
        (None, None) => return Err(Error::usage(format!("--env {variable} is not NAME=VALUE"))),
    };
    if name.is_empty() {
        return Err(Error::usage(format!("--env {variable} names no variable")));
    }
    for index in 0..containers(template, "containers").len() {
        let container = &mut template["spec"]["containers"][index];
        if !container["env"].is_array() {
            container["env"] = json!([]);
        }
        let Some(list) = container["env"].as_array_mut() else {
            continue;
        };
        let place = list.iter().position(|found| found["name"] == name);
        match (place, value) {
            (Some(place), Some(value)) => list[place] = json!({"name": name, "value": value}),
            (Some(place), None) => drop(list.remove(place)),
            (None, Some(value)) => list.push(json!({"name": name, "value": value})),
            (None, None) => {}
        }
        if list.is_empty()
            && let Some(container) = container.as_object_mut()
        {
            container.remove("env");
        }
    }
    Ok(())
}

fn from_file(file: &Path, target: &Target) -> Result<Value> {
    let shown = file.display();
    let bytes = std::fs::read_to_string(file)
        .map_err(|error| Error::usage(format!("cannot read {shown}")).with_source(error))?;
    let documents: Vec<Value> = serde_saphyr::from_multiple(&bytes)
        .map_err(|error| Error::usage(format!("{shown}: {error}")))?;
    documents
        .into_iter()
        .find(|document| {
            document["kind"] == "Deployment" && document["metadata"]["name"] == *target.name
        })
        .map(|document| document["spec"]["template"].clone())
        .filter(Value::is_object)
        .ok_or_else(|| {
            Error::usage(format!(
                "{shown} has no Deployment \"{}\" with a pod template",
                target.name
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Value {
        json!({"spec": {
            "initContainers": [{"name": "init", "image": "i:1"}],
            "containers": [{"name": "web", "image": "w:1", "env": [{"name": "A", "value": "1"}]},
                           {"name": "log", "image": "l:1"}]}})
    }

    #[test]
    fn an_image_goes_to_the_container_of_that_name() {
        let mut template = base();
        set_image(&mut template, "log", "l:2").unwrap();
        set_image(&mut template, "init", "i:2").unwrap();
        assert_eq!(template["spec"]["containers"][1]["image"], "l:2");
        assert_eq!(template["spec"]["initContainers"][0]["image"], "i:2");
        let error = set_image(&mut template, "app", "a").unwrap_err();
        assert_eq!(error.hints(), ["its containers are web, log, init"]);
    }

    #[test]
    fn a_variable_goes_to_every_container_and_can_be_removed() {
        let mut template = base();
        set_variable(&mut template, "B=2=3").unwrap();
        assert_eq!(template["spec"]["containers"][0]["env"][1]["value"], "2=3");
        assert_eq!(template["spec"]["containers"][1]["env"][0]["name"], "B");
        set_variable(&mut template, "B-").unwrap();
        assert_eq!(template, base());
        assert!(set_variable(&mut template, "B").is_err());
    }
}
