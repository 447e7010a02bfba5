//! PodSecurityPolicies, roles and bindings of manifests.

use std::path::Path;

use groundcrew::error::{Error, Result};
use psp_advise::model::manifest::{Node, documents, read};
use psp_advise::model::psp::{Policy, Rbac};

use super::files::{self, FileArgs};

/// Reads PodSecurityPolicies.
///
/// # Errors
///
/// What cannot be read; a policy that is left out would change the answer.
pub fn policies(path: &Path) -> Result<Vec<Policy>> {
    let mut policies = Vec::new();
    objects(path, |place, node| {
        if kind(node) == "PodSecurityPolicy" {
            let policy = read::<Policy>(node)
                .map_err(|error| Error::usage(format!("{place}:{}: {error}", error.line)))?;
            policies.push(policy);
        }
        Ok(())
    })?;
    Ok(policies)
}

/// Reads roles and bindings.
///
/// # Errors
///
/// What cannot be read; a binding that is left out would change the answer.
pub fn rbac(path: &Path, rbac: &mut Rbac) -> Result<()> {
    objects(path, |place, node| {
        if !Rbac::takes(kind(node)) {
            return Ok(());
        }
        rbac.add(node).map_err(|error| {
            Error::failed(format!(
                "{place}: a role or binding cannot be read: {error}"
            ))
        })
    })
}

fn kind(node: &Node) -> &str {
    node.get("kind").and_then(Node::as_str).unwrap_or_default()
}

/// Hands over every object of a file or directory; a `List` is opened.
fn objects(path: &Path, mut take: impl FnMut(&str, &Node) -> Result<()>) -> Result<()> {
    files::each(&FileArgs::below(vec![path.to_owned()]), |file| {
        let text = file
            .text()
            .map_err(|message| Error::usage(format!("{}: {message}", file.name)))?;
        for found in documents(&text) {
            let document = match (found.node, found.ignored) {
                (Ok(document), None) => document,
                (Err(fault), _) | (_, Some(fault)) => {
                    return Err(Error::usage(format!(
                        "{}:{}: {}",
                        file.name, fault.line, fault.message
                    )));
                }
            };
            let items = document
                .get("items")
                .filter(|_| kind(&document).ends_with("List"));
            match items {
                Some(items) => items
                    .items()
                    .iter()
                    .try_for_each(|item| take(&file.name, item))?,
                None => take(&file.name, &document)?,
            }
        }
        Ok(())
    })
}
