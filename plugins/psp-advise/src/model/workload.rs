//! Pods and pod templates in objects of any kind.

use serde::Serialize;

use crate::model::manifest::{self, Node};
use crate::model::pod::{Origin, Pod};

/// What an object is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// Group and version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty where the object has none.
    pub namespace: String,
    /// Name, or the prefix of a generated one.
    pub name: String,
}

impl ObjectRef {
    /// Returns the group; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.api_version
            .split_once('/')
            .map_or("", |(group, _)| group)
    }

    /// Returns `kind.group/name` in lower case, as kubectl prints and reads it.
    #[must_use]
    pub fn full(&self) -> String {
        let kind = self.kind.to_lowercase();
        match self.group() {
            "" => format!("{kind}/{}", self.name),
            group => format!("{kind}.{group}/{}", self.name),
        }
    }

    /// Returns `kind/name` in lower case.
    #[must_use]
    pub fn short(&self) -> String {
        format!("{}/{}", self.kind.to_lowercase(), self.name)
    }
}

/// Where an object of a kind keeps its pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplatePath {
    /// Kind; `None` is every kind of the group.
    pub kind: Option<String>,
    /// Group; `None` is any.
    pub group: Option<String>,
    /// The resource's name in plural, where that is how it was given.
    pub plural: Option<String>,
    /// Path from the object to the template, such as `spec.template`.
    pub path: String,
}

impl TemplatePath {
    /// Reads `Rollout.argoproj.io=.spec.template` or `rollouts.argoproj.io=.spec.template`.
    ///
    /// # Errors
    ///
    /// How it is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "expected KIND.GROUP=.spec.template";
        let (kind, path) = text.split_once('=').ok_or(FORM)?;
        let path = path.trim_start_matches('.');
        let (name, group) = kind
            .split_once('.')
            .map_or((kind, None), |(name, group)| (name, Some(group)));
        if name.is_empty() || path.is_empty() {
            return Err(FORM.to_owned());
        }
        let is_kind = name.starts_with(|c: char| c.is_ascii_uppercase());
        Ok(Self {
            kind: is_kind.then(|| name.to_owned()),
            group: group.map(str::to_owned),
            plural: (!is_kind).then(|| name.to_owned()),
            path: path.to_owned(),
        })
    }

    fn fits(&self, object: &ObjectRef) -> bool {
        let lower = object.kind.to_lowercase();
        let by_name = match (&self.kind, &self.plural) {
            (Some(kind), _) => *kind == object.kind,
            (None, Some(plural)) => {
                *plural == format!("{lower}s")
                    || *plural == format!("{lower}es")
                    || lower
                        .strip_suffix('y')
                        .is_some_and(|stem| *plural == format!("{stem}ies"))
            }
            (None, None) => true,
        };
        by_name
            && self
                .group
                .as_ref()
                .is_none_or(|group| group == object.group())
    }
}

/// Returns where an object of a kind that Kubernetes brings keeps its pod; the empty path is the
/// object itself.
///
/// Source: `DefaultPodSpecExtractor` in `admission/admission.go` of
/// `k8s.io/pod-security-admission`.
#[must_use]
pub fn built_in(group: &str, kind: &str) -> Option<(&'static str, Origin)> {
    Some(match (group, kind) {
        ("", "Pod") => ("", Origin::Pod),
        ("", "PodTemplate") => ("template", Origin::Template),
        ("", "ReplicationController")
        | ("apps" | "extensions", "ReplicaSet" | "Deployment" | "DaemonSet" | "StatefulSet")
        | ("batch", "Job") => ("spec.template", Origin::Template),
        ("batch", "CronJob") => ("spec.jobTemplate.spec.template", Origin::Template),
        _ => return None,
    })
}

/// A pod or a template with the object that contains it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The object.
    pub object: ObjectRef,
    /// Path from the object to the pod; empty when it is the pod.
    pub path: String,
    /// Where the specification stands.
    pub origin: Origin,
    /// The pod, without defaults yet.
    pub pod: Pod,
}

