//! Who one is, and which rights are missing.

use std::fmt;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, ResourceRule, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
    SelfSubjectRulesReview, SelfSubjectRulesReviewSpec,
};
use kube::Api;
use kube::api::PostParams;

use super::Session;
use super::errors::{Doing, explain};
use crate::error::{Error, Result};

mod grant;
mod identity;
mod rules;

pub use grant::{grant_command, grant_manifest};
pub use identity::{Identity, who_am_i};
pub use rules::granted;

/// A namespace that cannot exist: names of namespaces have no dots.
///
/// The rules for a namespace are those of cluster-wide bindings and those of the bindings in it.
/// There are none in this one, so what its rules allow is allowed cluster-wide.
const NOWHERE: &str = "cluster-wide.invalid";

/// From this many open questions about one namespace, its rules are asked for first.
const WORTH_THE_RULES: usize = 3;

/// Questions that are asked at the same time.
const CONCURRENCY: usize = 8;

/// A right: a verb on a resource, cluster-wide or in a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Access {
    /// The verb as RBAC knows it: `get`, `create`, `bind`, …
    pub verb: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// The resource in plural: `rolebindings`.
    pub resource: String,
    /// The subresource: `log`, `approval`.
    pub subresource: Option<String>,
    /// The one object it is about; `None` for any. The verb `create` never has a name.
    pub name: Option<String>,
    /// The namespace; `None` means cluster-wide, which is every namespace for namespaced
    /// resources.
    pub namespace: Option<String>,
}

impl Access {
    /// Returns a cluster-wide right; `resource` has its group: `roles.rbac.authorization.k8s.io`,
    /// and may have a subresource: `certificatesigningrequests.certificates.k8s.io/approval`.
    #[must_use]
    pub fn new(verb: &str, resource: &str) -> Self {
        let (resource, subresource) = match resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (resource, None),
        };
        let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
        Self {
            verb: verb.to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource,
            ..Self::default()
        }
    }

    /// Limits it to one object.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..self
        }
    }

    /// Limits it to one namespace.
    #[must_use]
    pub fn within(self, namespace: impl Into<String>) -> Self {
        Self {
            namespace: Some(namespace.into()),
            ..self
        }
    }

    /// Returns `resource.group/subresource` as kubectl writes it.
    #[must_use]
    pub fn full_resource(&self) -> String {
        let mut text = self.resource.clone();
        if !self.group.is_empty() {
            text.extend([".", &self.group]);
        }
        if let Some(subresource) = &self.subresource {
            text.extend(["/", subresource]);
        }
        text
    }

    fn scope(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("in namespace {namespace}"),
            None => "cluster-wide".to_owned(),
        }
    }

    fn what(&self) -> String {
        match &self.name {
            Some(name) => format!("{} \"{name}\"", self.full_resource()),
            None => self.full_resource(),
        }
    }
}

impl fmt::Display for Access {
    /// Prints `create  namespaces  cluster-wide`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}  {}", self.verb, self.what(), self.scope())
    }
}

impl From<&Access> for ResourceAttributes {
    /// Returns the question as the reviews of `authorization.k8s.io/v1` take it.
    fn from(access: &Access) -> Self {
        Self {
            verb: Some(access.verb.clone()),
            group: Some(access.group.clone()),
            resource: Some(access.resource.clone()),
            subresource: access.subresource.clone(),
            name: access.name.clone(),
            namespace: access.namespace.clone(),
            ..Self::default()
        }
    }
}

impl From<&Doing> for Access {
    fn from(doing: &Doing) -> Self {
        let access = Self::new(doing.verb, doing.resource);
        Self {
            subresource: doing.subresource.map(str::to_owned),
            name: doing.name.clone().filter(|_| doing.verb != "create"),
            namespace: doing.namespace.clone(),
            ..access
        }
    }
}

