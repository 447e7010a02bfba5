//! Writing a record: at the version that was read, or not at all.

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::tenancy;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::write::Writer;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

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
    let name = record::name(user);
    let records = session.in_(SYSTEM_NAMESPACE).of::<ConfigMap>();
    let found = records.find(&name).await?;
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
    let records = session.in_(SYSTEM_NAMESPACE).of::<ConfigMap>();
    let written = if let Some(read) = read {
        map.metadata.resource_version = read.resource_version.clone();
        map.metadata.uid = read.uid.clone();
        records.replace(writer, &map, is_ours).await
    } else {
        let made = records.create(writer, &map, is_ours).await;
        if made.as_ref().is_err_and(Error::is_not_found) {
            system_namespace(session, writer).await?;
            records.create(writer, &map, is_ours).await
        } else {
            made
        }
    };
    let written = written.map_err(|error| raced(error, user))?;
    Ok(written.metadata)
}

/// Makes the namespace of records if it is not there yet.
///
/// # Errors
///
/// What the server says.
pub async fn system_namespace(session: &Session, writer: &Writer) -> Result<()> {
    let object = tenancy::system_namespace(labels::MANAGED_BY);
    let namespaces = session.of::<Namespace>();
    match namespaces.create(writer, &object, |_| true).await {
        Err(error) if !error.is_conflict() => Err(error),
        _ => Ok(()),
    }
}

/// Explains a refusal that means that another run was faster: what this one wrote was changed,
/// or taken for the remains of a dead run and removed.
#[must_use]
pub fn raced(error: Error, user: &UserName) -> Error {
    if error.is_conflict() || error.is_not_found() {
        overtaken(user).with_source(error)
    } else {
        error
    }
}

/// Says that another run was faster.
#[must_use]
pub fn overtaken(user: &UserName) -> Error {
    Error::conflict(format!(
        "someone else changed {user}'s access in the meantime"
    ))
    .with_hint("review the change, then run this again")
}
