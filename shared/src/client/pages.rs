//! Lists of any length.

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, ListParams, ObjectList};
use serde::de::DeserializeOwned;

use super::errors::status;

/// Objects of one answer: what kubectl asks for.
const PAGE: u32 = 500;

/// How often a list whose continuation has expired is begun again.
const RESTARTS: usize = 3;

/// Pages without objects that may follow each other; filters on the way empty some.
const IDLE: usize = 100;

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
    fold(api, params, Vec::push).await
}

/// Goes through everything as [`all`] does, and keeps only what `add` makes of each object: no
/// more than one page of them is in memory. When the list is begun again, so is what was made.
///
/// # Errors
///
/// As [`all`].
pub async fn fold<K, S>(
    api: &Api<K>,
    params: &ListParams,
    add: impl FnMut(&mut S, K),
) -> Result<S, kube::Error>
where
    K: Clone + Debug + DeserializeOwned,
    S: Default,
{
    walk(params, async |page| api.list(page).await, add).await
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
    let fetch = async |page: &ListParams| api.list_metadata(page).await;
    walk(params, fetch, |all: &mut Vec<_>, item| {
        all.push(item.metadata);
    })
    .await
}

/// Goes through everything as [`fold`] does, by whatever fetches a page: for objects of which only
/// a part is parsed. A limit in `params` is the size of a page.
///
/// # Errors
///
/// As [`all`].
pub async fn walk<T: Clone, S: Default>(
    params: &ListParams,
    fetch: impl AsyncFn(&ListParams) -> Result<ObjectList<T>, kube::Error>,
    mut add: impl FnMut(&mut S, T),
) -> Result<S, kube::Error> {
    let first = params.clone().limit(params.limit.unwrap_or(PAGE));
    let (mut restarts, mut idle) = (0, 0);
    let mut token_before = String::new();
    let (mut made, mut next) = (S::default(), first.clone());
    loop {
        match fetch(&next).await {
            Ok(page) => {
                idle = if page.items.is_empty() { idle + 1 } else { 0 };
                for item in page.items {
                    add(&mut made, item);
                }
                match page.metadata.continue_.filter(|token| !token.is_empty()) {
                    // A server that has nothing more to say and does not end is not waited for.
                    Some(token) if token == token_before || idle > IDLE => {
                        return Err(kube::Error::Service(
                            "the server does not come to an end of this list".into(),
                        ));
                    }
                    Some(token) => {
                        next = first.clone().continue_token(&token);
                        token_before = token;
                    }
                    None => return Ok(made),
                }
            }
            Err(error) if is_expired(&error) && restarts < RESTARTS => {
                restarts += 1;
                token_before.clear();
                made = S::default();
                next = first.clone();
            }
            Err(error) => return Err(error),
        }
    }
}

fn is_expired(error: &kube::Error) -> bool {
    status(error).is_some_and(|status| status.code == 410)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
    use kube::core::{Status, TypeMeta};

    use super::*;

    /// Answers with these pages, one after the other; `None` is an expired continuation.
    async fn walked(pages: &[Option<(&[u32], &str)>]) -> (Result<Vec<u32>, kube::Error>, usize) {
        let left = RefCell::new(pages.iter());
        let asked = RefCell::new(0);
        let fetch = async |_: &ListParams| {
            *asked.borrow_mut() += 1;
            match left.borrow_mut().next().copied().flatten() {
                Some((items, token)) => Ok(ObjectList {
                    types: TypeMeta::default(),
                    metadata: ListMeta {
                        continue_: Some(token.to_owned()),
                        ..ListMeta::default()
                    },
                    items: items.to_vec(),
                }),
                None => Err(kube::Error::Api(
                    Status::failure("expired", "Expired").with_code(410).boxed(),
                )),
            }
        };
        let result = walk(&ListParams::default(), fetch, Vec::push).await;
        let asked = *asked.borrow();
        (result, asked)
    }

    #[tokio::test]
    async fn a_list_is_whole_however_many_pages_it_has() {
        let (found, _) = walked(&[Some((&[1, 2], "more")), Some((&[3], ""))]).await;
        assert_eq!(found.unwrap(), [1, 2, 3]);
    }

    #[tokio::test]
    async fn what_was_made_of_half_a_list_is_forgotten_when_it_is_begun_again() {
        let pages = [
            Some((&[1, 2][..], "more")),
            None,
            Some((&[2, 3][..], "more")),
            Some((&[4][..], "")),
        ];
        assert_eq!(walked(&pages).await.0.unwrap(), [2, 3, 4]);
    }

    #[tokio::test]
    async fn a_page_is_as_large_as_was_asked_for() {
        for (params, wanted) in [
            (ListParams::default(), PAGE),
            (ListParams::default().limit(7), 7),
        ] {
            let fetch = async |page: &ListParams| {
                assert_eq!(page.limit, Some(wanted));
                Ok(ObjectList {
                    types: TypeMeta::default(),
                    metadata: ListMeta::default(),
                    items: vec![1_u32],
                })
            };
            assert_eq!(walk(&params, fetch, Vec::push).await.unwrap(), [1]);
        }
    }

    #[tokio::test]
    async fn a_list_that_expires_again_and_again_is_an_error() {
        let (found, asked) = walked(&[]).await;
        assert!(found.is_err());
        assert_eq!(asked, 1 + RESTARTS);
    }
}
