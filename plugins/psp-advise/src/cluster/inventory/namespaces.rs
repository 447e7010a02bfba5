//! Namespaces and their labels.

use groundcrew::client::Session;
use groundcrew::error::Result;
use psp_advise::model::pod::Meta;
use psp_advise::model::report::Builder;
use serde::Deserialize;

use crate::cluster::requests::{each, encode, get, refused};

#[derive(Deserialize)]
struct NamespaceItem {
    metadata: Meta,
}

/// Notes all namespaces, or the named ones.
pub(super) async fn read(
    session: &Session,
    names: &[String],
    builder: &mut Builder<'_>,
) -> Result<()> {
    if names.is_empty() {
        let all = each(session, "/api/v1/namespaces", "", |item: NamespaceItem| {
            builder.namespace(&item.metadata.name, Some(&item.metadata.labels));
        })
        .await;
        return all.map_err(|error| {
            let error = refused(error, "list", "namespaces", "", "");
            if error.is_forbidden() {
                error.with_hint("one namespace is enough:  kubectl psp-advise -n NAME")
            } else {
                error
            }
        });
    }
    for name in names {
        let uri = format!("/api/v1/namespaces/{}", encode(name));
        match get::<NamespaceItem>(session, &uri).await {
            Ok(item) => builder.namespace(name, Some(&item.metadata.labels)),
            Err(kube::Error::Api(status)) if status.code == 403 => {
                builder.namespace(name, None);
                builder.unseen(
                    format!("labels of namespace/{name}"),
                    status.message.clone(),
                );
            }
            Err(error) => return Err(refused(error, "get", "namespaces", name, "")),
        }
    }
    Ok(())
}
