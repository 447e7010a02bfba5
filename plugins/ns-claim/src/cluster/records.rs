//! The suite's records: the ConfigMaps in its own namespace, and how this plugin writes.

use groundcrew::client::Session;
use groundcrew::cluster::Objects;
use groundcrew::flags::DryRun;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::write::Writer;
use k8s_openapi::api::core::v1::ConfigMap;

use crate::model::meta;

/// Returns the ConfigMaps with the records.
#[must_use]
pub fn records(session: &Session) -> Objects<ConfigMap> {
    session.in_(SYSTEM_NAMESPACE).of()
}

/// Returns how this plugin writes.
#[must_use]
pub fn writer(dry_run: DryRun) -> Writer {
    Writer {
        field_manager: meta::FIELD_MANAGER.to_owned(),
        dry_run: dry_run == DryRun::Server,
        force_conflicts: false,
    }
}
