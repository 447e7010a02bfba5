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
    /// The Deployment's manifests in a file, one for each namespace that it has one for.
    Manifests(Vec<Manifest>),
}

/// The manifest of a Deployment, as far as it is used.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Its namespace, if it says one.
    pub namespace: Option<String>,
    /// Its pod template.
    pub template: Value,
}

/// Returns the manifests of a Deployment of this name among objects.
///
/// # Errors
///
/// Usage, when there is none.
pub fn manifests(objects: Vec<Value>, deployment: &str) -> Result<Vec<Manifest>> {
    let mut found = Vec::new();
    for mut object in objects {
        let is_it = object["kind"] == "Deployment"
            && object["metadata"]["name"] == *deployment
            && object["spec"]["template"].is_object();
        if is_it {
            let namespace = &object["metadata"]["namespace"];
            found.push(Manifest {
                namespace: namespace.as_str().map(str::to_owned),
                template: object["spec"]["template"].take(),
            });
        }
    }
    if found.is_empty() {
        return Err(Error::usage(format!(
            "the manifest has no Deployment \"{deployment}\" with a pod template"
        )));
    }
    Ok(found)
}

/// Returns the one for a namespace.
///
/// # Errors
///
/// Usage, when there is none, or more than one.
pub fn of_namespace<'a>(manifests: &'a [Manifest], namespace: &str) -> Result<&'a Value> {
    let is_here = |found: &&Manifest| {
        found
            .namespace
            .as_deref()
            .is_none_or(|name| name == namespace)
    };
    let mut here = manifests.iter().filter(is_here);
    match (here.next(), here.next()) {
        (Some(one), None) => Ok(&one.template),
        (Some(_), Some(_)) => Err(Error::usage(format!(
            "the manifest has this Deployment more than once for namespace \"{namespace}\""
        ))),
        (None, _) => {
            let there = manifests
                .iter()
                .filter_map(|found| found.namespace.as_deref());
            let there: Vec<&str> = there.collect();
            Err(Error::usage(format!(
                "the manifest's namespace is {}, not \"{namespace}\"",
                there.join(", ")
            ))
            .with_hint(format!("use that one:  -n {}", there[0])))
        }
    }
}

/// The image of one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The container; the only one when absent.
    container: Option<String>,
    image: String,
}

/// An environment variable that is set, or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    name: String,
    value: Option<String>,
}