/// Returns those of `wanted` that the session's user does not have, in their order, each once.
///
/// With RBAC alone one request answers most of it: the rules that hold cluster-wide, which are
/// evaluated here as the API server does. What they do not allow is asked for one by one, so that
/// the answer is exact with other authorizers too (they may list no rules); a namespace with
/// several open questions is asked for its rules first. A cluster administrator costs one
/// request.
///
/// # Errors
///
/// That the server cannot be reached or does not say.
pub async fn missing(session: &Session, wanted: &[Access]) -> Result<Vec<Access>> {
    let mut open: Vec<&Access> = Vec::new();
    for access in wanted {
        if !open.contains(&access) {
            open.push(access);
        }
    }
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let everywhere = rules_in(session, NOWHERE).await?;
    open.retain(|access| !rules::allow(&everywhere, access));

    let mut namespaces: Vec<&str> = open
        .iter()
        .filter_map(|access| access.namespace.as_deref())
        .collect();
    namespaces.sort_unstable();
    for group in namespaces.chunk_by(|one, other| one == other) {
        if group.len() >= WORTH_THE_RULES {
            let there = rules_in(session, group[0]).await?;
            open.retain(|access| {
                access.namespace.as_deref() != Some(group[0]) || !rules::allow(&there, access)
            });
        }
    }

    let answers = futures::stream::iter(open)
        .map(async |access| is_allowed(session, access).await.map(|yes| (access, yes)))
        .buffered(CONCURRENCY)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(answers
        .into_iter()
        .filter(|(_, yes)| !yes)
        .map(|(access, _)| access.clone())
        .collect())
}

/// Returns the rules that hold in a namespace; none when the server lists none.
async fn rules_in(session: &Session, namespace: &str) -> Result<Vec<ResourceRule>> {
    let review = SelfSubjectRulesReview {
        spec: SelfSubjectRulesReviewSpec {
            namespace: Some(namespace.to_owned()),
        },
        ..SelfSubjectRulesReview::default()
    };
    let api: Api<SelfSubjectRulesReview> = Api::all(session.client.clone());
    match api.create(&PostParams::default(), &review).await {
        Ok(review) => Ok(review
            .status
            .map(|status| status.resource_rules)
            .unwrap_or_default()),
        // Every single question is still asked, so an unwilling server costs requests, no truth.
        Err(kube::Error::Api(status)) if matches!(status.code, 400 | 403 | 404 | 405 | 422) => {
            Ok(Vec::new())
        }
        Err(error) => {
            let doing = Doing::new("create", "selfsubjectrulesreviews.authorization.k8s.io");
            Err(explain(error, &doing))
        }
    }
}

/// Asks the server about one right.
///
/// # Errors
///
/// That the server cannot be reached or does not say.
pub async fn is_allowed(session: &Session, access: &Access) -> Result<bool> {
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(access.into()),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(session.client.clone());
    let review = api
        .create(&PostParams::default(), &review)
        .await
        .map_err(|error| {
            explain(
                error,
                &Doing::new("create", "selfsubjectaccessreviews.authorization.k8s.io"),
            )
        })?;
    Ok(review.status.is_some_and(|status| status.allowed))
}

/// Refuses for rights that are missing, if there are any; `role` as for [`refused`].
///
/// # Errors
///
/// All of them, and what grants them; that the server does not say who one is.
pub async fn refuse(session: &Session, missing: &[Access], role: &str) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let me = who_am_i(session).await?.username;
    Err(refused(missing, &me, role))
}

/// Returns the error for missing rights: all of them, and what grants them.
///
/// `user` is who lacks them, `role` a name for the role that the hint creates.
#[must_use]
pub fn refused(missing: &[Access], user: &str, role: &str) -> Error {
    let width = |column: fn(&Access) -> String| {
        missing
            .iter()
            .map(|access| column(access).chars().count())
            .max()
            .unwrap_or_default()
    };
    let (verbs, whats) = (width(|access| access.verb.clone()), width(Access::what));
    let rights = if missing.len() == 1 {
        "a right".to_owned()
    } else {
        format!("{} rights", missing.len())
    };
    let error = Error::failed(format!("\"{user}\" is missing {rights}; nothing was done"));
    missing
        .iter()
        .fold(error, |error, access| {
            let (verb, what, scope) = (&access.verb, access.what(), access.scope());
            error.with_detail(format!("{verb:<verbs$}  {what:<whats$}  {scope}"))
        })
        .with_hint(grant_hint(missing, user, role))
}

/// Returns the hint that says what grants the rights, ready to be pasted.
pub(super) fn grant_hint(missing: &[Access], user: &str, role: &str) -> String {
    let command = grant_command(missing, user, role);
    let gap = if command.contains('\n') { '\n' } else { ' ' };
    format!("somebody who may grant this runs:{gap}{command}")
}

#[cfg(test)]
mod tests;
