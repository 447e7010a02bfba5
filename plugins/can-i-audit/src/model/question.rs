//! One line of the authorizer's input, and how a real request differs from a review of it.

use crate::model::catalog::Catalog;
use crate::model::subject::Principal;

/// How a question is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// As the API server reads a real request: what has no namespace is asked without one.
    #[default]
    Request,
    /// As a SubjectAccessReview: literally.
    Sar,
}

/// May `principal` do this?
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The asker.
    pub principal: Principal,
    /// The action.
    pub action: Action,
}

/// An action, and its place.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Action {
    /// The verb; any word.
    pub verb: String,
    /// The target of the action.
    pub target: Target,
}

/// A resource or a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Something that is stored, or pretends to be.
    Resource(Resource),
    /// Anything else, such as `/metrics`.
    Path(String),
}

/// The attributes of a request for a resource; empty means absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// API group, empty for the core group.
    pub group: String,
    /// Plural.
    pub resource: String,
    /// Such as `log`.
    pub subresource: String,
    /// Name of the object.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// A wildcard that stands for the name as well: `DOMAIN/*` for a signer.
    pub also: String,
}

impl Default for Target {
    fn default() -> Self {
        Self::Resource(Resource::default())
    }
}

impl Action {
    /// Returns the namespace whose RoleBindings count; empty when none do.
    #[must_use]
    pub fn namespace(&self) -> &str {
        match &self.target {
            Target::Resource(resource) => &resource.namespace,
            Target::Path(_) => "",
        }
    }

    /// Returns the question with another namespace.
    #[must_use]
    pub fn within(&self, namespace: &str) -> Self {
        let mut action = self.clone();
        if let Target::Resource(resource) = &mut action.target {
            namespace.clone_into(&mut resource.namespace);
        }
        action
    }

    /// Reads the question as `mode` says (`staging/src/k8s.io/apiserver/pkg/endpoints/request/
    /// requestinfo.go`): a request for something of the cluster carries no namespace, one for a
    /// Namespace carries its own name as namespace, and one for a collection to be deleted
    /// carries no name.
    #[must_use]
    pub fn read_as(&self, mode: Mode, catalog: &Catalog) -> Self {
        let mut action = self.clone();
        if mode == Mode::Sar {
            return action;
        }
        let verb = self.verb.as_str();
        let Target::Resource(resource) = &mut action.target else {
            return action;
        };
        if verb == "deletecollection" {
            resource.name.clear();
        }
        if resource.is_asked_by_the_server(verb) {
            resource.namespace.clear();
            if let ("signers", Some((domain, _))) =
                (resource.resource.as_str(), resource.name.split_once('/'))
            {
                resource.also = format!("{domain}/*");
            }
            return action;
        }
        if catalog.is_namespaced(&resource.group, &resource.resource) == Some(false) {
            let of_itself = resource.group.is_empty()
                && resource.resource == "namespaces"
                && matches!(verb, "get" | "update" | "patch" | "delete")
                && !resource.name.is_empty();
            if of_itself {
                resource.namespace = resource.name.clone();
            } else {
                resource.namespace.clear();
            }
        }
        action
    }
}

impl Resource {
    /// Says whether it is nothing that is stored, but something of the cluster that the server
    /// asks the authorizer about: identities that may be impersonated, and what signers may sign
    /// (`endpoints/filters/impersonation`, `plugin/pkg/admission/certificates/util.go`; there the
    /// signer `DOMAIN/*` is asked about too).
    fn is_asked_by_the_server(&self, verb: &str) -> bool {
        let words = (self.group.as_str(), self.resource.as_str());
        match verb {
            "impersonate" => matches!(
                words,
                ("", "users" | "groups") | ("authentication.k8s.io", "uids" | "userextras")
            ),
            "approve" | "sign" | "attest" => words == ("certificates.k8s.io", "signers"),
            _ => false,
        }
    }

    /// Returns `resource` or `resource/subresource`, as rules name it.
    #[must_use]
    pub fn combined(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}

impl std::fmt::Display for Action {
    /// Prints `get pods.metrics.k8s.io/log "x"`, without the namespace.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.target {
            Target::Path(path) => write!(f, "{} {path}", self.verb),
            Target::Resource(resource) => {
                write!(f, "{} {}", self.verb, resource.resource)?;
                if !resource.group.is_empty() {
                    write!(f, ".{}", resource.group)?;
                }
                if !resource.subresource.is_empty() {
                    write!(f, "/{}", resource.subresource)?;
                }
                if !resource.name.is_empty() {
                    write!(f, " \"{}\"", resource.name)?;
                }
                Ok(())
            }
        }
    }
}
