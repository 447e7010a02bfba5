//! Plain requests: pods are read into types of this plugin, which keep only what matters, and
//! policies and objects of any kind as they are.

use std::borrow::Cow;

use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Objects per page.
const PAGE: usize = 500;

/// A page of a list.
#[derive(Debug, Deserialize)]
struct List<T> {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

#[derive(Debug, Default, Deserialize)]
struct ListMeta {
    /// Where the next page begins; empty on the last one.
    #[serde(default, rename = "continue")]
    next: String,
}

/// Sends a GET.
///
/// # Errors
///
/// What the client says.
pub async fn get<T: DeserializeOwned>(session: &Session, uri: &str) -> Result<T, kube::Error> {
    let request = http::Request::get(uri)
        .body(Vec::new())
        .map_err(kube::Error::HttpError)?;
    session.client.request(request).await
}

/// Hands over all objects of a resource, page by page.
///
/// # Errors
///
/// What the client says; the pages before were handed over.
pub async fn each<T: DeserializeOwned>(
    session: &Session,
    path: &str,
    selector: &str,
    mut take: impl FnMut(T),
) -> Result<(), kube::Error> {
    let selector = encode(selector);
    let mut next = String::new();
    loop {
        let uri = format!("{path}?limit={PAGE}&labelSelector={selector}&continue={next}");
        let list: List<T> = get(session, &uri).await?;
        list.items.into_iter().for_each(&mut take);
        if list.metadata.next.is_empty() {
            return Ok(());
        }
        next = encode(&list.metadata.next);
    }
}

/// Lists all objects of a resource.
///
/// # Errors
///
/// What the server says, in kubectl's words.
pub async fn all<T: DeserializeOwned>(
    session: &Session,
    path: &str,
    resource: impl Into<Cow<'static, str>>,
) -> Result<Vec<T>> {
    let mut items = Vec::new();
    match each(session, path, "", |item| items.push(item)).await {
        Ok(()) => Ok(items),
        Err(error) => Err(refused(error, "list", resource, "", "")),
    }
}

/// Explains the error of a request, in kubectl's words; an empty name is all objects, an empty
/// namespace is the whole cluster.
#[must_use]
pub fn refused(
    error: kube::Error,
    verb: &'static str,
    resource: impl Into<Cow<'static, str>>,
    name: &str,
    namespace: &str,
) -> Error {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let doing = Doing {
        name: some(name),
        namespace: some(namespace),
        ..Doing::new(verb, resource)
    };
    explain(error, &doing)
}

/// Writes text so that it can stand in a query or a path.
#[must_use]
pub fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}
