//! Reads lists; what may not be read is noted.

use groundcrew::client::Session;
use groundcrew::error::Result;
use psp_advise::model::report::Builder;
use serde::de::DeserializeOwned;

use crate::cluster::requests::{each, encode, refused};
use crate::cluster::resources::Resource;

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
        let path = resource.path(namespace.map(encode).as_deref());
        let taken = each(self.session, &path, self.selector, |item| {
            take(item, builder);
        })
        .await;
        match taken {
            Ok(()) => Ok(()),
            Err(error) => self.unseen(error, &resource.full(), namespace, builder),
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
