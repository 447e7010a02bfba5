//! Saves what is in a namespace as YAML, before it is deleted and after the user has lost their
//! rights: nothing that cannot be read keeps anybody's access.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::finding::{Unseen, reason};
use groundcrew::output;
use groundcrew::ui::Ui;
use k8s_openapi::api::core::v1::Namespace;

use crate::commands::offboard::discovery;

/// Checks that an archive can be written: this namespace's folder must be new, so that it is never
/// mixed with an earlier archive.
///
/// # Errors
///
/// Usage, when it already exists.
pub fn check(directory: &Path, namespace: &str) -> Result<PathBuf> {
    let folder = directory.join(namespace);
    if folder.exists() {
        return Err(Error::usage(format!("{} already exists", folder.display()))
            .with_hint("name another directory with --archive"));
    }
    Ok(folder)
}

/// What was saved.
#[derive(Debug, Default)]
pub struct Archive {
    /// How many objects.
    pub objects: usize,
    /// What could not be read, and why.
    pub unread: Vec<Unseen>,
}

/// Writes every object of a namespace that can be read, the namespace itself included.
///
/// Secrets are included, so the folder is readable by its owner alone. Events are left out.
///
/// # Errors
///
/// What cannot be written, or that the server cannot be asked.
pub async fn write(session: &Session, namespace: &str, folder: &Path, ui: &Ui) -> Result<Archive> {
    let served = discovery::namespaced(session).await?;
    let stale = "the API server has no current information about it";
    let unknown = served.unknown.iter();
    let mut unread: Vec<Unseen> = unknown
        .map(|group| Unseen::new(format!("resources of {group}"), stale))
        .collect();
    let progress = ui.progress(format!("archiving namespace {namespace}"));
    make_folder(folder)?;
    let own = session.of::<Namespace>().get(namespace).await?;
    let own = serde_json::to_value(own).map_err(|error| unreadable("namespace", error))?;
    save(&folder.join("namespace.yaml"), own)?;
    let cluster = session.cluster();
    let mut count = 1;
    for kind in &served.types {
        if !kind.can_be_listed() || kind.resource.plural == "events" {
            continue;
        }
        let name = kind.name();
        progress.message(format!("archiving {name} of namespace {namespace}"));
        let objects = cluster.dynamic(&kind.resource, Some(namespace));
        let found = match objects.list().await {
            Ok(found) => found,
            Err(cause) => {
                unread.push(Unseen::new(name, reason(&cause)));
                continue;
            }
        };
        if found.is_empty() {
            continue;
        }
        let below = folder.join(&name);
        make_folder(&below)?;
        for mut object in found {
            if object.types.is_none() {
                object.types = Some(kube::core::TypeMeta {
                    api_version: kind.resource.api_version.clone(),
                    kind: kind.resource.kind.clone(),
                });
            }
            object.metadata.managed_fields = None;
            let file = file_name(object.metadata.name.as_deref().unwrap_or_default());
            let value = serde_json::to_value(object).map_err(|error| unreadable(&name, error))?;
            save(&below.join(file), value)?;
            count += 1;
        }
    }
    Ok(Archive {
        objects: count,
        unread,
    })
}

fn unreadable(what: &str, error: serde_json::Error) -> Error {
    Error::failed(format!("cannot write {what} as YAML")).with_source(error)
}

fn make_folder(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path).map_err(|error| {
        Error::failed(format!("cannot create folder {}", path.display())).with_source(error)
    })
}

fn save(path: &Path, mut object: serde_json::Value) -> Result<()> {
    if let Some(metadata) = object
        .get_mut("metadata")
        .and_then(|all| all.as_object_mut())
    {
        metadata.remove("managedFields");
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let text = output::yaml(&object)?;
    options
        .open(path)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .map_err(|error| {
            Error::failed(format!("cannot write {}", path.display())).with_source(error)
        })
}

/// Returns a file name that every system takes; names of RBAC objects may have colons.
fn file_name(name: &str) -> String {
    let mut file = String::new();
    for character in name.chars() {
        if character.is_ascii_alphanumeric() || "-_.".contains(character) {
            file.push(character);
        } else {
            file.push_str(&format!("%{:02X}", u32::from(character)));
        }
    }
    file + ".yaml"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_colon_is_a_file_of_its_own() {
        assert_eq!(file_name("web"), "web.yaml");
        assert_eq!(file_name("a:b"), "a%3Ab.yaml");
        assert_ne!(file_name("a:b"), file_name("a%3Ab"));
    }
}
