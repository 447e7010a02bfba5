//! The policy on the namespaces of claims.

use groundcrew::tenancy::SYSTEM_NAMESPACE;
use serde_json::json;

use super::cel::{
    Policy, SLACK_SECONDS, constraints, list, me, must, policy, rule, variable, watched,
};
use crate::model::meta;
use crate::model::settings::Settings;

/// Characters that a purpose, a team or a contact may have; they are kept for every claim.
pub const MAX_TEXT: usize = 256;

/// Characters of any annotation that a claimer writes.
const MAX_FOREIGN: usize = 4096;
/// Labels, and annotations, of a claim.
const MAX_KEYS: usize = 32;

/// Domains of keys on namespaces that admission, controllers and policy engines act upon: a claimer
/// who could write them could lower what holds in the claim. Everything else is a platform's own,
/// such as a cost centre, and may be added on the way.
const ACTED_UPON: [&str; 18] = [
    "groundcrew.dev",
    "kubernetes.io",
    "k8s.io",
    "openshift.io",
    "gatekeeper.sh",
    "kyverno.io",
    "sigstore.dev",
    "istio.io",
    "linkerd.io",
    "cilium.io",
    "projectcalico.org",
    "cattle.io",
    "capsule.clastix.io",
    "kubewarden.io",
    "fluxcd.io",
    "argoproj.io",
    "cert-manager.io",
    "x-k8s.io",
];

/// Says whether a key of a label or an annotation is one that claimers may not write.
#[must_use]
pub fn is_acted_upon(key: &str) -> bool {
    let in_domain = |domain: &str| {
        ACTED_UPON
            .iter()
            .any(|one| domain == *one || domain.ends_with(&format!(".{one}")))
    };
    key == "istio-injection"
        || key == meta::MANAGED_BY.0
        || key
            .split_once('/')
            .is_some_and(|(domain, _)| domain != "app.kubernetes.io" && in_domain(domain))
}

/// Returns whether a key is one of [`ACTED_UPON`], or the bare label of Istio.
fn matters(key: &str) -> String {
    let domains: Vec<String> = ACTED_UPON
        .iter()
        .map(|domain| domain.replace('.', "[.]"))
        .collect();
    // `app.kubernetes.io` describes; of it only the one key is read, by this project.
    format!(
        "{key} == 'istio-injection' || {key} == '{}' || \
         ({key}.matches('^([a-z0-9-]+[.])*({})/') && !{key}.startsWith('app.kubernetes.io/'))",
        meta::MANAGED_BY.0,
        domains.join("|")
    )
}

