//! Writing a record: at the version that was read, or not at all.

use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Result};
use groundcrew::tenancy;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::write::{Writer, is_conflict, is_not_found};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::Api;

use crate::model::found::FoundRecord;
use crate::model::record::Record;
use crate::model::user::UserName;
use crate::model::{labels, record};

/// Reads the user's record.
///
/// # Errors
///
/// What the server says; conflict when it is somebody else's.
pub async fn record_of(session: &Session, user: &UserName) -> Result<Option<FoundRecord>> {
    let api = Api::<ConfigMap>::namespaced(session.client.clone(), SYSTEM_NAMESPACE);
    let name = record::name(user);
    let found = api.get_opt(&name).await.map_err(|error| {
        explain(
            error,
            &Doing::new("get", "configmaps")
                .named(&name)
                .within(SYSTEM_NAMESPACE),
        )
    })?;
    let Some(map) = found else { return Ok(None) };
    let record = Record::from_config_map(&map)?;
    if record.user != user.as_str() {
        return Err(Error::conflict(format!(
            "configmap {SYSTEM_NAMESPACE}/{name} is the record of {:?}, not of {user}",
            record.user
        )));
    }
    Ok(Some(FoundRecord {
        record,
        metadata: map.metadata,
    }))
}

/// Writes a record in the place of the one that was read, or as a first one.
///
/// # Errors
///
/// Conflict, when another run wrote it in between; what the server says.
pub async fn write(
    session: &Session,
    writer: &Writer,
    user: &UserName,
    record: &Record,
    read: Option<&ObjectMeta>,
) -> Result<ObjectMeta> {
    let mut map = record.to_config_map(user)?;
    let data = map.data.clone();
    let is_ours = |kept: &ConfigMap| kept.data == data;
    let api = Api::<ConfigMap>::namespaced(session.client.clone(), SYSTEM_NAMESPACE);
    let name = record::name(user);
    let doing = |verb| {
        Doing::new(verb, "configmaps")
            .named(&name)
            .within(SYSTEM_NAMESPACE)
    };
    let written = if let Some(read) = read {
        map.metadata.resource_version = read.resource_version.clone();
        map.metadata.uid = read.uid.clone();
        let replaced = writer.replace(&api, &map, is_ours).await;
        replaced.map_err(|error| raced(error, &doing("update"), user))?
    } else {
        let mut made = writer.create(&api, &map, is_ours).await;
        if made.as_ref().is_err_and(is_not_found) {
            system_namespace(session, writer).await?;
            made = writer.create(&api, &map, is_ours).await;
        }
        made.map_err(|error| raced(error, &doing("create"), user))?
    };
    Ok(written.metadata)
}

/// Makes the namespace of records if it is not there yet.
///
/// # Errors
///
/// What the server says.
pub async fn system_namespace(session: &Session, writer: &Writer) -> Result<()> {
    let object = tenancy::system_namespace(labels::MANAGED_BY);
    let api = Api::<Namespace>::all(session.client.clone());
    match writer.create(&api, &object, |_| true).await {
        Ok(_) => Ok(()),
        Err(error) if is_conflict(&error) => Ok(()),
        Err(error) => {
            let doing = Doing::new("create", "namespaces").named(SYSTEM_NAMESPACE);
            Err(explain(error, &doing))
        }
    }
}

/// Explains a refusal that means that another run was faster: what this one wrote was changed,
/// or taken for the remains of a dead run and removed.
#[must_use]
pub fn raced(error: kube::Error, doing: &Doing, user: &UserName) -> Error {
    if !is_conflict(&error) && !is_not_found(&error) {
        return explain(error, doing);
    }
    overtaken(user).with_source(explain(error, doing))
}

/// Says that another run was faster.
#[must_use]
pub fn overtaken(user: &UserName) -> Error {
    Error::conflict(format!(
        "someone else changed {user}'s access in the meantime"
    ))
    .with_hint("review the change, then run this again")
}
