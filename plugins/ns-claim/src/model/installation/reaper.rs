//! The reaper's CronJob.

use groundcrew::tenancy::SYSTEM_NAMESPACE;
use serde_json::{Value, json};

use crate::model::meta;
use crate::model::settings::Settings;

/// Returns the CronJob; `None` without an image.
#[must_use]
pub fn cron_job(settings: &Settings) -> Option<Value> {
    let image = settings.image.as_ref()?;
    let labels =
        json!({meta::MANAGED_BY.0: meta::MANAGED_BY.1, "app.kubernetes.io/name": meta::REAPER});
    Some(json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": meta::REAPER, "namespace": SYSTEM_NAMESPACE, "labels": labels},
        "spec": {
            "schedule": settings.schedule,
            // Two reapers would be safe and pointless.
            "concurrencyPolicy": "Forbid",
            // More than 100 missed starts within this time would stop it permanently.
            "startingDeadlineSeconds": 300,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {"spec": {
                "backoffLimit": 0,
                "activeDeadlineSeconds": 600,
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "serviceAccountName": meta::REAPER,
                        "restartPolicy": "Never",
                        "securityContext": {
                            "runAsNonRoot": true,
                            "runAsUser": 65532,
                            "runAsGroup": 65532,
                            "seccompProfile": {"type": "RuntimeDefault"},
                        },
                        "containers": [{
                            "name": "reap",
                            "image": image,
                            "args": ["reap", "--yes"],
                            "resources": {
                                "requests": {"cpu": "10m", "memory": "32Mi"},
                                "limits": {"cpu": "500m", "memory": "128Mi"},
                            },
                            "securityContext": {
                                "allowPrivilegeEscalation": false,
                                "readOnlyRootFilesystem": true,
                                "capabilities": {"drop": ["ALL"]},
                            },
                        }],
                    },
                },
            }},
        },
    }))
}
