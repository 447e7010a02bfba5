//! What a trial needs on the server.

use std::time::Duration;

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::client::access::{self, Access};
use groundcrew::cluster::{Attempt, Patience, poll, retry_on_conflict};
use groundcrew::error::{Error, Result};
use groundcrew::finding::reason;
use groundcrew::write::{is_conflict, is_not_found, status};
use psp_advise::model::trial::{Trial, Try};
use psp_advise::model::vap::binding;
use serde_json::{Value, json};

use crate::cluster::requests::{self, refused};

/// The account that creates the pods.
const MAKER: &str = "maker";
/// Marks what belongs to a comparison; the value is its name.
const LABEL: &str = "psp-advise.groundcrew.dev/verify";
/// How long and how often the policy is waited for.
const PATIENCE: Patience = Patience {
    limit: Duration::from_secs(120),
    first: Duration::from_millis(500),
    longest: Duration::from_millis(500),
};

const NAMESPACES: &str = "/api/v1/namespaces";
const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
const BINDINGS: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";

/// What the server says about a pod.
pub(super) enum Answer {
    Admitted,
    /// By the policy.
    Refused,
    /// By anything else, such as validation.
    Other,
}

/// A namespace with a policy of its own.
pub(super) struct Testbed<'a> {
    session: &'a Session,
    /// The name of all that belongs to it.
    pub(super) name: String,
}

impl<'a> Testbed<'a> {
    pub(super) fn new(session: &'a Session) -> Self {
        let suffix: String = std::iter::repeat_with(fastrand::alphanumeric)
            .take(8)
            .collect();
        Self {
            session,
            name: format!("psp-advise-verify-{}", suffix.to_lowercase()),
        }
    }

    /// Checks that everything can be created, tried and deleted.
    ///
    /// Whether the rules of the roles may be given away is for the server to decide; what was created until then is deleted.
    pub(super) async fn check(&self) -> Result<()> {
        let policies = "validatingadmissionpolicies.admissionregistration.k8s.io";
        let bindings = "validatingadmissionpolicybindings.admissionregistration.k8s.io";
        let mut wanted = Vec::new();
        for resource in ["namespaces", policies, bindings] {
            wanted.push(Access::new("create", resource));
            for verb in ["get", "delete"] {
                wanted.push(Access::new(verb, resource).named(&self.name));
            }
        }
        for resource in [
            "serviceaccounts",
            "roles.rbac.authorization.k8s.io",
            "rolebindings.rbac.authorization.k8s.io",
        ] {
            wanted.push(Access::new("create", resource).within(&self.name));
        }
        let maker = Access::new("impersonate", "serviceaccounts").named(MAKER);
        wanted.push(maker.within(&self.name));
        let missing = access::missing(self.session, &wanted).await?;
        // The name is random: a right to it would be useless the next time.
        let general = missing.into_iter().map(|access| Access {
            name: None,
            namespace: None,
            ..access
        });
        let general: Vec<Access> = general.collect();
        access::refuse(self.session, &general, "policy-verifier").await
    }

