//! Reads a policy from manifests: YAML or JSON, lists, many documents, whole directories.

use std::fs;
use std::path::{Path, PathBuf};

use can_i_audit::model::aggregate;
use can_i_audit::model::catalog::Catalog;
use can_i_audit::model::policy::{Meta, Named, Policy};
use can_i_audit::model::risks::defaults::Defaults;
use groundcrew::error::{Error, Result};
use groundcrew::manifest;
use groundcrew::plural::count;
use groundcrew::ui::Ui;

use super::manifests::Found;
use super::text::{self, json};

/// The kind of a snapshot.
pub const SNAPSHOT: &str = "AccessSnapshot";

/// Reads files, directories and stdin (`-`). Namespaced objects without a namespace get
/// `namespace`, as `kubectl apply` would do it.
///
/// # Errors
///
/// What cannot be read, with file and line.
pub fn read(places: &[PathBuf], namespace: &str, ui: &Ui) -> Result<Policy> {
    let mut found = Found::default();
    for place in places {
        if place.as_os_str() == "-" {
            let bytes = text::stdin_bytes("manifests")?;
            if let Some(policy) = document(&bytes, "stdin", namespace, &mut found)? {
                return Ok(policy);
            }
            continue;
        }
        for file in files_of(place)? {
            let name = file.display().to_string();
            let bytes = text::file_bytes(&file)?;
            if let Some(policy) = document(&bytes, &name, namespace, &mut found)? {
                return if places.len() == 1 {
                    Ok(policy)
                } else {
                    Err(Error::usage(format!(
                        "{name} is a snapshot, which cannot be combined with other files"
                    )))
                };
            }
        }
    }
    let Found {
        mut policy,
        resources,
        others,
        files,
        notes,
        ..
    } = found;
    for note in &notes {
        ui.warning(note);
    }
    if others > 0 {
        ui.status(format_args!(
            "skipped {} of other kinds.",
            count(others, "object")
        ));
    }
    let objects = policy.cluster_roles.len()
        + policy.roles.len()
        + policy.cluster_role_bindings.len()
        + policy.role_bindings.len();
    if objects == 0 && policy.unseen.is_empty() {
        return Err(Error::failed(format!(
            "no roles and no bindings in {}",
            count(files, "file")
        ))
        .with_hint(
            "kubectl get clusterroles,roles,clusterrolebindings,rolebindings -A -o json | \
                 kubectl can-i-audit --from -",
        ));
    }
    policy.catalog = Catalog::built_in().with(resources);
    name_namespaces(&mut policy);
    let own = add_defaults(&mut policy);
    if !own.is_empty() {
        ui.status(format_args!(
            "using built-in roles of Kubernetes 1.36 that the files refer to: {}",
            own.join(", ")
        ));
    }
    policy.overwritten = aggregate::fill(&mut policy.cluster_roles);
    Ok(policy)
}

