//! What was being done when an error came.

use std::borrow::Cow;
use std::fmt;

/// What was being done when an error came, for the messages that do not say it themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doing {
    /// The verb as RBAC knows it: `get`, `create`, `patch`, …
    pub verb: &'static str,
    /// The resource with its group: `namespaces`, `rolebindings.rbac.authorization.k8s.io`.
    pub resource: Cow<'static, str>,
    /// The subresource, such as `approval`.
    pub subresource: Option<&'static str>,
    /// The name of the object, if it is about one.
    pub name: Option<String>,
    /// The namespace; `None` is cluster-wide.
    pub namespace: Option<String>,
}

impl Doing {
    /// Returns a description of doing something cluster-wide.
    #[must_use]
    pub fn new(verb: &'static str, resource: impl Into<Cow<'static, str>>) -> Self {
        Self {
            verb,
            resource: resource.into(),
            ..Self::default()
        }
    }

    /// Adds the subresource.
    #[must_use]
    #[expect(
        clippy::should_implement_trait,
        reason = "nobody subtracts from what is being done"
    )]
    pub fn sub(self, subresource: &'static str) -> Self {
        Self {
            subresource: Some(subresource),
            ..self
        }
    }

    /// Adds the name of the object.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..self
        }
    }

    /// Adds the namespace.
    #[must_use]
    pub fn within(self, namespace: impl Into<String>) -> Self {
        Self {
            namespace: Some(namespace.into()),
            ..self
        }
    }
}

impl fmt::Display for Doing {
    /// Prints `create rolebindings.rbac.authorization.k8s.io "alice" in namespace "alice"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if let Some(subresource) = self.subresource {
            write!(f, "/{subresource}")?;
        }
        if let Some(name) = &self.name {
            write!(f, " \"{name}\"")?;
        }
        if let Some(namespace) = &self.namespace {
            write!(f, " in namespace \"{namespace}\"")?;
        }
        Ok(())
    }
}