/// Claimers create only claims, for themselves, within the cap, and change only some of their fields.
pub fn namespaces(settings: &Settings) -> Policy {
    let max = settings.max_total_seconds + SLACK_SECONDS;
    let labels = [
        meta::CLAIM.0,
        meta::MANAGED_BY.0,
        "kubernetes.io/metadata.name",
        "pod-security.kubernetes.io/enforce",
        "pod-security.kubernetes.io/warn",
        "pod-security.kubernetes.io/audit",
    ];
    let notes = [
        meta::OWNER,
        meta::TEAM,
        meta::PURPOSE,
        meta::CONTACT,
        meta::EXPIRES,
        meta::WARNED,
    ];
    let added = |own: &[&str]| {
        let added = settings.added_keys.iter().map(String::as_str);
        list(&own.iter().copied().chain(added).collect::<Vec<_>>())
    };
    let (labels, notes) = (added(&labels), added(&notes));
    let free_notes = [meta::EXPIRES, meta::PURPOSE, meta::TEAM, meta::CONTACT];
    let free = list(&free_notes);
    let added_keys = added(&[]);
    let matters = format!("({})", matters("k"));
    let short = free_notes[1..]
        .iter()
        .map(|key| {
            format!(
                "(variables.notes[?'{key}'].orValue('') == variables.oldNotes[?'{key}'].orValue('') || \
                 (variables.notes[?'{key}'].orValue('').size() <= {MAX_TEXT} && \
                 !variables.notes[?'{key}'].orValue('').matches('[\\\\x{{0}}-\\\\x{{1f}}\\\\x{{7f}}-\\\\x{{9f}}]')))"
            )
        })
        .collect::<Vec<_>>()
        .join(" && ");
    let prefix = settings.name_prefix.as_deref().unwrap_or_default();
    let (claim, owner, expires, protected) =
        (meta::CLAIM.0, meta::OWNER, meta::EXPIRES, meta::PROTECTED);
    let create = "request.operation != 'CREATE' || ";
    let update = "request.operation != 'UPDATE' || ";
    let delete = "request.operation != 'DELETE' || ";
    let kept = "request.operation == 'DELETE' || ";
    let total = settings.max_total();
    let spec = json!({
        "matchConstraints": constraints(&[rule("", &["namespaces"], &["CREATE", "UPDATE", "DELETE"])]),
        "matchConditions": watched("request.name"),
        "variables": [
            me(),
            variable("labels", "object == null ? {} : object.metadata.?labels.orValue({})"),
            variable("notes", "object == null ? {} : object.metadata.?annotations.orValue({})"),
            variable("oldLabels", "oldObject == null ? {} : oldObject.metadata.?labels.orValue({})"),
            variable("oldNotes", "oldObject == null ? {} : oldObject.metadata.?annotations.orValue({})"),
            variable("holder", &format!("variables.oldNotes[?'{owner}'].orValue('')")),
        ],
        "validations": [
            must(
                format!("{create}variables.labels[?'{claim}'].orValue('') == 'true'"),
                "you can create a namespace only by claiming it; kubectl ns-claim NAME",
            ),
            must(
                format!("{create}variables.notes[?'{owner}'].orValue('') == variables.me"),
                "you can claim only for yourself; omit --owner",
            ),
            must(
                format!(
                    "{create}!(object.metadata.name in ['default', 'openshift', '{SYSTEM_NAMESPACE}'] || \
                     ['kube-', 'openshift-', 'groundcrew-'].exists(p, object.metadata.name.startsWith(p)))"
                ),
                "this is the name of a system namespace; choose another one",
            ),
            must(
                format!(
                    "{create}(variables.labels.all(k, !{matters} || k in {labels}) && \
                     variables.labels[?'pod-security.kubernetes.io/enforce'].orValue('') in ['baseline', 'restricted'])"
                ),
                "a claim has pod security baseline or restricted, and no labels that the cluster acts upon; kubectl ns-claim NAME",
            ),
            must(
                format!("{create}variables.notes.all(k, !{matters} || k in {notes})"),
                "a claim has an owner, a team, a purpose, a contact and an expiry, and no other annotations \
                 that the cluster acts upon; kubectl ns-claim NAME",
            ),
            must(
                // The reaper has to be able to add its warning: 256 KiB is what the API takes.
                format!(
                    "{kept}(variables.notes.all(k, variables.oldNotes[?k].orValue('') == variables.notes[k] || \
                     variables.notes[k].size() <= {MAX_FOREIGN}) && variables.notes.size() <= {MAX_KEYS} && \
                     variables.labels.size() <= {MAX_KEYS})"
                ),
                format!(
                    "a claim has at most {MAX_KEYS} labels and annotations, of {MAX_FOREIGN} characters each; \
                     remove some"
                ),
            ),
            must(
                format!("{create}object.metadata.name.startsWith('{prefix}')"),
                format!("the name of a claim begins with {prefix:?}; kubectl ns-claim {prefix}NAME"),
            ),
            must(
                format!("{kept}({short})"),
                format!(
                    "purpose, team and contact have at most {MAX_TEXT} characters and no control characters; \
                     shorten them"
                ),
            ),
            must(
                format!(
                    "{create}(!has(object.metadata.finalizers) && !has(object.metadata.ownerReferences) && \
                     object.spec.?finalizers.orValue([]) == ['kubernetes'])"
                ),
                "a claim has no finalizers and no owner references; kubectl ns-claim NAME",
            ),
            must(
                format!(
                    "{kept}variables.notes[?'{expires}'].orValue('')\
                     .matches('^[0-9]{{4}}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$')"
                ),
                format!("a claim has its expiry in {expires}, as RFC 3339 in UTC; kubectl ns-claim extend NAME --until TIME"),
            ),
            must(
                format!(
                    "{kept}!variables.notes[?'{expires}'].orValue('').matches('^[0-9-]+T[0-9:]+Z$') || \
                     timestamp(variables.notes['{expires}']) <= \
                     timestamp(object.metadata.creationTimestamp) + duration('{max}s')"
                ),
                format!("a claim can last at most {total}; claim a new one afterwards"),
            ),
            must(
                format!("{update}variables.holder == variables.me"),
                "this claim is not yours; show its owner: kubectl ns-claim get NAME",
            ),
            must(
                format!(
                    "{update}(variables.labels.all(k, !{matters} || k in {added_keys} || \
                     variables.oldLabels[?k] == variables.labels[?k]) && \
                     variables.oldLabels.all(k, !{matters} || k in {added_keys} || k in variables.labels))"
                ),
                "the labels of a claim cannot be changed, including pod security; ask an admin",
            ),
            must(
                format!(
                    "{update}(variables.notes.all(k, !{matters} || k in {free} || k in {added_keys} || \
                     variables.oldNotes[?k] == variables.notes[?k]) && \
                     variables.oldNotes.all(k, !{matters} || k in {free} || k in {added_keys} || k in variables.notes))"
                ),
                "only the expiry, the purpose and the team of a claim can be changed; kubectl ns-claim extend NAME --by 4h",
            ),
            must(
                format!(
                    "{update}(object.metadata.?finalizers == oldObject.metadata.?finalizers && \
                     object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences)"
                ),
                "the finalizers and owner references of a claim cannot be changed; ask an admin",
            ),
            must(
                format!(
                    "{delete}(variables.holder == variables.me && \
                     variables.oldLabels[?'{claim}'].orValue('') == 'true')"
                ),
                "this claim is not yours; show its owner: kubectl ns-claim get NAME",
            ),
            must(
                format!("{delete}!('{protected}' in variables.oldNotes)"),
                "this claim is protected; ask an admin",
            ),
        ],
    });
    policy("namespaces", spec, None)
}

/// A binding may name service accounts of a namespace that is not there. A claimer who creates it again
/// would get the rights of its earlier accounts. Evaluated once for each cluster-wide binding.
pub fn names() -> Policy {
    let name = "object.metadata.name";
    let spec = json!({
        "paramKind": {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding"},
        "matchConstraints": constraints(&[rule("", &["namespaces"], &["CREATE"])]),
        "matchConditions": watched("request.name"),
        "validations": [{
            "expression": format!(
                "!params.?subjects.orValue([]).exists(s, \
                 (s.kind == 'ServiceAccount' && s.?namespace.orValue('') == {name}) || \
                 (s.kind == 'Group' && s.name == 'system:serviceaccounts:' + {name}) || \
                 (s.kind == 'User' && s.name.startsWith('system:serviceaccount:' + {name} + ':')))"
            ),
            "message": "service accounts of this name have rights in the cluster already; choose another one",
            "messageExpression": format!(
                "'service accounts in ' + {name} + ' would have the rights of clusterrolebinding/' + \
                 params.metadata.name + '; choose another name'"
            ),
            "reason": "Forbidden",
        }],
    });
    let parameters = json!({"selector": {}, "parameterNotFoundAction": "Allow"});
    policy("names", spec, Some(parameters))
}
