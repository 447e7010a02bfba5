//! Lists of any length.

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, ListParams, ObjectList};
use serde::de::DeserializeOwned;

use crate::write::status;

/// Objects of one answer: what kubectl asks for.
const PAGE: u32 = 500;

/// How often a list whose continuation has expired is begun again.
const RESTARTS: usize = 3;

/// Lists everything, page by page. When the server has forgotten where the list was (410, after
/// about five minutes), it is begun again: half of one list and half of another is no list.
///
/// # Errors
///
/// What the server says; a list is whole or an error.
pub async fn all<K>(api: &Api<K>, params: &ListParams) -> Result<Vec<K>, kube::Error>
where
    K: Clone + Debug + DeserializeOwned,
{
    walk(params, async |page| api.list(page).await).await
}

/// Lists the metadata of everything, as [`all`] does: for Secrets nothing else may be read, for
/// others it is less.
///
/// # Errors
///
/// As [`all`].
pub async fn metadata<K>(api: &Api<K>, params: &ListParams) -> Result<Vec<ObjectMeta>, kube::Error>
where
    K: Clone + Debug + DeserializeOwned,
{
    let found = walk(params, async |page| api.list_metadata(page).await).await?;
    Ok(found.into_iter().map(|item| item.metadata).collect())
}

async fn walk<T: Clone>(
    params: &ListParams,
    fetch: impl AsyncFn(&ListParams) -> Result<ObjectList<T>, kube::Error>,
) -> Result<Vec<T>, kube::Error> {
    let first = params.clone().limit(PAGE);
    let mut restarts = 0;
    let (mut items, mut next) = (Vec::new(), first.clone());
    loop {
        match fetch(&next).await {
            Ok(page) => {
                items.extend(page.items);
                match page.metadata.continue_.filter(|token| !token.is_empty()) {
                    Some(token) => next = first.clone().continue_token(&token),
                    None => return Ok(items),
                }
            }
            Err(error) if is_expired(&error) && restarts < RESTARTS => {
                restarts += 1;
                items.clear();
                next = first.clone();
            }
            Err(error) => return Err(error),
        }
    }
}

fn is_expired(error: &kube::Error) -> bool {
    status(error).is_some_and(|status| status.code == 410)
}