impl Image {
    /// Reads `CONTAINER=IMAGE`, or `IMAGE` where there is one container.
    ///
    /// # Errors
    ///
    /// Usage, for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::usage(format!("--image {text} is not CONTAINER=IMAGE"));
        let (container, image) = match text.split_once('=') {
            Some((container, image)) => (Some(container), image),
            None => (None, text),
        };
        if image.is_empty() || container.is_some_and(str::is_empty) {
            return Err(wrong());
        }
        Ok(Self {
            container: container.map(str::to_owned),
            image: image.to_owned(),
        })
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
        match container {
            Some(container) => set_image(&mut template, container, image)?,
            None => {
                let only = only_container(&template, image)?;
                set_image(&mut template, &only, image)?;
            }
        }
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

/// Returns the containers whose image is another one, as `CONTAINER=IMAGE`.
#[must_use]
pub fn new_images(before: &Value, after: &Value) -> Vec<String> {
    let list = |template: &Value, kind: &str| {
        let list = template["spec"][kind].as_array();
        list.cloned().unwrap_or_default()
    };
    let kinds = ["initContainers", "containers"];
    let new = kinds.into_iter().flat_map(|kind| {
        let known = list(before, kind);
        let is_new = move |container: &Value| {
            !known.iter().any(|known| {
                known["name"] == container["name"] && known["image"] == container["image"]
            })
        };
        list(after, kind).into_iter().filter(is_new)
    });
    new.map(|found| format!("{}={}", text(&found["name"]), text(&found["image"])))
        .collect()
}

fn containers(template: &Value, kind: &str) -> Vec<String> {
    let list = template["spec"][kind].as_array();
    list.into_iter()
        .flatten()
        .map(|container| text(&container["name"]).to_owned())
        .collect()
}

/// Returns the name of the only container.
fn only_container(template: &Value, image: &str) -> Result<String> {
    let names = containers(template, "containers");
    match names.as_slice() {
        [only] => Ok(only.clone()),
        _ => Err(Error::usage(format!(
            "--image {image} does not say which container, and there are {}",
            names.len()
        ))
        .with_hint(format!(
            "name one of {}:  --image {}={image}",
            names.join(", "),
            names.first().map_or("CONTAINER", String::as_str)
        ))),
    }
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
        // Of a name that is there twice the last one counts: none of the others may stay.
        let place = list.iter().rposition(|found| found["name"] == *name);
        if let (Some(place), Some(value)) = (place, value) {
            list[place] = json!({"name": name, "value": value});
            let mut index = 0;
            list.retain(|found| {
                index += 1;
                found["name"] != *name || index - 1 == place
            });
        } else if let Some(value) = value {
            list.push(json!({"name": name, "value": value}));
        } else {
            list.retain(|found| found["name"] != *name);
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
    fn an_image_without_a_container_goes_to_the_only_one() {
        let image = |text: &str| Image::parse(text).unwrap();
        let mut one = base();
        one["spec"]["containers"] = json!([{"name": "web", "image": "w:1"}]);
        let new = edited(&one, &[image("r.example:5000/w@sha256:1")], &[], None).unwrap();
        let found = &new["spec"]["containers"][0]["image"];
        assert_eq!(found, "r.example:5000/w@sha256:1");
        let error = edited(&base(), &[image("w:2")], &[], None).unwrap_err();
        assert_eq!(error.hints(), ["name one of web, log:  --image web=w:2"]);
        assert!(Image::parse("=w").is_err() && Image::parse("web=").is_err());
    }

    #[test]
    fn a_variable_that_is_there_twice_is_set_or_removed_as_a_whole() {
        let mut template = base();
        let env = &mut template["spec"]["containers"][0]["env"];
        *env = json!([{"name": "LOG", "value": "info"}, {"name": "MODE", "value": "a"},
            {"name": "LOG", "value": "warn"}]);
        let mut set = template.clone();
        set_variable(&mut set, &Variable::parse("LOG=debug").unwrap());
        let expected = json!([{"name": "MODE", "value": "a"}, {"name": "LOG", "value": "debug"}]);
        assert_eq!(set["spec"]["containers"][0]["env"], expected);
        set_variable(&mut template, &Variable::parse("LOG-").unwrap());
        let expected = json!([{"name": "MODE", "value": "a"}]);
        assert_eq!(template["spec"]["containers"][0]["env"], expected);
    }

    #[test]
    fn a_manifest_is_that_of_the_namespace() {
        let web = |namespace: Option<&str>, image: &str| {
            json!({"kind": "Deployment", "metadata": {"name": "web", "namespace": namespace},
                "spec": {"template": {"image": image}}})
        };
        let objects = vec![
            json!({"kind": "Service"}),
            web(Some("stage"), "s"),
            web(Some("prod"), "p"),
        ];
        let found = manifests(objects, "web").unwrap();
        assert_eq!(of_namespace(&found, "prod").unwrap()["image"], "p");
        let error = of_namespace(&found, "test").unwrap_err();
        assert_eq!(error.hints(), ["use that one:  -n stage"]);
        let twice = manifests(vec![web(None, "a"), web(Some("prod"), "b")], "web").unwrap();
        assert!(of_namespace(&twice, "prod").is_err());
        assert_eq!(of_namespace(&twice, "test").unwrap()["image"], "a");
        assert!(manifests(vec![web(None, "a")], "api").is_err());
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
