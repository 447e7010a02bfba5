//! A finding in words and in documents.

use serde::Serialize;

use super::finding::{Finding, Severity};
use super::rules::rule;
use crate::model::engine::{Chain, World};
use crate::model::grant::{self, Grant};
use crate::model::subject::Subject;

/// A finding as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row<'a> {
    /// Such as `CIA-012`.
    pub rule: &'static str,
    /// The short name of the rule.
    pub name: &'static str,
    /// Its severity here.
    pub severity: Severity,
    /// The subject; absent when the finding is about an object only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'a Subject>,
    /// Absent when it is cluster-wide, or about an object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<&'a str>,
    /// The object, when it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<&'a str>,
    /// It is limited to objects of certain names.
    pub limited: bool,
    /// Why the rule matters.
    pub why: &'static str,
    /// Details of this case.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub detail: &'a str,
    /// The smallest change that removes it.
    pub fix: &'a str,
    grants: Vec<Grant<'a>>,
    #[serde(skip)]
    world: &'a World<'a>,
    #[serde(skip)]
    chains: &'a [Chain],
}

impl<'a> Row<'a> {
    /// Returns the row of a finding.
    #[must_use]
    pub fn new(world: &'a World<'a>, finding: &'a Finding) -> Self {
        let rule = rule(finding.rule);
        Self {
            rule: finding.rule,
            name: rule.map_or("", |rule| rule.name),
            severity: finding.severity,
            subject: finding.subject.as_ref(),
            namespace: finding.namespace.as_deref(),
            object: finding.object.as_deref(),
            limited: finding.limited,
            why: rule.map_or("", |rule| rule.why),
            detail: &finding.detail,
            fix: &finding.fix,
            grants: finding
                .chains
                .iter()
                .map(|chain| grant::grant(world, *chain))
                .collect(),
            world,
            chains: &finding.chains,
        }
    }

    /// The subject or object, and its place.
    #[must_use]
    pub fn concerned(&self) -> String {
        match (self.subject, self.object) {
            (_, Some(object)) => object.to_owned(),
            (Some(subject), None) => match self.namespace {
                Some(namespace) => format!("{subject} in {namespace}"),
                None => format!("{subject} cluster-wide"),
            },
            (None, None) => String::new(),
        }
    }

    /// The first chain, or the details of this case.
    #[must_use]
    pub fn through(&self) -> String {
        let chain = self.chains.first().filter(|_| self.object.is_none());
        let Some(chain) = chain else {
            return self.detail.to_owned();
        };
        let mut words = grant::words(self.world, *chain);
        if self.chains.len() > 1 {
            words.push_str(&format!("  (+{} more)", self.chains.len() - 1));
        }
        if !self.detail.is_empty() {
            words.push_str(&format!("; {}", self.detail));
        }
        words
    }
}
