//! Where volumes come from.

use crate::model::standards::finding::{Faults, Found, Looking};
use crate::model::text::{Names, join_quote, plural};

/// `check_hostPathVolumes.go`.
pub(in crate::model::standards) fn host_path(looking: &Looking<'_>) -> Option<Found> {
    let mut faults = Faults::default();
    let mut bad = Vec::new();
    for (index, volume) in looking.pod.spec.volumes.iter().enumerate() {
        if volume.sources.contains(&"hostPath") {
            faults.pod(format!("spec.volumes[{index}].hostPath"), None, "unset");
            bad.push(volume.name.as_str());
        }
    }
    (!bad.is_empty()).then(|| Found {
        reason: "hostPath volumes".to_owned(),
        detail: format!(
            "{} {}",
            plural(bad.len(), "volume", "volumes"),
            join_quote(&bad)
        ),
        faults: faults.0,
    })
}

/// Sorts of volumes that the restricted level allows; `image` too since server 1.33.
pub(crate) const RESTRICTED_VOLUMES: [&str; 8] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// `check_restrictedVolumes.go`.
pub(in crate::model::standards) fn restricted(looking: &Looking<'_>) -> Option<Found> {
    const ALLOWED: &str = "configMap, csi, downwardAPI, emptyDir, ephemeral, image, \
                           persistentVolumeClaim, projected or secret";
    let mut faults = Faults::default();
    let (mut bad, mut kinds) = (Vec::new(), Names::new());
    for (index, volume) in looking.pod.spec.volumes.iter().enumerate() {
        let source = volume.source();
        let kind = match source {
            Some(source) if RESTRICTED_VOLUMES.contains(&source) => continue,
            // Servers that knew image volumes as alpha did not know them here.
            Some("image") if looking.server.minor() >= 33 => continue,
            Some("image") | None => "unknown",
            Some(kind) => kind,
        };
        let path = match source {
            Some(source) => format!("spec.volumes[{index}].{source}"),
            None => format!("spec.volumes[{index}]"),
        };
        faults.pod(path, source.map(str::to_owned), ALLOWED);
        bad.push(volume.name.as_str());
        kinds.insert(kind);
    }
    (!bad.is_empty()).then(|| Found {
        reason: "restricted volume types".to_owned(),
        detail: format!(
            "{} {} {} {} {}",
            plural(bad.len(), "volume", "volumes"),
            join_quote(&bad),
            plural(bad.len(), "uses", "use"),
            plural(
                kinds.len(),
                "restricted volume type",
                "restricted volume types"
            ),
            join_quote(&kinds)
        ),
        faults: faults.0,
    })
}