    /// Makes everything and waits until the policy is in force.
    pub(super) async fn build(&self, trial: &Trial<'_>, interrupt: &Interrupt) -> Result<()> {
        let name = &self.name;
        let labels = json!({LABEL: name, "pod-security.kubernetes.io/enforce": "privileged"});
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": labels}});
        self.create(NAMESPACES, namespace).await?;
        for (account, rules) in &trial.accounts {
            self.account(account, rules).await?;
        }
        let create = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}]);
        self.account(MAKER, &create).await?;
        let mut policy = trial.policy.clone();
        policy["metadata"]["name"] = json!(name);
        policy["metadata"]["labels"] = json!({LABEL: name});
        self.create(POLICIES, policy).await?;
        let mut bound = binding(name);
        bound["metadata"]["labels"] = json!({LABEL: name});
        bound["spec"]["matchResources"] = json!({"namespaceSelector": {"matchLabels":
            {"kubernetes.io/metadata.name": name}}});
        self.create(BINDINGS, bound).await?;
        self.wait(trial.never, interrupt).await
    }

    /// A pod that is refused says that the policy is in force.
    async fn wait(&self, never: &Try, interrupt: &Interrupt) -> Result<()> {
        let pod = self.pod(never, "first");
        let refused = poll(PATIENCE, interrupt, async || {
            let answer = self.attempt(&pod).await?;
            Ok(matches!(answer, Answer::Refused).then_some(()))
        });
        refused.await?.ok_or_else(|| {
            let limit = PATIENCE.limit.as_secs();
            Error::timed_out(format!(
                "the server did not enforce the policy within {limit}s"
            ))
        })
    }

    /// Returns a pod as it is sent.
    pub(super) fn pod(&self, one: &Try, name: &str) -> Value {
        let mut pod = one.pod.clone();
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        let annotations = &one.pod["metadata"]["annotations"];
        pod["metadata"] = json!({"name": name, "namespace": self.name,
            "annotations": annotations});
        pod["spec"]["serviceAccountName"] = json!(one.account);
        pod
    }

    /// Makes a service account with its rights.
    async fn account(&self, name: &str, rules: &Value) -> Result<()> {
        let namespace = &self.name;
        let core = format!("{NAMESPACES}/{namespace}/serviceaccounts");
        let meta = json!({"name": name, "namespace": namespace});
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta});
        self.create(&core, account).await?;
        if rules.is_null() {
            return Ok(());
        }
        let group = "rbac.authorization.k8s.io";
        let rbac = format!("/apis/{group}/v1/namespaces/{namespace}");
        let role = json!({"apiVersion": format!("{group}/v1"), "kind": "Role",
            "metadata": meta, "rules": rules});
        self.create(&format!("{rbac}/roles"), role).await?;
        let binding = json!({"apiVersion": format!("{group}/v1"), "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]});
        self.create(&format!("{rbac}/rolebindings"), binding).await
    }

    async fn create(&self, uri: &str, object: Value) -> Result<()> {
        let request = http::Request::post(uri)
            .header("Content-Type", "application/json")
            .body(object.to_string().into_bytes())
            .map_err(|error| Error::failed("cannot ask the server").with_source(error))?;
        let made: Result<Value, kube::Error> = self.session.client.request(request).await;
        made.map(drop).map_err(|error| {
            let kind = object["kind"].as_str().unwrap_or_default();
            refused(error, "create", "objects", "", "")
                .context(format!("cannot create the {kind} for the comparison"))
        })
    }

    /// Tries to create a pod as the account that makes them.
    pub(super) async fn attempt(&self, pod: &Value) -> Result<Answer> {
        let namespace = &self.name;
        let request = http::Request::post(format!("{NAMESPACES}/{namespace}/pods?dryRun=All"))
            .header("Content-Type", "application/json")
            .header(
                "Impersonate-User",
                format!("system:serviceaccount:{namespace}:{MAKER}"),
            )
            .body(pod.to_string().into_bytes())
            .map_err(|error| Error::failed("cannot ask the server").with_source(error))?;
        let made: Result<Value, kube::Error> = self.session.client.request(request).await;
        match made {
            Ok(_) => Ok(Answer::Admitted),
            Err(error) => {
                let Some(status) = status(&error) else {
                    return Err(refused(error, "create", "pods", "", namespace));
                };
                let ours = format!("ValidatingAdmissionPolicy '{namespace}'");
                if status.code == 403 && status.message.contains("cannot impersonate") {
                    return Err(refused(error, "impersonate", "serviceaccounts", "", ""));
                }
                if !status.message.contains(&ours) {
                    return Ok(Answer::Other);
                }
                // An expression that fails refuses too, for no reason that a policy had.
                if status.message.contains("resulted in error") {
                    let error = Error::failed("an expression of the policy failed");
                    return Err(error
                        .with_detail(&status.message)
                        .with_detail(pod.to_string()));
                }
                Ok(Answer::Refused)
            }
        }
    }

    /// Takes everything away again; returns what is left and how to take it away.
    pub(super) async fn remove(&self) -> Vec<String> {
        // What was created is deleted, also after Ctrl-C.
        let unstoppable = Interrupt::never();
        let mut left = Vec::new();
        for (kind, uri) in [
            ("validatingadmissionpolicybinding", BINDINGS),
            ("validatingadmissionpolicy", POLICIES),
            ("namespace", NAMESPACES),
        ] {
            let name = &self.name;
            let uri = format!("{uri}/{name}");
            // Controllers write to a new namespace.
            let gone =
                retry_on_conflict(format!("{kind}/{name}"), &unstoppable, async || match self
                    .remove_one(&uri)
                    .await
                {
                    Err(error) if is_conflict(&error) => Ok(Attempt::Raced),
                    Err(error) => Err(refused(error, "delete", kind, name, "")),
                    Ok(()) => Ok(Attempt::Done(())),
                });
            if let Err(error) = gone.await {
                left.push(format!(
                    "{kind}/{name} was not deleted: {}; delete it:  kubectl delete {kind} {name}",
                    reason(&error)
                ));
            }
        }
        left
    }

    async fn remove_one(&self, uri: &str) -> Result<(), kube::Error> {
        let found: Value = match requests::get(self.session, uri).await {
            Ok(found) => found,
            Err(error) if is_not_found(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let metadata = &found["metadata"];
        if metadata["labels"][LABEL] != self.name.as_str() {
            return Ok(());
        }
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions",
            "preconditions": {"uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"]}});
        let request = http::Request::delete(uri)
            .header("Content-Type", "application/json")
            .body(options.to_string().into_bytes())
            .map_err(kube::Error::HttpError)?;
        self.session
            .client
            .request::<Value>(request)
            .await
            .map(drop)
    }
}
