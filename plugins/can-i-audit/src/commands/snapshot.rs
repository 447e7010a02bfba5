//! `kubectl can-i-audit snapshot`: everything that decides about access, in one file.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use can_i_audit::model::kind::Kind;
use can_i_audit::model::policy::Policy;
use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::output::Document;

use super::flags::SourceArgs;

/// Save everything that decides about access to a file, for --from and diff
///
/// Only the owner can read the file, because it contains names of users. No Secrets are read.
#[derive(Args, Debug)]
pub struct SnapshotArgs {
    /// File to write, or - for stdout
    #[arg(short = 'o', long = "output", value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Output options")]
    file: PathBuf,

    /// Replace the names of users and groups, except Kubernetes' own
    #[arg(long)]
    redact: bool,

    #[command(flatten)]
    source: SourceArgs,
}

/// Writes it.
///
/// # Errors
///
/// That nothing could be read, or the file cannot be written.
pub async fn run(args: SnapshotArgs, frame: &Frame) -> Result<Exit> {
    let ui = &frame.ui;
    let mut observed = args.source.read(frame).await?;
    if args.redact {
        redact(&mut observed.policy);
    }
    let document = Document::new(Kind::AccessSnapshot, &observed.policy);
    let text = serde_json::to_string(&document)
        .map_err(|error| Error::failed("cannot write JSON").with_source(error))?;
    if args.file.as_os_str() == "-" {
        ui.answer(text + "\n")?;
    } else {
        write(&args.file, &text).map_err(|error| {
            Error::failed(format!("cannot write {}", args.file.display())).with_source(error)
        })?;
        ui.done(
            args.file.display(),
            "written with mode 0600; read it with --from",
        );
    }
    observed.say(ui);
    observed.finish()?;
    Ok(observed.exit(Exit::Done))
}

/// Writes beside the file and renames, so that there is never half a snapshot; the temporary file
/// belongs to its owner alone from the beginning.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
    temporary.write_all(text.as_bytes())?;
    temporary.write_all(b"\n")?;
    temporary.as_file().sync_all()?;
    temporary.persist(file).map_err(|error| error.error)?;
    Ok(())
}

/// Numbers the names of people and their groups in the order of the policy: one name stays one
/// name, and none can be guessed from its replacement.
fn redact(policy: &mut Policy) {
    let mut names: BTreeMap<(String, String), String> = BTreeMap::new();
    let subjects = policy
        .cluster_role_bindings
        .iter_mut()
        .chain(&mut policy.role_bindings)
        .flat_map(|binding| &mut binding.subjects);
    for subject in subjects {
        let person = matches!(subject.kind.as_str(), "User" | "Group");
        if !person || subject.name.starts_with("system:") {
            continue;
        }
        let next = names.len() + 1;
        let key = (subject.kind.clone(), subject.name.clone());
        let name = names
            .entry(key)
            .or_insert_with(|| format!("{}-{next}", subject.kind.to_lowercase()));
        subject.name.clone_from(name);
    }
    // The server's words name who asked.
    for gap in &mut policy.unseen {
        "not readable".clone_into(&mut gap.why);
    }
}

#[cfg(test)]
mod tests {
    use can_i_audit::model::gap::{Gap, Read};
    use can_i_audit::model::policy::{Binding, Subject};

    use super::*;

    #[test]
    fn an_older_snapshot_keeps_what_it_could_not_see() {
        let policy = Policy {
            unseen: vec![Gap {
                resource: Read::Roles,
                except_namespace: None,
                why: "forbidden".to_owned(),
            }],
            ..Policy::default()
        };
        let text = serde_json::to_string(&policy).unwrap();
        let older = text.replace("\"unseen\"", "\"gaps\"");
        assert_ne!(older, text);
        let read: Policy = serde_json::from_str(&older).unwrap();
        assert_eq!(read.unseen, policy.unseen);
    }

    #[test]
    fn people_are_numbered_and_kubernetes_own_names_stay() {
        let subject = |kind: &str, name: &str| Subject {
            kind: kind.to_owned(),
            name: name.to_owned(),
            ..Subject::default()
        };
        let mut policy = Policy {
            cluster_role_bindings: vec![Binding {
                subjects: vec![
                    subject("User", "alice@example.com"),
                    subject("Group", "system:authenticated"),
                    subject("User", "alice@example.com"),
                    subject("Group", "ops"),
                ],
                ..Binding::default()
            }],
            unseen: vec![Gap {
                resource: Read::Roles,
                except_namespace: None,
                why: "User \"bob\" cannot list".to_owned(),
            }],
            ..Policy::default()
        };
        redact(&mut policy);
        let names: Vec<&str> = policy.cluster_role_bindings[0]
            .subjects
            .iter()
            .map(|subject| subject.name.as_str())
            .collect();
        assert_eq!(
            names,
            ["user-1", "system:authenticated", "user-1", "group-2"]
        );
        assert!(!format!("{policy:?}").contains("bob"));
    }
}
