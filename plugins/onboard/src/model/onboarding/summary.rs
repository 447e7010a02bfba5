//! Tables and documents of many people.

use groundcrew::error::Result;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, Kind, Table, json, yaml};
use serde::Serialize;

use super::crew::{Ended, Member};

/// What a run would do for one person.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Planned {
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    changes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct People<T> {
    people: T,
}

/// Renders what a run would do, those who are offboarded last.
///
/// # Errors
///
/// Only when a value has no form in that format.
pub fn plan(crew: &[Member], pruned: &[String], output: &OutputArgs) -> Result<String> {
    let mut all: Vec<Planned> = crew.iter().map(planned).collect();
    all.extend(pruned.iter().map(|user| Planned {
        user: user.clone(),
        line: None,
        namespace: None,
        changes: vec!["offboarded".to_owned()],
        error: None,
    }));
    match output.format {
        Format::Json => json(&Document::new(Kind::OnboardingPlan, People { people: all })),
        Format::Yaml => yaml(&Document::new(Kind::OnboardingPlan, People { people: all })),
        Format::Name => Ok(all.iter().map(|one| format!("{}\n", one.user)).collect()),
        Format::Table | Format::Wide => {
            let headers = ["USER", "NAMESPACE", "CHANGES"];
            let mut table = Table::new((!output.no_headers).then_some(headers.as_slice()));
            for one in &all {
                let changes = match &one.error {
                    Some(error) => format!("cannot: {error}"),
                    None if one.changes.is_empty() => "<none>".to_owned(),
                    None => one.changes.join(", "),
                };
                let namespace = one.namespace.as_deref().unwrap_or("<none>");
                table.row([one.user.as_str(), namespace, &changes]);
            }
            Ok(table.render())
        }
    }
}

fn planned(member: &Member) -> Planned {
    let (namespace, changes, error) = match &member.task {
        Ok(task) => {
            let changes = task.changes.iter().map(|change| (*change).to_owned());
            let namespace = task.prepared.plan.namespace.clone();
            (Some(namespace), changes.collect(), None)
        }
        Err(error) => (None, Vec::new(), Some(error.to_string())),
    };
    Planned {
        user: member.user.clone(),
        line: member.line,
        namespace,
        changes,
        error,
    }
}

/// Renders how it ended.
///
/// # Errors
///
/// Only when a value has no form in that format.
pub fn report(ended: &[Ended], output: &OutputArgs) -> Result<String> {
    match output.format {
        Format::Json => json(&Document::new(
            Kind::OnboardingReport,
            People { people: ended },
        )),
        Format::Yaml => yaml(&Document::new(
            Kind::OnboardingReport,
            People { people: ended },
        )),
        Format::Name => Ok(ended.iter().map(|one| format!("{}\n", one.user)).collect()),
        Format::Table | Format::Wide => {
            let headers = ["USER", "NAMESPACE", "RESULT", "KUBECONFIG"];
            let mut table = Table::new((!output.no_headers).then_some(headers.as_slice()));
            for one in ended {
                let file = one
                    .kubeconfig
                    .as_ref()
                    .map(|path| path.display().to_string());
                let namespace = one.namespace.as_deref().unwrap_or("<none>");
                let file = file.as_deref().unwrap_or("<none>");
                table.row([one.user.as_str(), namespace, one.result, file]);
            }
            Ok(table.render())
        }
    }
}
