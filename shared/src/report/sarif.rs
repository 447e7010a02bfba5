//! SARIF, which code scanners exchange.
//!
//! The sections are those of OASIS, *Static Analysis Results Interchange Format (SARIF) Version
//! 2.1.0*. What is absent stands for its default.

use std::collections::BTreeMap;

use serde::Serialize;

/// The address of the schema.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The file (3.13) with its one run.
#[derive(Debug, Serialize)]
pub struct Log<R> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<R>; 1],
}

impl<R> Log<R> {
    /// Returns the file of a run.
    pub fn new(run: Run<R>) -> Self {
        Self {
            schema: SCHEMA,
            version: "2.1.0",
            runs: [run],
        }
    }
}

/// One run of a tool (3.14). The results may be anything that serializes as a list of
/// [`Finding`]s, so that very many of them never have to be in memory at once.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run<R> {
    /// What was run.
    pub tool: Tool,
    /// How it went.
    pub invocations: [Invocation; 1],
    /// How columns are counted.
    pub column_kind: ColumnKind,
    /// What was found.
    pub results: R,
}

/// How columns are counted (3.14.17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ColumnKind {
    /// A character is a column.
    UnicodeCodePoints,
}

/// The tool (3.18).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tool {
    /// The program itself.
    pub driver: Driver,
}

/// The program (3.19).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Driver {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub semantic_version: &'static str,
    /// What it looks for.
    pub rules: Vec<Rule>,
}

/// What is looked for (3.49, reportingDescriptor).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Its stable name.
    pub id: String,
    /// A name for people.
    pub name: &'static str,
    /// In one sentence.
    pub short_description: Message,
    /// In full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_description: Option<Message>,
    /// Where more is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help_uri: Option<&'static str>,
    /// How bad it is unless a result says otherwise.
    pub default_configuration: Configuration,
    /// Words to search for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<Properties>,
}

/// How a rule is set (3.50).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Configuration {
    /// How bad it is.
    pub level: Level,
}

/// A property bag (3.8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Properties {
    /// Words to search for (3.8.2).
    pub tags: Vec<&'static str>,
}

/// How bad a result is (3.27.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Good to know.
    Note,
    /// Worth a look.
    Warning,
    /// Serious.
    Error,
}

/// Plain text (3.11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The text.
    pub text: String,
}

impl<T: Into<String>> From<T> for Message {
    fn from(text: T) -> Self {
        Self { text: text.into() }
    }
}

/// How a run went (3.20).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Invocation {
    /// Everything could be looked at.
    pub execution_successful: bool,
    /// What could not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_execution_notifications: Vec<Notification>,
}

impl Invocation {
    /// Returns a run that could look at everything but what is `unseen`.
    pub fn new(complete: bool, unseen: impl IntoIterator<Item = String>) -> Self {
        let unseen = unseen.into_iter().map(|text| Notification {
            level: Level::Error,
            message: text.into(),
        });
        Self {
            execution_successful: complete,
            tool_execution_notifications: unseen.collect(),
        }
    }
}

/// What happened to the tool (3.58).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notification {
    /// How bad it is.
    pub level: Level,
    /// What it is.
    pub message: Message,
}

/// One result (3.27).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Which rule.
    pub rule_id: String,
    /// The rule's place in the list of rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_index: Option<usize>,
    /// How bad it is here.
    pub level: Level,
    /// What was found.
    pub message: Message,
    /// Where.
    pub locations: [Location; 1],
    /// By what the same finding is recognized in the next run (3.27.17); the names carry a
    /// version.
    pub partial_fingerprints: BTreeMap<&'static str, String>,
    /// What would remove it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<Fix>,
}

/// Where something is (3.28).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// The place in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub physical_location: Option<PhysicalLocation>,
    /// The place among the objects.
    pub logical_locations: [LogicalLocation; 1],
}

/// A place in a file (3.29).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PhysicalLocation {
    /// The file.
    pub artifact_location: ArtifactLocation,
    /// The place in it.
    pub region: Region,
}

/// A file (3.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ArtifactLocation {
    uri: String,
}

