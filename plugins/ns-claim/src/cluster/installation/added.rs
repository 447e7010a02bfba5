//! What the cluster itself adds to a namespace on its way: mutating policies and webhooks.

use std::collections::BTreeMap;

use groundcrew::client::Session;
use groundcrew::error::Result;
use groundcrew::flags::DryRun;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;

use crate::cluster::records::writer;
use crate::model::installation::guard::namespaces::is_acted_upon;
use crate::model::objects::{self, Terms};
use crate::model::settings::Settings;

/// Label that says what pods may do.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// What came back different from what was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// Labels and annotations that were not sent, in order.
    pub keys: Vec<String>,
    /// The pod security that a claim would have, when it is less than a claim has.
    pub pod_security: Option<String>,
}

impl Added {
    /// Returns the keys that claimers may write only because the cluster adds them.
    #[must_use]
    pub fn acted_upon(&self) -> Vec<String> {
        let keys = self.keys.iter().filter(|key| is_acted_upon(key));
        keys.cloned().collect()
    }
}

/// Has the server try to make the namespace of a claim.
///
/// # Errors
///
/// What the server says; that a policy refuses the namespace.
pub async fn look(session: &Session, settings: &Settings, now: Timestamp) -> Result<Added> {
    let prefix = settings.name_prefix.as_deref().unwrap_or_default();
    let sent = objects::namespace(&Terms {
        name: format!("{prefix}probe-of-the-cluster"),
        owner: "probe".to_owned(),
        team: None,
        purpose: None,
        contact: None,
        expires: now,
        warned: None,
    });
    let namespaces = session.of::<Namespace>();
    let made = namespaces
        .create(&writer(DryRun::Server), &sent, |_| true)
        .await?;
    Ok(compare(&sent, &made))
}

fn compare(sent: &Namespace, made: &Namespace) -> Added {
    let of = |namespace: &'_ Namespace| {
        let metadata = &namespace.metadata;
        [metadata.labels.clone(), metadata.annotations.clone()].map(Option::unwrap_or_default)
    };
    let ([labels, notes], [made_labels, made_notes]) = (of(sent), of(made));
    let new = |sent: &BTreeMap<String, String>, made: &BTreeMap<String, String>| {
        let keys = made.keys().filter(|key| !sent.contains_key(*key));
        let others = keys.filter(|key| *key != "kubernetes.io/metadata.name");
        others.cloned().collect::<Vec<_>>()
    };
    let level = made_labels.get(ENFORCE);
    Added {
        keys: [new(&labels, &made_labels), new(&notes, &made_notes)].concat(),
        pod_security: level
            .filter(|level| !["baseline", "restricted"].contains(&level.as_str()))
            .cloned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_came_back_and_was_not_sent_was_added() {
        let namespace = |labels: serde_json::Value, notes: serde_json::Value| -> Namespace {
            serde_json::from_value(json!({"metadata": {"labels": labels, "annotations": notes}}))
                .unwrap()
        };
        let sent = namespace(json!({"a": "b"}), json!({}));
        let made = namespace(
            json!({"a": "b", "cost-centre": "7", "kubernetes.io/metadata.name": "x", ENFORCE: "privileged"}),
            json!({"openshift.io/sa.scc.mcs": "s0"}),
        );
        let added = compare(&sent, &made);
        assert_eq!(
            added.keys,
            ["cost-centre", ENFORCE, "openshift.io/sa.scc.mcs"]
        );
        assert_eq!(added.acted_upon(), [ENFORCE, "openshift.io/sa.scc.mcs"]);
        assert_eq!(added.pod_security.as_deref(), Some("privileged"));
    }
}