impl Workload {
    /// Returns the path of a field from the object.
    #[must_use]
    pub fn field(&self, path: &str) -> String {
        if self.path.is_empty() {
            path.to_owned()
        } else {
            format!("{}.{path}", self.path)
        }
    }
}

/// Why an object was not evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The object, as far as it is known.
    pub object: ObjectRef,
    /// Line in the file, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// What one document holds: objects with a pod each, the node of each, and what cannot be read.
#[derive(Debug, Default)]
pub struct Extracted<'a> {
    /// Pods and templates with the object's node.
    pub workloads: Vec<(Workload, &'a Node)>,
    /// Objects without a pod.
    pub others: usize,
    /// What could not be read.
    pub unreadable: Vec<Unreadable>,
}

/// Takes the pods and templates out of a document; a `List` is opened.
#[must_use]
pub fn extract<'a>(document: &'a Node, custom: &[TemplatePath]) -> Extracted<'a> {
    let mut extracted = Extracted::default();
    walk(document, custom, &mut extracted);
    extracted
}

fn walk<'a>(node: &'a Node, custom: &[TemplatePath], extracted: &mut Extracted<'a>) {
    if let manifest::Value::Sequence(items) = &node.value {
        // Some tools print a bare list of objects.
        for item in items {
            walk(item, custom, extracted);
        }
        return;
    }
    let object = object_ref(node);
    let refuse = |line: usize, message: String| Unreadable {
        object: object.clone(),
        line,
        message,
    };
    if object.kind.is_empty() || object.api_version.is_empty() {
        let missing = if object.kind.is_empty() {
            "kind"
        } else {
            "apiVersion"
        };
        extracted.unreadable.push(refuse(
            node.place.line,
            format!("not a manifest: {missing} is missing"),
        ));
        return;
    }
    if object.kind.ends_with("List")
        && let Some(items) = node.get("items")
        && matches!(items.value, manifest::Value::Sequence(_))
    {
        for item in items.items() {
            walk(item, custom, extracted);
        }
        return;
    }
    let asked: Vec<&str> = custom
        .iter()
        .filter(|path| path.fits(&object))
        .map(|path| path.path.as_str())
        .collect();
    let mut places = Vec::new();
    for path in &asked {
        let found = matching(node, path);
        if found.is_empty() {
            extracted.unreadable.push(refuse(
                node.place.line,
                format!("nothing at {path}, where --pod-template-path says that a pod template is"),
            ));
        }
        places.extend(found.into_iter().map(|path| (path, Origin::Template)));
    }
    if asked.is_empty() {
        let Some((path, origin)) = built_in(object.group(), &object.kind) else {
            if let Some(path) = unknown_template(node) {
                extracted.unreadable.push(refuse(
                    node.place_of(path).line,
                    format!(
                        "{} holds what looks like a pod template at {path}; evaluate it with \
                         --pod-template-path {}={path}",
                        object.kind,
                        with_group(&object),
                    ),
                ));
            }
            extracted.others += 1;
            return;
        };
        places.push((path.to_owned(), origin));
    }
    let mut has_one = false;
    for (path, origin) in places {
        // A ReplicationController and custom kinds may go without.
        let Some(template) = node.at(&path).filter(|template| !template.is_null()) else {
            if origin == Origin::Template && lacks_template(&object) {
                extracted.unreadable.push(refuse(
                    node.place.line,
                    format!("{} has no {path}, so the server refuses it", object.kind),
                ));
            }
            continue;
        };
        has_one = true;
        match manifest::read::<Pod>(template) {
            Ok(pod) => extracted.workloads.push((
                Workload {
                    object: object.clone(),
                    path,
                    origin,
                    pod,
                },
                node,
            )),
            Err(error) => extracted.unreadable.push(refuse(error.line, error.message)),
        }
    }
    extracted.others += usize::from(!has_one);
}

