//! Reading the cluster: plain requests, so that only what matters is kept of an answer.

use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::Result;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Objects per page.
pub const PAGE: usize = 500;

/// A page of a list.
#[derive(Debug, Deserialize)]
pub struct List<T> {
    /// Where the next page begins.
    #[serde(default)]
    pub metadata: ListMeta,
    /// The objects.
    #[serde(default = "Vec::new")]
    pub items: Vec<T>,
}

/// Metadata of a list.
#[derive(Debug, Default, Deserialize)]
pub struct ListMeta {
    /// Where the next page begins; empty on the last one.
    #[serde(default, rename = "continue")]
    pub next: String,
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

/// Lists all objects of a resource, page by page.
///
/// # Errors
///
/// What the server says, in kubectl's words.
pub async fn all<T: DeserializeOwned>(
    session: &Session,
    path: &str,
    resource: &'static str,
) -> Result<Vec<T>> {
    let (mut items, mut next) = (Vec::new(), String::new());
    loop {
        let uri = format!("{path}?limit={PAGE}&continue={}", encode(&next));
        let list: List<T> = get(session, &uri)
            .await
            .map_err(|error| explain(error, &Doing::new("list", resource)))?;
        items.extend(list.items);
        next = list.metadata.next;
        if next.is_empty() {
            return Ok(items);
        }
    }
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
