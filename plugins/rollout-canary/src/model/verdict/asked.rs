//! What a canary is to be judged by, as the flags said.

use serde::{Deserialize, Serialize};

use crate::model::verdict::settings::Settings;

/// How it is to be judged, as the flags said: remembered, so that any terminal can go on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// Where counts come from.
    pub options: Options,
    /// How sure to be, and of what.
    pub settings: Settings,
}

/// What the flags say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// `--prometheus`.
    pub prometheus: Option<String>,
    /// `--scrape`.
    pub scrape: Option<String>,
    /// `--bad`.
    pub bad: Option<String>,
    /// `--total`.
    pub total: Option<String>,
    /// The label that has the pod's name in Prometheus; `pod` when not given.
    pub pod_label: Option<String>,
}