fn files_of(place: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |error: std::io::Error| {
        Error::failed(format!("cannot read {}", place.display()))
            .with_source(error)
            .with_hint("--from takes a file, a directory or - for stdin")
    };
    if !fs::metadata(place).map_err(unreadable)?.is_dir() {
        return Ok(vec![place.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(place).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            files.extend(files_of(&path)?);
        } else if path
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| matches!(extension, "yaml" | "yml" | "json"))
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads one file; `Some` when it is a snapshot.
fn document(
    bytes: &[u8],
    name: &str,
    namespace: &str,
    found: &mut Found,
) -> Result<Option<Policy>> {
    found.files += 1;
    let text = match manifest::text(bytes) {
        Ok(text) => text,
        Err(why) => {
            found.miss(name, 1, why);
            return Ok(None);
        }
    };
    let start = text.trim_start();
    if start.starts_with('{')
        && start
            .chars()
            .take(200)
            .collect::<String>()
            .contains(SNAPSHOT)
    {
        // The two fields of the document other than the policy's are skipped: flattening would
        // keep every value twice.
        return json(&text, name).map(Some);
    }
    manifest::each(&text, |document| {
        for note in &document.notes {
            found
                .notes
                .push(format!("{name}:{}: {}", note.line, note.message));
        }
        if let Some(fault) = &document.ignored {
            found.miss(name, fault.line, &fault.message);
        }
        let node = match &document.node {
            Ok(node) => node,
            Err(fault) if manifest::is_template(document.chunk.text) => {
                found.miss(name, fault.line, TEMPLATE);
                return;
            }
            Err(fault) => {
                found.miss(name, fault.line, &fault.message);
                return;
            }
        };
        if node.is_null() {
            return;
        }
        for object in manifest::objects(node) {
            match object {
                Ok(object) => found.add(object, name, namespace),
                Err(_) if is_kustomization(name) => found.notes.push(format!(
                    "{name} is for kustomize and not a manifest; skipped"
                )),
                Err(fault) => found.miss(name, fault.line, fault.message),
            }
        }
    });
    Ok(None)
}

const TEMPLATE: &str = "a template, not a manifest: render it first, with helm template CHART";

/// Kustomize fills in the kind, so most of its files have none.
fn is_kustomization(name: &str) -> bool {
    let file = Path::new(name).file_stem().and_then(|stem| stem.to_str());
    file == Some("kustomization")
}

/// Manifests seldom hold their namespaces; those that objects stand in exist.
fn name_namespaces(policy: &mut Policy) {
    let mut names: Vec<String> = policy
        .namespaces
        .iter()
        .map(|namespace| namespace.metadata.name.clone())
        .collect();
    let used = policy
        .roles
        .iter()
        .map(|role| &role.metadata)
        .chain(policy.role_bindings.iter().map(|binding| &binding.metadata))
        .chain(
            policy
                .service_accounts
                .iter()
                .map(|account| &account.metadata),
        );
    names.extend(used.map(|meta| meta.namespace.clone()));
    names.sort();
    names.dedup();
    policy.namespaces = names
        .into_iter()
        .map(|name| Named {
            metadata: Meta {
                name,
                ..Meta::default()
            },
        })
        .collect();
}

/// Manifests bind Kubernetes' own ClusterRoles without holding them.
fn add_defaults(policy: &mut Policy) -> Vec<String> {
    let defaults = Defaults::new();
    let bindings = policy.cluster_role_bindings.iter();
    let mut names: Vec<String> = bindings
        .chain(&policy.role_bindings)
        .filter(|binding| binding.role_ref.kind == "ClusterRole")
        .map(|binding| binding.role_ref.name.clone())
        .collect();
    names.sort();
    names.dedup();
    names.retain(|name| {
        !policy
            .cluster_roles
            .iter()
            .any(|role| role.metadata.name == *name)
    });
    let mut added = Vec::new();
    for role in defaults.cluster_roles() {
        if names.contains(&role.metadata.name) {
            added.push(format!("ClusterRole/{}", role.metadata.name));
            let mut role = role.clone();
            // Its rules are complete; its parts are not among the files.
            role.aggregation_rule = None;
            policy.cluster_roles.push(role);
        }
    }
    added
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Policy {
        let text = text
            .replace(
                "kind: Role",
                "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role",
            )
            .replace(
                "{apiVersion: rbac.authorization.k8s.io/v1\nkind: Role",
                "{kind: Role",
            );
        let mut found = Found::default();
        document(text.as_bytes(), "a.yaml", "team", &mut found).unwrap();
        found.policy
    }

    fn fault(text: &str) -> String {
        let policy = load(text);
        assert_eq!(policy.unseen.len(), 1, "{text}: {:?}", policy.unseen);
        policy.unseen[0].to_string()
    }

    const BINDING: &str =
        "kind: RoleBinding\nmetadata: {name: b}\nroleRef: {kind: Role, name: r}\n";

    #[test]
    fn an_object_without_namespace_gets_that_of_the_run() {
        let policy = load(BINDING);
        assert_eq!(policy.role_bindings[0].metadata.namespace, "team");
    }

    #[test]
    fn lists_and_many_documents_are_read_and_other_kinds_passed_over() {
        let text = format!(
            "# a comment\n---\n{BINDING}---\napiVersion: apps/v1\nkind: Deployment\nspec: {{}}\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleList\nitems:\n\
             - metadata: {{name: r}}\n  rules: null\n"
        );
        let text = text.replace(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleList",
            "apiVersion: rbac.authorization.k8s.io/v1\nkind:  RoleList",
        );
        let policy = load(&text);
        assert_eq!((policy.role_bindings.len(), policy.roles.len()), (1, 1));
        assert!(policy.unseen.is_empty(), "{:?}", policy.unseen);
    }

    #[test]
    fn a_fault_is_named_with_file_and_line_and_the_rest_is_read() {
        let broken = format!("kind: Secret\nstringData: {{password: hunter2\n---\n{BINDING}");
        let policy = load(&broken);
        assert_eq!(policy.role_bindings.len(), 1);
        let words = policy.unseen[0].to_string();
        assert!(words.contains("a.yaml:"), "{words}");
        assert!(!words.contains("hunter2"), "{words}");
        assert!(policy.unseen[0].matters_in(""));
        assert!(fault("kind: Role\nmetadata: {name: r}\nrules: {}\n").contains("a.yaml:4"));
        assert!(fault("metadata: {name: r}\n").contains("kind is missing"));
        assert!(fault("kind: Role\n").contains("has no name"));
        assert!(fault("kind: RoleBinding\nmetadata: {name: r}\n").contains("has no roleRef"));
    }

    #[test]
    fn kinds_of_the_same_name_in_other_groups_are_passed_over() {
        let policy = load(
            "apiVersion: iam.aws.upbound.io/v1beta1\nkind:  Role\nmetadata: {name: r}\nrules: 5\n",
        );
        assert!(policy.roles.is_empty() && policy.unseen.is_empty());
    }

    #[test]
    fn a_template_is_recognized() {
        assert!(
            fault("kind: Role\nmetadata:\n  name: {{ .Values.name }}\n")
                .contains("render it first")
        );
    }

    #[test]
    fn a_role_that_is_defined_twice_counts_once_and_is_named() {
        let role = "kind: Role\nmetadata: {name: r}\n";
        assert!(fault(&format!("{role}---\n{role}")).contains("a.yaml:5"));
    }
}
