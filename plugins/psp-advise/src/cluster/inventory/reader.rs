//! Lists, page by page.

use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::Result;
use psp_advise::model::report::Builder;
use serde::de::DeserializeOwned;

use crate::cluster::requests::{List, PAGE, encode, get};

/// A resource whose objects hold pods.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resource {
    pub(super) api: &'static str,
    pub(super) api_version: &'static str,
    pub(super) plural: &'static str,
    pub(super) kind: &'static str,
    /// The resource as errors name it.
    pub(super) full: &'static str,
}

/// Lists one resource.
pub(super) struct Reader<'a> {
    pub(super) session: &'a Session,
    pub(super) selector: &'a str,
}

impl Reader<'_> {
    /// Hands every object to `take`; what may not be read is noted.
    pub(super) async fn each<T: DeserializeOwned>(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        builder: &mut Builder<'_>,
        mut take: impl FnMut(T, &mut Builder<'_>),
    ) -> Result<()> {
        let path = match namespace {
            Some(namespace) => format!(
                "{}/namespaces/{}/{}",
                resource.api,
                encode(namespace),
                resource.plural
            ),
            None => format!("{}/{}", resource.api, resource.plural),
        };
        let mut next = String::new();
        loop {
            let uri = format!(
                "{path}?limit={PAGE}&labelSelector={}&continue={}",
                encode(self.selector),
                encode(&next)
            );
            match get::<List<T>>(self.session, &uri).await {
                Ok(list) => {
                    for item in list.items {
                        take(item, builder);
                    }
                    next = list.metadata.next;
                }
                Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404 | 410) => {
                    builder.missing(resource.full, None, status.message.clone());
                    builder.unseen(namespace.unwrap_or_default());
                    return Ok(());
                }
                Err(error) => {
                    let mut doing = Doing::new("list", resource.full);
                    doing.namespace = namespace.map(str::to_owned);
                    return Err(explain(error, &doing));
                }
            }
            if next.is_empty() {
                return Ok(());
            }
        }
    }
}
