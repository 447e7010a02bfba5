//! Who keeps the Deployment: Argo CD, Flux or Helm, and what it takes to have a canary beside them.

use groundcrew::finding::{Finding, Severity};
use groundcrew::output::shell_word;
use serde_json::Value;

use crate::model::findings::question::{ACCEPT_OWNER, Keeper, Place, Question, add};
use crate::model::object::text;

/// Marks by which GitOps tools know what is theirs.
const OWNERS: [(&str, &str); 5] = [
    ("argocd.argoproj.io/instance", "Argo CD"),
    ("argocd.argoproj.io/tracking-id", "Argo CD"),
    ("kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("helm.toolkit.fluxcd.io/name", "Flux"),
    ("meta.helm.sh/release-name", "Helm"),
];

/// Field managers of the same.
const MANAGERS: [(&str, &str); 4] = [
    ("argocd-controller", "Argo CD"),
    ("argocd-application-controller", "Argo CD"),
    ("kustomize-controller", "Flux"),
    ("helm-controller", "Flux"),
];

/// Returns the object that keeps a Deployment, by its marks.
#[must_use]
pub fn place(deployment: &Value) -> Option<Place> {
    let metadata = &deployment["metadata"];
    let mark = |key: &str| {
        let found = [&metadata["labels"][key], &metadata["annotations"][key]];
        let found = found.into_iter().find_map(Value::as_str);
        found.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    // The id is APP:GROUP/KIND:NAMESPACE/NAME; an Application outside of Argo CD's own namespace has
    // that in front (argo-cd, util/argo/resource_tracking.go).
    let by_id = mark("argocd.argoproj.io/tracking-id")
        .and_then(|id| id.split(':').next().map(str::to_owned))
        .map(|app| {
            app.split_once('_')
                .map_or(app.clone(), |(_, name)| name.to_owned())
        });
    if let Some(app) = by_id.or_else(|| mark("argocd.argoproj.io/instance")) {
        return Some(Place::Application(app));
    }
    let of = |tool: &str| {
        let name = mark(&format!("{tool}.toolkit.fluxcd.io/name"))?;
        let namespace = mark(&format!("{tool}.toolkit.fluxcd.io/namespace"))?;
        Some((namespace, name))
    };
    of("kustomize")
        .map(|(namespace, name)| Place::Kustomization(namespace, name))
        .or_else(|| of("helm").map(|(namespace, name)| Place::HelmRelease(namespace, name)))
}

/// Returns the tool that brings a Deployment to what Git says by itself, if one does; Helm does not.
#[must_use]
pub fn git_keeper(deployment: &Value) -> Option<&'static str> {
    git_owner(deployment).filter(|owner| *owner != "Helm")
}

/// Returns the GitOps tool that keeps a Deployment, if one does.
#[must_use]
pub fn git_owner(deployment: &Value) -> Option<&'static str> {
    let metadata = &deployment["metadata"];
    let noted =
        |key: &str| metadata["labels"][key].is_string() || metadata["annotations"][key].is_string();
    let manages = |name: &str| {
        metadata["managedFields"]
            .as_array()
            .is_some_and(|fields| fields.iter().any(|field| field["manager"] == name))
    };
    let by_note = OWNERS.iter().find(|(key, _)| noted(key));
    by_note
        .or_else(|| MANAGERS.iter().find(|(name, _)| manages(name)))
        .map(|(_, owner)| *owner)
}

/// Says who keeps the Deployment, and exactly what to do about it; it blocks where it is seen that the
/// canary would be taken away.
pub(super) fn find(question: &Question<'_>, keepers: &[Keeper], found: &mut Vec<Finding>) {
    let deployment = question.deployment;
    let Some(owner) = git_owner(deployment) else {
        return;
    };
    let name = text(&deployment["metadata"]["name"]);
    let keeper = keepers.first();
    let text = match (place(deployment), owner) {
        (Some(Place::Application(app)), _) => argo(
            (name, question.manager),
            &app,
            keeper.and_then(|keeper| keeper.object.as_ref()),
        ),
        (Some(Place::Kustomization(namespace, kustomization)), _) => {
            let object = keeper.and_then(|keeper| keeper.object.as_ref());
            flux(
                deployment,
                "kustomization",
                (&namespace, &kustomization),
                object,
            )
        }
        (Some(Place::HelmRelease(namespace, release)), _) => {
            let object = keeper.and_then(|keeper| keeper.object.as_ref());
            flux(deployment, "helmrelease", (&namespace, &release), object)
        }
        (None, "Helm") => {
            let release = &deployment["metadata"]["annotations"]["meta.helm.sh/release-name"];
            Said::Note(format!(
                "manages this Deployment as release {}: promote or abort before the next helm \
                 upgrade, which brings its own strategy and template back; after a promotion, \
                 change the image in the release's values",
                text(release)
            ))
        }
        (None, _) => Said::Note(
            "manages this Deployment: while parked, it sees a difference only in paused and \
             strategy; make it ignore those, or it removes the canary"
                .to_owned(),
        ),
    };
    match text {
        Said::Fine(text) => add(found, Severity::Info, owner, text),
        Said::Note(text) => add(found, Severity::Warning, owner, text),
        Said::Blocks(text) => {
            let finding = Finding::new(Severity::Error, text, "").at(owner);
            found.push(finding.fix(ACCEPT_OWNER));
        }
    }
}