/// Returns the paths of one value each that a path with `[*]` or `[]` in it leads to.
fn matching(node: &Node, path: &str) -> Vec<String> {
    let path = path.replace("[]", "[*]");
    let Some((list, rest)) = path.split_once("[*]") else {
        return node
            .at(&path)
            .filter(|found| !found.is_null())
            .map(|_| path.clone())
            .into_iter()
            .collect();
    };
    let items = node.at(list).map_or(0, |list| list.items().len());
    (0..items)
        .flat_map(|index| matching(node, &format!("{list}[{index}]{rest}")))
        .collect()
}

/// Where most kinds of others keep a pod template.
const USUAL: [&str; 2] = ["spec.template", "spec.jobTemplate.spec.template"];

/// Returns where an object of a kind that is not known plainly holds a pod template.
fn unknown_template(node: &Node) -> Option<&'static str> {
    USUAL.into_iter().find(|path| {
        let pod = node.at(path).and_then(|template| template.get("spec"));
        pod.and_then(|pod| pod.get("containers"))
            .is_some_and(|containers| !containers.items().is_empty())
    })
}

fn with_group(object: &ObjectRef) -> String {
    match object.group() {
        "" => object.kind.clone(),
        group => format!("{}.{group}", object.kind),
    }
}

/// Kinds whose template the server requires.
fn lacks_template(object: &ObjectRef) -> bool {
    built_in(object.group(), &object.kind).is_some()
        && !matches!(
            object.kind.as_str(),
            "ReplicationController" | "PodTemplate"
        )
}

fn object_ref(node: &Node) -> ObjectRef {
    let text = |path: &str| {
        node.at(path)
            .and_then(Node::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let name = text("metadata.name");
    ObjectRef {
        api_version: text("apiVersion"),
        kind: text("kind"),
        namespace: text("metadata.namespace"),
        name: if name.is_empty() {
            text("metadata.generateName")
        } else {
            name
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::manifest::{parse, split};

    fn found(text: &str, custom: &[&str]) -> (Vec<String>, usize, usize) {
        let custom: Vec<_> = custom
            .iter()
            .map(|path| TemplatePath::parse(path).unwrap())
            .collect();
        let document = parse(split(text)[0]).unwrap();
        let extracted = extract(&document, &custom);
        let workloads = extracted
            .workloads
            .iter()
            .map(|(workload, _)| workload.field("spec"))
            .collect();
        (workloads, extracted.others, extracted.unreadable.len())
    }

    #[test]
    fn a_list_is_opened_and_what_has_no_pod_is_passed_over() {
        let text = "apiVersion: v1\nkind: List\nitems:\n\
            - {apiVersion: v1, kind: Pod, spec: {}}\n\
            - {apiVersion: batch/v1, kind: CronJob, spec: {jobTemplate: {spec: {template: {}}}}}\n\
            - {apiVersion: v1, kind: Service}\n\
            - {kind: Nothing}\n";
        assert_eq!(
            found(text, &[]),
            (
                vec![
                    "spec".to_owned(),
                    "spec.jobTemplate.spec.template.spec".to_owned()
                ],
                1,
                1
            )
        );
    }

    #[test]
    fn a_custom_kind_is_read_where_it_is_said_to_keep_its_template() {
        let text =
            "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nspec: {template: {spec: {}}}\n";
        assert_eq!(found(text, &[]).0.len(), 0);
        for path in [
            "Rollout.argoproj.io=.spec.template",
            "rollouts.argoproj.io=spec.template",
            "Rollout=.spec.template",
        ] {
            assert_eq!(found(text, &[path]).0, ["spec.template.spec"], "{path}");
        }
        assert_eq!(
            found(text, &["Rollout.example.com=.spec.template"]).0.len(),
            0
        );
    }
}
