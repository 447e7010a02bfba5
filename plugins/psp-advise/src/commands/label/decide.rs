//! Which labels change.

use std::collections::BTreeMap;

use clap::ValueEnum;
use groundcrew::finding::Unseen;
use k8s_openapi::api::core::v1::Namespace as Object;
use psp_advise::model::level::{Level, Server, Version};
use psp_advise::model::standards::Mode;
use serde::Serialize;

use super::observe::Observed;

/// Namespaces of the control plane, which are labeled only when they are named.
const CONTROL_PLANE: [&str; 3] = ["kube-node-lease", "kube-public", "kube-system"];
/// Plugins of this suite that set these labels and set them again.
const KEEPERS: [&str; 2] = ["kubectl-onboard", "kubectl-ns-claim"];

/// `--strategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Strategy {
    /// The audit log records what would be refused.
    Observe,
    /// Clients are warned too.
    Warn,
    /// What passes today is enforced.
    Enforce,
}

/// What is to be labeled.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The server whose version is pinned.
    pub server_version: Server,
    /// Whether everything could be evaluated.
    pub complete: bool,
    /// What could not be evaluated.
    pub unseen: Vec<Unseen>,
    /// One entry per namespace.
    pub namespaces: Vec<Planned>,
}

/// A namespace and its labels.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// Name.
    pub name: String,
    /// The strictest level that it meets today.
    pub today: Option<Level>,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Labels that change, with the value before.
    pub labels: BTreeMap<String, Change>,
    /// Why it is left alone, or what to know.
    pub note: Option<String>,
    #[serde(skip)]
    pub object: Object,
}

/// What becomes of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Its labels change.
    Labeled,
    /// Its labels are as they should be.
    Unchanged,
    /// It is left alone; the note says why.
    Left,
}

/// A label that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The value before; `None` when it was not there.
    pub from: Option<String>,
    /// The value after.
    pub to: String,
}

impl Plan {
    /// Returns how many labels change.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.namespaces
            .iter()
            .map(|namespace| namespace.labels.len())
            .sum()
    }

    /// Returns the namespaces that are not left alone, in the order in which they are labeled.
    pub fn steps(&self) -> impl Iterator<Item = &Planned> {
        let namespaces = self.namespaces.iter();
        namespaces.filter(|namespace| namespace.outcome != Outcome::Left)
    }
}

/// Plans; `all` when no namespace was named.
#[must_use]
pub fn plan(observed: &Observed, strategy: Strategy, tighten_only: bool, all: bool) -> Plan {
    let report = &observed.report;
    let version = Version::Minor(report.server_version.minor());
    let namespaces = report
        .namespaces
        .iter()
        .zip(&observed.objects)
        .map(|(namespace, object)| {
            let mut planned = Planned {
                name: namespace.name.clone(),
                today: namespace.today,
                outcome: Outcome::Left,
                labels: BTreeMap::new(),
                note: None,
                object: object.clone(),
            };
            if all && CONTROL_PLANE.contains(&namespace.name.as_str()) {
                planned.note = Some("control plane: name it to label it".to_owned());
            } else if let Some(keeper) = keeper(object) {
                planned.note = Some(format!("{keeper} keeps its labels"));
            } else if let Some(today) = namespace.today {
                wanted(&mut planned, today, strategy, version, tighten_only);
                planned.outcome = if planned.labels.is_empty() {
                    Outcome::Unchanged
                } else {
                    Outcome::Labeled
                };
            } else {
                planned.note = Some("not everything in it could be read".to_owned());
            }
            planned
        })
        .collect();
    Plan {
        server_version: report.server_version,
        complete: report.complete,
        unseen: report.unseen.clone(),
        namespaces,
    }
}

