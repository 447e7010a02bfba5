//! Pods, policies, roles and bindings, from files and from the cluster.

use std::path::{Path, PathBuf};

use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Result};
use psp_advise::manifest::{Node, parse, read, split};
use psp_advise::pod::{Origin, Pod};
use psp_advise::psp::{Policy, Rbac, User};
use psp_advise::workload::{ObjectRef, Workload, extract};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cluster::{all, encode, get};
use crate::files::{self, FileArgs};

/// A pod that is asked about.
#[derive(Debug)]
pub struct Subject {
    /// The object that holds it.
    pub workload: Workload,
    /// The file.
    pub file: Option<String>,
    /// The pod as it would be sent.
    pub pod: Value,
    /// Its namespace.
    pub namespace: String,
}

impl Subject {
    /// Returns the service account that creates a controller's pods; `None` for a bare pod.
    ///
    /// Source: `plugin/pkg/auth/authorizer/rbac/bootstrappolicy/controller_policy.go`.
    pub fn controller(&self) -> Option<User> {
        let name = match self.workload.object.kind.as_str() {
            "Deployment" | "ReplicaSet" => "replicaset-controller",
            "StatefulSet" => "statefulset-controller",
            "DaemonSet" => "daemon-set-controller",
            "Job" | "CronJob" => "job-controller",
            "ReplicationController" => "replication-controller",
            _ => return None,
        };
        Some(User::service_account("kube-system", name))
    }
}

/// Reads the pods of `-f`.
///
/// # Errors
///
/// A path that is not there.
pub fn files(args: &FileArgs, namespace: Option<&str>) -> Result<(Vec<Subject>, Vec<String>)> {
    let (mut subjects, mut unreadable) = (Vec::new(), Vec::new());
    files::each(args, |file| {
        let text = match file.text() {
            Ok(text) => text,
            Err(message) => {
                unreadable.push(format!("{}: {message}", file.name));
                return Ok(());
            }
        };
        for chunk in split(text) {
            let document = match parse(chunk) {
                Ok(document) => document,
                Err(fault) => {
                    unreadable.push(format!("{}:{}: {}", file.name, fault.line, fault.message));
                    continue;
                }
            };
            let extracted = extract(&document, &args.pod_template_path);
            for fault in extracted.unreadable {
                unreadable.push(format!("{}:{}: {}", file.name, fault.line, fault.message));
            }
            for (workload, node) in extracted.workloads {
                let pod = node
                    .at(&workload.path)
                    .map(Node::to_json)
                    .unwrap_or_default();
                let own = workload.object.namespace.clone();
                let namespace = if own.is_empty() {
                    namespace.unwrap_or("default").to_owned()
                } else {
                    own
                };
                subjects.push(Subject {
                    workload,
                    file: Some(file.name.clone()),
                    pod,
                    namespace,
                });
            }
        }
        Ok(())
    })?;
    Ok((subjects, unreadable))
}

/// Reads a pod of the cluster.
///
/// # Errors
///
/// What the server says.
pub(super) async fn pod(session: &Session, name: &str) -> Result<Subject> {
    let namespace = session.namespace.clone();
    let uri = format!(
        "/api/v1/namespaces/{}/pods/{}",
        encode(&namespace),
        encode(name)
    );
    let doing = Doing::new("get", "pods").named(name).within(&namespace);
    let pod: Value = get(session, &uri)
        .await
        .map_err(|error| explain(error, &doing))?;
    let read = Pod::deserialize(&pod)
        .map_err(|error| Error::failed(format!("pod/{name} cannot be read")).with_source(error))?;
    let workload = Workload {
        object: ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: namespace.clone(),
            name: name.to_owned(),
        },
        path: String::new(),
        origin: Origin::Pod,
        pod: read,
    };
    Ok(Subject {
        workload,
        file: None,
        pod,
        namespace,
    })
}

/// Reads PodSecurityPolicies.
///
/// # Errors
///
/// What cannot be read; a policy that is left out would change the answer.
pub async fn policies(paths: &[PathBuf], session: Option<&Session>) -> Result<Vec<Policy>> {
    let mut policies = Vec::new();
    for path in paths {
        if let (true, Some(session)) = (path == Path::new("cluster"), session) {
            let path = "/apis/policy/v1beta1/podsecuritypolicies";
            policies.extend(all::<Policy>(session, path, "podsecuritypolicies.policy").await?);
            continue;
        }
        objects(path, |place, node| {
            if kind(node) == "PodSecurityPolicy" {
                let policy = read::<Policy>(node)
                    .map_err(|error| Error::usage(format!("{place}:{}: {error}", error.line)))?;
                policies.push(policy);
            }
            Ok(())
        })?;
    }
    Ok(policies)
}

/// Reads roles and bindings.
///
/// # Errors
///
/// What cannot be read; a binding that is left out would change the answer.
pub async fn rbac(paths: &[PathBuf], session: Option<&Session>) -> Result<Rbac> {
    const KINDS: [(&str, &str, &str); 4] = [
        ("roles", "Role", "roles.rbac.authorization.k8s.io"),
        (
            "clusterroles",
            "ClusterRole",
            "clusterroles.rbac.authorization.k8s.io",
        ),
        (
            "rolebindings",
            "RoleBinding",
            "rolebindings.rbac.authorization.k8s.io",
        ),
        (
            "clusterrolebindings",
            "ClusterRoleBinding",
            "clusterrolebindings.rbac.authorization.k8s.io",
        ),
    ];
    let mut rbac = Rbac::default();
    let broken = |place: &str, error: &dyn std::fmt::Display| {
        Error::failed(format!(
            "{place}: a role or binding cannot be read: {error}"
        ))
    };
    for path in paths {
        if let (true, Some(session)) = (path == Path::new("cluster"), session) {
            for (plural, kind, full) in KINDS {
                let path = format!("/apis/rbac.authorization.k8s.io/v1/{plural}");
                for mut object in all::<Value>(session, &path, full).await? {
                    // Items of a list state no kind.
                    object["kind"] = json!(kind);
                    rbac.add(object)
                        .map_err(|error| broken("cluster", &error))?;
                }
            }
            continue;
        }
        objects(path, |place, node| {
            if Rbac::takes(kind(node)) {
                rbac.add(node).map_err(|error| broken(place, &error))?;
            }
            Ok(())
        })?;
    }
    Ok(rbac)
}

fn kind(node: &Node) -> &str {
    node.get("kind").and_then(Node::as_str).unwrap_or_default()
}

/// Hands over every object of a file or directory; a `List` is opened.
fn objects(path: &Path, mut take: impl FnMut(&str, &Node) -> Result<()>) -> Result<()> {
    let args = FileArgs {
        filename: vec![path.to_owned()],
        recursive: true,
        pod_template_path: Vec::new(),
    };
    files::each(&args, |file| {
        let text = file
            .text()
            .map_err(|message| Error::usage(format!("{}: {message}", file.name)))?;
        for chunk in split(text) {
            let document = parse(chunk).map_err(|fault| {
                Error::usage(format!("{}:{}: {}", file.name, fault.line, fault.message))
            })?;
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
