//! What cargo knows of the plugins and of what they are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::error::{Context as _, Error, Result};

/// A crate, as far as a licence list tells of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence as an SPDX expression, if it states one.
    pub license: Option<String>,
    /// It is one of this workspace.
    pub own: bool,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Found>,
    resolve: Option<Resolve>,
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
struct Found {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    manifest_path: String,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DepKind>,
}

#[derive(Deserialize)]
struct DepKind {
    kind: Option<String>,
}

/// A plugin and every crate that its program is made of on one platform.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// The plugin's own package, which is also its program's name.
    pub package: Package,
    /// What it depends on, itself aside, in order.
    pub dependencies: Vec<Package>,
}

/// Returns the plugins of the workspace, for one target triple.
///
/// # Errors
///
/// When cargo cannot be run or says something unexpected.
pub fn plugins(workspace: &Path, triple: &str) -> Result<Vec<Plugin>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(workspace)
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(["--filter-platform", triple])
        .output()
        .context(|| "cannot run cargo metadata".to_owned())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Error::new("cargo metadata failed").hint(said));
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)
        .map_err(|error| Error::new("cargo metadata cannot be read").cause(error))?;
    Ok(read(&metadata))
}

fn read(metadata: &Metadata) -> Vec<Plugin> {
    let package = |found: &Found| Package {
        name: found.name.clone(),
        version: found.version.clone(),
        license: found.license.clone(),
        own: metadata.workspace_members.contains(&found.id),
    };
    let by_id: BTreeMap<&str, &Found> = metadata
        .packages
        .iter()
        .map(|found| (found.id.as_str(), found))
        .collect();
    let edges: BTreeMap<&str, &Node> = metadata
        .resolve
        .iter()
        .flat_map(|resolve| &resolve.nodes)
        .map(|node| (node.id.as_str(), node))
        .collect();
    let is_plugin = |found: &&Found| {
        let place = Path::new(&found.manifest_path).parent();
        let above = place.and_then(Path::parent).and_then(Path::file_name);
        above.is_some_and(|name| name == "plugins")
            && metadata.workspace_members.contains(&found.id)
    };
    let mut plugins: Vec<Plugin> = metadata
        .packages
        .iter()
        .filter(is_plugin)
        .map(|found| {
            let mut seen = BTreeSet::from([found.id.as_str()]);
            let mut open = vec![found.id.as_str()];
            while let Some(node) = open.pop().and_then(|id| edges.get(id)) {
                // What only builds or tests use is not in the program.
                let linked = node
                    .deps
                    .iter()
                    .filter(|one| one.dep_kinds.iter().any(|kind| kind.kind.is_none()));
                for one in linked {
                    if seen.insert(&one.pkg) {
                        open.push(&one.pkg);
                    }
                }
            }
            let mut dependencies: Vec<Package> = seen
                .into_iter()
                .filter(|id| *id != found.id)
                .filter_map(|id| by_id.get(id))
                .map(|one| package(one))
                .collect();
            dependencies.sort();
            Plugin {
                package: package(found),
                dependencies,
            }
        })
        .collect();
    plugins.sort_by(|a, b| a.package.cmp(&b.package));
    plugins
}

/// Returns the word after `kubectl` that finds a program: `ns-claim` finds `kubectl-ns_claim`.
#[must_use]
pub fn word(program: &str) -> String {
    program.trim_start_matches("kubectl-").replace('_', "-")
}

impl Plugin {
    /// Returns the word after `kubectl`, which is also krew's name: with dashes.
    #[must_use]
    pub fn word(&self) -> String {
        word(&self.package.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::workspace_root;

    #[test]
    fn a_plugin_is_made_of_what_is_linked_into_it() {
        let plugins = plugins(&workspace_root(), "x86_64-unknown-linux-musl").unwrap();
        let claim = plugins.iter().find(|one| one.word() == "ns-claim").unwrap();
        assert_eq!(claim.package.name, "kubectl-ns_claim");
        let names: Vec<&str> = claim
            .dependencies
            .iter()
            .map(|it| it.name.as_str())
            .collect();
        assert!(
            names.contains(&"kube") && names.contains(&"groundcrew"),
            "{names:?}"
        );
        assert!(!names.contains(&"insta"), "tests alone use it: {names:?}");
        let bare: Vec<&Package> = claim
            .dependencies
            .iter()
            .filter(|it| it.license.is_none())
            .collect();
        assert!(bare.is_empty(), "without a licence: {bare:?}");
    }
}
