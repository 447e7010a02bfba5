//! Namespaces and their labels.

use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::Result;
use groundcrew::write::is_forbidden;
use psp_advise::model::pod::Meta;
use psp_advise::model::report::Builder;
use serde::Deserialize;

use crate::cluster::requests::{List, PAGE, encode, get};

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
        let mut next = String::new();
        loop {
            let uri = format!("/api/v1/namespaces?limit={PAGE}&continue={}", encode(&next));
            let doing = Doing::new("list", "namespaces");
            let list: List<NamespaceItem> = get(session, &uri).await.map_err(|error| {
                let forbidden = is_forbidden(&error);
                let error = explain(error, &doing);
                if forbidden {
                    error.with_hint("one namespace is enough:  kubectl psp-advise -n NAME")
                } else {
                    error
                }
            })?;
            for item in list.items {
                builder.namespace(&item.metadata.name, Some(&item.metadata.labels));
            }
            next = list.metadata.next;
            if next.is_empty() {
                return Ok(());
            }
        }
    }
    for name in names {
        let uri = format!("/api/v1/namespaces/{}", encode(name));
        match get::<NamespaceItem>(session, &uri).await {
            Ok(item) => builder.namespace(name, Some(&item.metadata.labels)),
            Err(kube::Error::Api(status)) if status.code == 403 => {
                builder.namespace(name, None);
                builder.missing(
                    &format!("labels of namespace/{name}"),
                    None,
                    status.message.clone(),
                );
            }
            Err(error) => {
                return Err(explain(error, &Doing::new("get", "namespaces").named(name)));
            }
        }
    }
    Ok(())
}
