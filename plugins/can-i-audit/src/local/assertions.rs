//! Reads the questions of `check -f`.

use std::path::Path;

use can_i_audit::model::decision::Decision;
use can_i_audit::model::question::{Action, Mode, Question, Resource, Target};
use can_i_audit::model::subject::{Principal, Subject};
use groundcrew::error::{Error, Result};
use groundcrew::output::API_VERSION;
use serde::{Deserialize, Serialize};

use super::text;

/// The kind of the file.
pub const KIND: &str = "AccessAssertions";

/// A file of questions; fields that are not known are refused, because a typing error in one
/// would change the question.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Assertions {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    /// The questions.
    pub assertions: Vec<Assertion>,
    #[expect(dead_code, reason = "accepted as in any object, without meaning here")]
    #[serde(default)]
    metadata: Option<serde_json::Value>,
}

/// One question; an absent field is empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Assertion {
    /// `user:x`, `sa:ns/name`, `group:g`, `node:n`, `anonymous` or `me`.
    pub subject: String,
    groups: Option<Vec<String>>,
    implicit_groups: Option<bool>,
    verb: String,
    api_group: String,
    resource: String,
    subresource: String,
    name: String,
    namespace: String,
    path: String,
    /// The expected answer.
    pub expect: Option<Expect>,
}

/// An expected answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    /// It is allowed.
    Allow,
    /// It is not.
    Deny,
}

impl Expect {
    /// Says whether the answer is the expected one; `None` when it is unknown.
    #[must_use]
    pub fn is_met(self, decision: Decision) -> Option<bool> {
        match decision {
            Decision::Allowed => Some(self == Self::Allow),
            Decision::Denied => Some(self == Self::Deny),
            Decision::Unknown => None,
        }
    }
}

/// Reads a file, or stdin for `-`.
///
/// # Errors
///
/// What is wrong with it, and where.
pub fn read(file: &Path) -> Result<Assertions> {
    let (text, name) = if file.as_os_str() == "-" {
        (text::stdin("assertions")?, "stdin".to_owned())
    } else {
        (text::read_file(file)?, file.display().to_string())
    };
    parse(&text, &name)
}

fn parse(text: &str, name: &str) -> Result<Assertions> {
    let assertions: Assertions = if text.trim_start().starts_with('{') {
        text::json(text, name)?
    } else {
        text::yaml(text, name)?
    };
    if assertions.api_version != API_VERSION || assertions.kind != KIND {
        return Err(
            Error::usage(format!("{name} is not a valid {KIND} file")).with_hint(format!(
                "it must start with apiVersion: {API_VERSION}, kind: {KIND}"
            )),
        );
    }
    Ok(assertions)
}

impl Assertion {
    /// Returns the question; `me` is what the server says one is.
    ///
    /// # Errors
    ///
    /// That it asks nothing that can be answered.
    pub fn question(&self, index: usize, me: Option<&Principal>, mode: Mode) -> Result<Question> {
        let bad = |why: String| Error::usage(format!("assertion {index}: {why}"));
        if self.verb.is_empty() {
            return Err(bad("verb is required".to_owned()));
        }
        // A SubjectAccessReview may leave the resource empty.
        let literal = mode == Mode::Sar && self.path.is_empty();
        if !literal && self.path.is_empty() == self.resource.is_empty() {
            return Err(bad(
                "exactly one of resource and path is required".to_owned()
            ));
        }
        let groups = self.groups.as_deref().unwrap_or_default();
        let principal = match me {
            Some(me) if self.subject == "me" => {
                let mut me = me.clone();
                me.groups.extend(groups.iter().cloned());
                me
            }
            _ => {
                let subject: Subject = self.subject.parse().map_err(bad)?;
                subject.principal(groups, self.implicit_groups.unwrap_or(true))
            }
        };
        let target = if self.path.is_empty() {
            Target::Resource(Resource {
                group: self.api_group.clone(),
                resource: self.resource.clone(),
                subresource: self.subresource.clone(),
                name: self.name.clone(),
                namespace: self.namespace.clone(),
                ..Resource::default()
            })
        } else {
            Target::Path(self.path.clone())
        };
        Ok(Question {
            principal,
            action: Action {
                verb: self.verb.clone(),
                target,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: groundcrew.dev/v1alpha1\nkind: AccessAssertions\nassertions:\n";

    fn one(text: &str) -> Result<Question> {
        let file = parse(&format!("{HEAD}- {text}\n"), "a.yaml")?;
        file.assertions[0].question(0, None, Mode::Request)
    }

    #[test]
    fn a_group_is_an_empty_user_with_that_one_group() {
        let asked = one("{subject: 'group:g', verb: get, resource: pods}").unwrap();
        assert_eq!(asked.principal.user, "");
        assert_eq!(asked.principal.groups, ["g", "system:authenticated"]);
        let asked =
            one("{subject: 'group:g', verb: get, resource: pods, implicitGroups: false}").unwrap();
        assert_eq!(asked.principal.groups, ["g"]);
    }

    #[test]
    fn a_typing_error_does_not_change_the_question() {
        for text in [
            "{subject: 'user:x', verb: get, resource: pods, nmespace: a}",
            "{subject: 'x', verb: get, resource: pods}",
            "{subject: 'user:x', resource: pods}",
            "{subject: 'user:x', verb: get}",
            "{subject: 'user:x', verb: get, resource: pods, path: /metrics}",
            "{subject: 'user:x', verb: get, resource: pods, expect: maybe}",
        ] {
            assert!(one(text).is_err(), "{text}");
        }
        assert!(parse("kind: List\nassertions: []\n", "a.yaml").is_err());
    }
}
