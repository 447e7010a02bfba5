//! The policy on the namespaces of claims.

use groundcrew::tenancy::SYSTEM_NAMESPACE;
use serde_json::json;

use super::cel::{
    Policy, SLACK_SECONDS, constraints, list, me, must, policy, rule, variable, watched,
};
use crate::model::meta;
use crate::model::settings::Settings;

/// Claimers create only claims, for themselves, within the cap, and change only some of their fields.
pub fn namespaces(settings: &Settings) -> Policy {
    let max = settings.max_total_seconds + SLACK_SECONDS;
    let labels = list(&[
        meta::CLAIM.0,
        meta::MANAGED_BY.0,
        "kubernetes.io/metadata.name",
        "pod-security.kubernetes.io/enforce",
        "pod-security.kubernetes.io/warn",
        "pod-security.kubernetes.io/audit",
    ]);
    let notes = list(&[
        meta::OWNER,
        meta::TEAM,
        meta::PURPOSE,
        meta::EXPIRES,
        meta::WARNED,
    ]);
    let free = list(&[meta::EXPIRES, meta::PURPOSE, meta::TEAM]);
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
                    "{create}(variables.labels.all(k, k in {labels}) && \
                     variables.labels[?'pod-security.kubernetes.io/enforce'].orValue('') in ['baseline', 'restricted'])"
                ),
                "a claim has pod security baseline or restricted and no labels of its own; kubectl ns-claim NAME",
            ),
            must(
                format!("{create}variables.notes.all(k, k in {notes})"),
                "a claim has an owner, a team, a purpose and an expiry, and no other annotations; kubectl ns-claim NAME",
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
                format!("{update}variables.labels == variables.oldLabels"),
                "the labels of a claim cannot be changed, including pod security; ask an admin",
            ),
            must(
                format!(
                    "{update}(variables.notes.all(k, k in {free} || variables.oldNotes[?k] == variables.notes[?k]) && \
                     variables.oldNotes.all(k, k in {free} || k in variables.notes))"
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
