//! `kubectl psp-advise generate psp`: the smallest PodSecurityPolicy for a set of workloads.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::output::yaml;
use psp_advise::model::psp::{Policy, generate};
use psp_advise::model::subject::Subject;
use serde_json::{Value, json};

use super::subjects;
use crate::local::files::FileArgs;

/// Generate the smallest PodSecurityPolicy for a set of workloads
///
/// The policy changes none of the pods. It is verified before it is printed: it admits all of them,
/// and any single tightening would refuse at least one. The same workloads always produce the same
/// policy.
#[derive(Args, Debug)]
pub(super) struct PspArgs {
    /// Name of the policy
    #[arg(long, value_name = "NAME", default_value = "generated")]
    name: String,

    /// Also print the ClusterRole and RoleBindings that let the service accounts use it
    #[arg(long)]
    grant: bool,

    #[command(flatten)]
    files: FileArgs,
}

/// Generates.
///
/// # Errors
///
/// What cannot be read, and a policy whose proof fails.
pub(super) async fn run(args: PspArgs, frame: &Frame) -> Result<Exit> {
    let session = if args.files.filename.is_empty() {
        Some(frame.interrupt.guard(frame.connect()).await?)
    } else {
        None
    };
    let subjects = subjects::all(&args.files, session.as_ref(), frame).await?;
    let pods: Vec<Value> = subjects.iter().map(|subject| subject.pod.clone()).collect();
    let generated = generate(&args.name, &pods);
    if let Some((index, reasons)) = generated.refused.first() {
        let name = subjects[*index].workload.object.short();
        return Err(reasons.iter().fold(
            Error::failed(format!(
                "no policy admits all of them unchanged: the generated one refuses {name}"
            )),
            Error::with_detail,
        ));
    }
    if !generated.loose.is_empty() {
        frame.ui.warning(format_args!(
            "not minimal: {} would be enough",
            generated.loose.join("; ")
        ));
    }
    frame.ui.status(format_args!(
        "admits all {} unchanged; {} of {} single tightenings would refuse at least one.",
        subjects.len(),
        generated.tightenings - generated.loose.len(),
        generated.tightenings
    ));
    let mut text = format!("---\n{}", yaml(&object(&generated.policy))?);
    if args.grant {
        for object in grants(&args.name, &subjects) {
            text.push_str(&format!("---\n{}", yaml(&object)?));
        }
    }
    frame.ui.answer(text)?;
    Ok(if generated.loose.is_empty() {
        Exit::Done
    } else {
        Exit::No
    })
}

/// Returns the policy as an object, without what says nothing.
fn object(policy: &Policy) -> Value {
    let mut spec = json!(policy.spec);
    tidy(&mut spec);
    // Without its list the API refuses the field.
    if policy
        .spec
        .runtime_class
        .as_ref()
        .is_some_and(|it| it.allowed_runtime_class_names.is_empty())
    {
        spec["runtimeClass"] = json!({"allowedRuntimeClassNames": []});
    }
    let mut metadata = json!({"name": policy.metadata.name});
    if !policy.metadata.annotations.is_empty() {
        metadata["annotations"] = json!(policy.metadata.annotations);
    }
    json!({
        "apiVersion": "policy/v1beta1",
        "kind": "PodSecurityPolicy",
        "metadata": metadata,
        "spec": spec,
    })
}

fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(tidy);
            map.retain(|_, value| !value.is_null() && *value != json!([]) && *value != json!({}));
        }
        Value::Array(list) => list.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// Returns the right to use the policy, for the service accounts of each namespace.
fn grants(name: &str, subjects: &[Subject]) -> Vec<Value> {
    let mut accounts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for subject in subjects {
        let account = subject.pod["spec"]["serviceAccountName"].as_str();
        let account = account
            .filter(|account| !account.is_empty())
            .unwrap_or("default");
        accounts
            .entry(&subject.namespace)
            .or_default()
            .insert(account);
    }
    let api = "rbac.authorization.k8s.io";
    let role = format!("use-psp-{name}");
    let mut objects = vec![json!({
        "apiVersion": format!("{api}/v1"), "kind": "ClusterRole", "metadata": {"name": role},
        "rules": [{"apiGroups": ["policy"], "resources": ["podsecuritypolicies"],
            "resourceNames": [name], "verbs": ["use"]}],
    })];
    for (namespace, names) in accounts {
        let subjects: Vec<Value> = names
            .into_iter()
            .map(|name| json!({"kind": "ServiceAccount", "name": name, "namespace": namespace}))
            .collect();
        objects.push(json!({
            "apiVersion": format!("{api}/v1"), "kind": "RoleBinding",
            "metadata": {"name": role, "namespace": namespace},
            "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": role},
            "subjects": subjects,
        }));
    }
    objects
}
