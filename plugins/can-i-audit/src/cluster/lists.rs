//! Lists of one moment, page by page.
//!
//! A list on its own is of one moment, because its pages are read at the revision of the first.
//! Six lists one after the other are of six. So the revision of the first answer is asked for in
//! every other list (`resourceVersionMatch=Exact`, KEP-2523): all of them together are what the
//! cluster held at that moment. Where a server cannot do that, or forgot the revision in the
//! middle of a list, the list is read as it is now, and its revision tells that it is of another
//! moment.

use groundcrew::client::Session;
use http::header::ACCEPT;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

/// Restarts of a list when the server forgets where it was (410).
const RESTARTS: u32 = 3;
/// Metadata is all that counts of namespaces and service accounts.
const METADATA: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
const WHOLE: &str = "application/json";

/// One resource that is listed.
#[derive(Clone, Copy)]
pub(super) struct Resource {
    group: &'static str,
    api_version: &'static str,
    pub(super) plural: &'static str,
    namespaced: bool,
    accept: &'static str,
}

impl Resource {
    const fn of<K: k8s_openapi::Resource>(namespaced: bool, accept: &'static str) -> Self {
        Self {
            group: K::GROUP,
            api_version: K::API_VERSION,
            plural: K::URL_PATH_SEGMENT,
            namespaced,
            accept,
        }
    }

    /// Returns the plural with the group, as errors name it.
    pub(super) fn full(self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    fn path(self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "api" } else { "apis" };
        let inside = namespace.map_or(String::new(), |name| format!("/namespaces/{name}"));
        format!("/{root}/{}{inside}/{}", self.api_version, self.plural)
    }
}

pub(super) const CLUSTER_ROLES: Resource = Resource::of::<ClusterRole>(false, WHOLE);
pub(super) const ROLES: Resource = Resource::of::<Role>(true, WHOLE);
pub(super) const CLUSTER_ROLE_BINDINGS: Resource = Resource::of::<ClusterRoleBinding>(false, WHOLE);
pub(super) const ROLE_BINDINGS: Resource = Resource::of::<RoleBinding>(true, WHOLE);
pub(super) const NAMESPACES: Resource = Resource::of::<Namespace>(false, METADATA);
pub(super) const SERVICE_ACCOUNTS: Resource = Resource::of::<ServiceAccount>(true, METADATA);
/// Everything that is listed.
pub(super) const ALL: [Resource; 6] = [
    CLUSTER_ROLES,
    ROLES,
    CLUSTER_ROLE_BINDINGS,
    ROLE_BINDINGS,
    NAMESPACES,
    SERVICE_ACCOUNTS,
];

/// One page, without what nobody needs: fields that are not named here are skipped while parsing.
#[derive(Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ListMeta {
    #[serde(rename = "continue")]
    next: Option<String>,
    resource_version: Option<String>,
}

/// The result of one list.
pub(super) struct Listed<T> {
    /// The objects that were read, even if the list broke off.
    pub(super) items: Vec<T>,
    /// Its revision.
    pub(super) moment: Option<String>,
    /// Why it broke off.
    pub(super) error: Option<kube::Error>,
    /// The only namespace that was read, with the reason in `error`.
    pub(super) only: Option<String>,
}

/// Lists with the same connection, page size and moment.
pub(super) struct Lister<'s> {
    session: &'s Session,
    /// Objects of one answer.
    chunk: u32,
    moment: Option<String>,
}

impl<'s> Lister<'s> {
    /// Finds out at which revision everything is to be read: that of the first list that may be
    /// read at all.
    pub(super) async fn new(session: &'s Session, chunk: u32) -> Self {
        let mut lister = Self {
            session,
            chunk,
            moment: None,
        };
        let here = Some(session.namespace.as_str());
        let places = [
            (CLUSTER_ROLES, None),
            (CLUSTER_ROLE_BINDINGS, None),
            (ROLE_BINDINGS, None),
            (ROLE_BINDINGS, here),
            (ROLES, here),
        ];
        for (resource, namespace) in places {
            let path = format!("{}?limit=1", resource.path(namespace));
            match get::<Page<IgnoredAny>>(session, &path, METADATA).await {
                Ok(page) => {
                    lister.moment = page.metadata.resource_version.filter(|one| !one.is_empty());
                    break;
                }
                Err(error) if is_forbidden(&error) => {}
                Err(_) => break,
            }
        }
        lister
    }