/// What follows from who keeps it.
enum Said {
    /// The canary lives.
    Fine(String),
    /// It is not known, or depends on what people do.
    Note(String),
    /// The canary would be taken away.
    Blocks(String),
}

/// Argo CD heals what differs, unless it is told to ignore what this plugin owns
/// (<https://argo-cd.readthedocs.io/en/stable/user-guide/diffing/>).
fn argo((deployment, manager): (&str, &str), app: &str, object: Option<&Value>) -> Said {
    let snippet = format!(
        "in the Application's spec:\n  ignoreDifferences:\n  - group: apps\n    kind: Deployment\n    \
         name: {deployment}\n    managedFieldsManagers: [{manager}]\n  syncPolicy:\n    \
         syncOptions: [RespectIgnoreDifferences=true]"
    );
    let Some(object) = object else {
        return Said::Note(format!(
            "manages this Deployment by application {app}, which could not be read: if it heals by \
             itself, it removes the canary unless it ignores what this plugin writes, {snippet}"
        ));
    };
    let spec = &object["spec"];
    let namespace = text(&object["metadata"]["namespace"]);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let is_here = |rule: &Value| {
        let is = |key: &str, wanted: &str| {
            let value = text(&rule[key]);
            value.is_empty() || value == "*" || value == wanted
        };
        is("kind", "Deployment") && is("name", deployment)
    };
    let ignores = list(&spec["ignoreDifferences"]).iter().any(|rule| {
        let managers = list(&rule["managedFieldsManagers"]);
        is_here(rule) && managers.iter().any(|known| known == manager)
    });
    let respects = list(&spec["syncPolicy"]["syncOptions"])
        .iter()
        .any(|option| option == "RespectIgnoreDifferences=true");
    let automated = &spec["syncPolicy"]["automated"];
    let heals = automated["selfHeal"] == true && automated["enabled"] != false;
    match (ignores && respects, heals) {
        (true, _) => Said::Fine(format!(
            "manages this Deployment by application {app}, which ignores what this plugin writes"
        )),
        (false, true) => Said::Blocks(format!(
            "heals this Deployment by application {namespace}/{app} and would remove the canary \
             within seconds; let it ignore what this plugin writes, {snippet}"
        )),
        (false, false) => Said::Note(format!(
            "manages this Deployment by application {namespace}/{app}: its next sync removes the \
             canary unless it ignores what this plugin writes, {snippet}"
        )),
    }
}

/// Flux applies what Git states at each interval: what it does not state stays, if the manager's name
/// does not begin with kubectl (`fluxcd/pkg/ssa`, `manager_patch.go`).
fn flux(
    deployment: &Value,
    kind: &str,
    (namespace, name): (&str, &str),
    object: Option<&Value>,
) -> Said {
    let what = format!("{kind} {namespace}/{name}");
    let metadata = &deployment["metadata"];
    let key = "kustomize.toolkit.fluxcd.io/reconcile";
    let is_off = [&metadata["annotations"][key], &metadata["labels"][key]]
        .iter()
        .any(|value| **value == "disabled");
    let suspended = object.is_some_and(|object| object["spec"]["suspend"] == true);
    if is_off || suspended {
        return Said::Fine(format!(
            "manages this Deployment by {what}, and is suspended"
        ));
    }
    let suspend = |on: bool| {
        format!(
            "kubectl patch {kind} {} -n {} --type=merge -p '{{\"spec\":{{\"suspend\":{on}}}}}'",
            shell_word(name),
            shell_word(namespace)
        )
    };
    let fix = format!(
        "suspend it until the canary is over:\n  {}\nand afterwards:\n  {}",
        suspend(true),
        suspend(false)
    );
    let stated = stated(deployment);
    // A HelmRelease applies again only when its chart or values change, unless it corrects drift.
    let drifts = object.is_some_and(|object| object["spec"]["driftDetection"]["mode"] == "enabled");
    let is_applied_always = kind == "kustomization" || drifts;
    match (is_applied_always && !stated.is_empty(), object) {
        (true, Some(_)) => Said::Blocks(format!(
            "manages this Deployment by {what}, which states {} and would remove the canary at its \
             next reconciliation; {fix}",
            stated.join(", ")
        )),
        _ => Said::Note(format!(
            "manages this Deployment by {what}: a commit that arrives meanwhile rolls out over the \
             canary; {fix}"
        )),
    }
}

/// Fields that a parked canary has to change and that Flux applies.
fn stated(deployment: &Value) -> Vec<&'static str> {
    let entries = deployment["metadata"]["managedFields"].as_array();
    let applied: Vec<&Value> = entries
        .into_iter()
        .flatten()
        .filter(|entry| {
            let manager = text(&entry["manager"]);
            entry["operation"] == "Apply"
                && ["kustomize-controller", "helm-controller"].contains(&manager)
        })
        .collect();
    [
        "paused",
        "strategy",
        "minReadySeconds",
        "progressDeadlineSeconds",
    ]
    .into_iter()
    .filter(|field| {
        let key = format!("f:{field}");
        let has = |entry: &&&Value| !entry["fieldsV1"]["f:spec"][&key].is_null();
        applied.iter().any(|entry| has(&entry))
    })
    .collect()
}
