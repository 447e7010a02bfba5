//! Reads lists; what may not be read is noted.

use groundcrew::client::Session;
use groundcrew::error::Result;
use psp_advise::model::report::Builder;
use serde::de::DeserializeOwned;

use crate::cluster::requests::{each, encode, refused};

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
        let taken = each(self.session, &path, self.selector, |item| {
            take(item, builder);
        })
        .await;
        match taken {
            Ok(()) => Ok(()),
            Err(error) => self.unseen(error, resource.full, namespace, builder),
        }
    }

    /// Notes what may not be read, so that nothing is claimed of its namespace.
    pub(super) fn unseen(
        &self,
        error: kube::Error,
        resource: &str,
        namespace: Option<&str>,
        builder: &mut Builder<'_>,
    ) -> Result<()> {
        let namespace = namespace.unwrap_or_default();
        match error {
            kube::Error::Api(status) if matches!(status.code, 403 | 404 | 410) => {
                builder.unseen(resource, status.message.clone());
                builder.open(namespace);
                Ok(())
            }
            error => Err(refused(error, "list", resource.to_owned(), "", namespace)),
        }
    }
}