    /// Lists everywhere; where that is forbidden, in the namespace of this run.
    pub(super) async fn list<T: DeserializeOwned>(&self, resource: Resource) -> Listed<T> {
        let all = self.pages(resource, None).await;
        let forbidden = all.error.as_ref().is_some_and(is_forbidden);
        if !(resource.namespaced && forbidden) {
            return all;
        }
        let inside = self.pages(resource, Some(&self.session.namespace)).await;
        match &inside.error {
            Some(error) if is_forbidden(error) => return all,
            // What was read is still an answer, and that it broke off says more than the refusal.
            Some(_) => return inside,
            None => {}
        }
        Listed {
            error: all.error,
            only: Some(self.session.namespace.clone()),
            ..inside
        }
    }

    /// Lists page by page. What was read before an error is returned with it.
    async fn pages<T: DeserializeOwned>(
        &self,
        resource: Resource,
        namespace: Option<&str>,
    ) -> Listed<T> {
        let base = format!("{}?limit={}", resource.path(namespace), self.chunk);
        let mut pinned = self.moment.as_deref();
        let mut restarts = 0;
        let mut next: Option<String> = None;
        let mut listed = Listed {
            items: Vec::new(),
            moment: None,
            error: None,
            only: None,
        };
        loop {
            let path = match (&next, pinned) {
                (Some(token), _) => format!("{base}&continue={}", escaped(token)),
                (None, Some(moment)) => {
                    let moment = escaped(moment);
                    format!("{base}&resourceVersion={moment}&resourceVersionMatch=Exact")
                }
                (None, None) => base.clone(),
            };
            match get::<Page<T>>(self.session, &path, resource.accept).await {
                Ok(page) => {
                    listed.items.extend(page.items);
                    listed.moment = listed.moment.or(page.metadata.resource_version);
                    match page.metadata.next.filter(|token| !token.is_empty()) {
                        Some(token) => next = Some(token),
                        None => return listed,
                    }
                }
                // That moment is gone, or this list is kept where revisions mean something else.
                Err(error) if pinned.is_some() && next.is_none() && is_refused(&error) => {
                    pinned = None;
                }
                // The server forgot the list: what was read is of another time, so all again.
                Err(error)
                    if code(&error) == Some(410) && next.is_some() && restarts < RESTARTS =>
                {
                    restarts += 1;
                    (next, pinned) = (None, None);
                    listed.items.clear();
                    listed.moment = None;
                }
                Err(error) => {
                    listed.error = Some(error);
                    return listed;
                }
            }
        }
    }
}

/// Gets a document.
pub(super) async fn get<T: DeserializeOwned>(
    session: &Session,
    path: &str,
    accept: &str,
) -> Result<T, kube::Error> {
    let request = http::Request::get(path)
        .header(ACCEPT, accept)
        .body(Vec::new())
        .map_err(kube::Error::HttpError)?;
    session.client.request(request).await
}

/// A continue token is base64 for URLs in practice, and opaque by contract.
fn escaped(token: &str) -> String {
    let mut text = String::with_capacity(token.len());
    for byte in token.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// Returns the code of the server's answer.
fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

fn is_forbidden(error: &kube::Error) -> bool {
    code(error) == Some(403)
}

/// Says whether a server refuses to read at a certain revision: it is too old (410), it is to come
/// (504), or the server does not know the question (400, 422).
fn is_refused(error: &kube::Error) -> bool {
    matches!(code(error), Some(400 | 410 | 422 | 504))
}