fn wanted(
    planned: &mut Planned,
    today: Level,
    strategy: Strategy,
    version: Version,
    tighten_only: bool,
) {
    let labels = planned.object.metadata.labels.clone().unwrap_or_default();
    let mut modes = vec![(Mode::Audit, Level::Restricted)];
    if strategy >= Strategy::Warn {
        modes.push((Mode::Warn, Level::Restricted));
    }
    if strategy == Strategy::Enforce {
        modes.push((Mode::Enforce, today));
    }
    for (mode, level) in modes {
        let is: Option<Level> = labels
            .get(&mode.label())
            .and_then(|value| value.parse().ok());
        if tighten_only && is.is_some_and(|is| is > level) {
            planned.note = Some(format!(
                "{} stays {}, although not everything passes it",
                mode.as_str(),
                labels[&mode.label()]
            ));
            continue;
        }
        // The widest level enforces nothing, and a namespace without a label means the same.
        if level == Level::Privileged && is.unwrap_or_default() == Level::Privileged {
            continue;
        }
        for (label, to) in [
            (mode.label(), level.to_string()),
            (mode.version_label(), version.to_string()),
        ] {
            let from = labels.get(&label).cloned();
            if from.as_ref() != Some(&to) {
                planned.labels.insert(label, Change { from, to });
            }
        }
    }
}

/// Returns the plugin that set the labels and would set them again.
fn keeper(object: &Object) -> Option<&'static str> {
    let fields = object.metadata.managed_fields.as_ref()?;
    KEEPERS.into_iter().find(|keeper| {
        fields.iter().any(|entry| {
            let mine = entry.manager.as_deref() == Some(keeper);
            let text = entry.fields_v1.as_ref().map(|fields| fields.0.to_string());
            mine && text.is_some_and(|text| text.contains("f:pod-security.kubernetes.io/"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(
        labels: &[(&str, &str)],
        today: Level,
        strategy: Strategy,
        tighten: bool,
    ) -> Planned {
        let mut object = Object::default();
        object.metadata.labels = Some(
            labels
                .iter()
                .map(|(key, value)| {
                    (
                        format!("pod-security.kubernetes.io/{key}"),
                        (*value).to_owned(),
                    )
                })
                .collect(),
        );
        let mut planned = Planned {
            name: "n".to_owned(),
            today: Some(today),
            outcome: Outcome::Left,
            labels: BTreeMap::new(),
            note: None,
            object,
        };
        wanted(&mut planned, today, strategy, Version::Minor(36), tighten);
        planned
    }

    fn texts(planned: &Planned) -> Vec<String> {
        planned
            .labels
            .iter()
            .map(|(label, change)| format!("{}={}", &label[27..], change.to))
            .collect()
    }

    #[test]
    fn warning_refuses_nothing_and_enforcing_asks_for_what_passes_today() {
        let warn = planned(&[], Level::Baseline, Strategy::Warn, false);
        assert_eq!(
            texts(&warn),
            [
                "audit=restricted",
                "audit-version=v1.36",
                "warn=restricted",
                "warn-version=v1.36"
            ]
        );
        let enforce = planned(&[], Level::Baseline, Strategy::Enforce, false);
        assert!(texts(&enforce).contains(&"enforce=baseline".to_owned()));
        let nothing = planned(&[], Level::Privileged, Strategy::Enforce, false);
        assert!(
            !texts(&nothing)
                .iter()
                .any(|label| label.starts_with("enforce"))
        );
    }

    #[test]
    fn a_second_run_changes_nothing() {
        let first = planned(&[], Level::Baseline, Strategy::Enforce, true);
        let pairs = texts(&first);
        let labels: Vec<(&str, &str)> = pairs
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .collect();
        assert!(
            planned(&labels, Level::Baseline, Strategy::Enforce, true)
                .labels
                .is_empty()
        );
    }

    #[test]
    fn a_tighter_level_stays_when_only_tightening_is_allowed() {
        let labels = [("enforce", "restricted")];
        let kept = planned(&labels, Level::Baseline, Strategy::Enforce, true);
        assert!(
            !texts(&kept)
                .iter()
                .any(|label| label.starts_with("enforce"))
        );
        assert!(kept.note.is_some());
        let lowered = planned(&labels, Level::Baseline, Strategy::Enforce, false);
        assert!(texts(&lowered).contains(&"enforce=baseline".to_owned()));
    }
}
