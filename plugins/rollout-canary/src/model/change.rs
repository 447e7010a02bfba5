//! What is new about a canary, and the edit of the stable template that makes it.

use groundcrew::error::{Error, Result};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::model::object::text;

/// What the canary has that stable pods have not.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Nothing that was asked for here: what is pending in the Deployment, if anything is.
    Pending,
    /// Edits of the stable template.
    Edits {
        /// Images of containers.
        images: Vec<Image>,
        /// Environment variables of every container.
        variables: Vec<Variable>,
        /// The moment of a restart, if one is asked for.
        restarted: Option<Timestamp>,
    },
    /// A strategic merge patch of the Deployment.
    Patch(Value),
    /// A template as a whole.
    Template(Value),
}

/// The image of one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    container: String,
    image: String,
}

/// An environment variable that is set, or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    name: String,
    value: Option<String>,
}

impl Image {
    /// Reads `CONTAINER=IMAGE`.
    ///
    /// # Errors
    ///
    /// Usage, for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        text.split_once('=')
            .filter(|(container, image)| !container.is_empty() && !image.is_empty())
            .map(|(container, image)| Self {
                container: container.to_owned(),
                image: image.to_owned(),
            })
            .ok_or_else(|| Error::usage(format!("--image {text} is not CONTAINER=IMAGE")))
    }
}

impl Variable {
    /// Reads `NAME=VALUE`, or `NAME-` for one that is removed.
    ///
    /// # Errors
    ///
    /// Usage, for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, value) = match (text.split_once('='), text.strip_suffix('-')) {
            (Some((name, value)), _) => (name, Some(value)),
            (None, Some(name)) => (name, None),
            (None, None) => return Err(Error::usage(format!("--env {text} is not NAME=VALUE"))),
        };
        if name.is_empty() {
            return Err(Error::usage(format!("--env {text} has no variable name")));
        }
        Ok(Self {
            name: name.to_owned(),
            value: value.map(str::to_owned),
        })
    }
}

/// Returns a template with the edits made.
///
/// # Errors
///
/// Usage, when there is no such container.
pub fn edited(
    base: &Value,
    images: &[Image],
    variables: &[Variable],
    restarted: Option<Timestamp>,
) -> Result<Value> {
    let mut template = base.clone();
    for Image { container, image } in images {
        set_image(&mut template, container, image)?;
    }
    for variable in variables {
        set_variable(&mut template, variable);
    }
    if let Some(moment) = restarted {
        let metadata = &mut template["metadata"];
        if !metadata["annotations"].is_object() {
            metadata["annotations"] = json!({});
        }
        metadata["annotations"]["kubectl.kubernetes.io/restartedAt"] = json!(moment.to_string());
    }
    Ok(template)
}

fn containers(template: &Value, kind: &str) -> Vec<String> {
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

fn set_variable(template: &mut Value, variable: &Variable) {
    let Variable { name, value } = variable;
    for index in 0..containers(template, "containers").len() {
        let container = &mut template["spec"]["containers"][index];
        if !container["env"].is_array() {
            container["env"] = json!([]);
        }
        let Some(list) = container["env"].as_array_mut() else {
            continue;
        };
        let place = list.iter().position(|found| found["name"] == *name);
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
        set_variable(&mut template, &Variable::parse("B=2=3").unwrap());
        assert_eq!(template["spec"]["containers"][0]["env"][1]["value"], "2=3");
        assert_eq!(template["spec"]["containers"][1]["env"][0]["name"], "B");
        set_variable(&mut template, &Variable::parse("B-").unwrap());
        assert_eq!(template, base());
        assert!(Variable::parse("B").is_err() && Variable::parse("=2").is_err());
    }
}