impl ArtifactLocation {
    /// Returns a file by its path, as a relative reference; blanks and the like are escaped.
    #[must_use]
    pub fn of(path: &str) -> Self {
        let mut uri = String::with_capacity(path.len());
        for byte in path.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
                uri.push(char::from(byte));
            } else {
                uri.push_str(&format!("%{byte:02X}"));
            }
        }
        Self { uri }
    }
}

/// A piece of a file (3.30); lines and columns begin at 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Region {
    /// The first line.
    pub start_line: usize,
    /// The first column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_column: Option<usize>,
    /// The last line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_line: Option<usize>,
    /// The column behind the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_column: Option<usize>,
}

/// A place that is in no file (3.33).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogicalLocation {
    /// Its whole name.
    pub fully_qualified_name: String,
    /// What it is (3.33.7).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
}

/// What would remove a finding (3.55).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fix {
    /// In words.
    pub description: Message,
    /// In a file.
    pub artifact_changes: [ArtifactChange; 1],
}

/// The changes to a file (3.56).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactChange {
    /// The file.
    pub artifact_location: ArtifactLocation,
    /// The pieces that become others.
    pub replacements: Vec<Replacement>,
}

/// A piece of a file that becomes another (3.57).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replacement {
    /// What goes.
    pub deleted_region: Region,
    /// What comes.
    pub inserted_content: Content,
}

/// Text of a file (3.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Content {
    /// The text.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn log() -> Value {
        let file = || ArtifactLocation::of("a b/ü.yaml");
        let finding = |physical_location, fixes, kind| Finding {
            rule_id: "X-1".to_owned(),
            rule_index: Some(0),
            level: Level::Warning,
            message: "found".into(),
            locations: [Location {
                physical_location,
                logical_locations: [LogicalLocation {
                    fully_qualified_name: "ns/pod/p".to_owned(),
                    kind,
                }],
            }],
            partial_fingerprints: [("x/v1", "ns/pod/p".to_owned())].into(),
            fixes,
        };
        let full = finding(
            Some(PhysicalLocation {
                artifact_location: file(),
                region: Region {
                    start_line: 3,
                    start_column: Some(1),
                    ..Region::default()
                },
            }),
            vec![Fix {
                description: "safe".into(),
                artifact_changes: [ArtifactChange {
                    artifact_location: file(),
                    replacements: vec![Replacement {
                        deleted_region: Region {
                            start_line: 3,
                            start_column: Some(1),
                            end_line: Some(3),
                            end_column: Some(5),
                        },
                        inserted_content: Content {
                            text: "x: y\n".to_owned(),
                        },
                    }],
                }],
            }],
            Some("member"),
        );
        let rule = |id: &str, full_description: Option<&str>| Rule {
            id: id.to_owned(),
            name: "one",
            short_description: "short".into(),
            full_description: full_description.map(Message::from),
            help_uri: full_description.map(|_| "https://example.com/"),
            default_configuration: Configuration {
                level: Level::Error,
            },
            properties: full_description.map(|_| Properties {
                tags: vec!["security"],
            }),
        };
        let log = Log::new(Run {
            tool: Tool {
                driver: Driver {
                    name: "kubectl x",
                    semantic_version: "1.2.3",
                    rules: vec![rule("X-1", Some("full")), rule("X-2", None)],
                },
            },
            invocations: [Invocation::new(false, ["not read".to_owned()])],
            column_kind: ColumnKind::UnicodeCodePoints,
            results: vec![full, finding(None, Vec::new(), None)],
        });
        serde_json::to_value(&log).unwrap()
    }

    #[test]
    fn the_file_is_valid_by_its_schema() {
        let schema = include_str!("schemas/sarif-2.1.0.json");
        // One pattern of the schema has a bracket that ECMA 262 asks to escape.
        let schema = schema.replace("{2}]?$", "{2}\\\\]?$");
        let schema: Value = serde_json::from_str(&schema).unwrap();
        let validator = jsonschema::draft7::new(&schema).unwrap();
        let log = log();
        let errors: Vec<String> = validator
            .iter_errors(&log)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new());
        let mut wrong = log;
        wrong["runs"][0]["results"][0]["level"] = json!("loud");
        assert!(!validator.is_valid(&wrong), "the schema is asked at all");
    }

    #[test]
    fn a_path_is_a_relative_reference() {
        let log = log();
        let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b/%C3%BC.yaml");
    }
}
