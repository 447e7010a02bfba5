//! The guard: policies by which the API server itself keeps claimers to their own claims.
//!
//! A policy watches those who have the virtual right `create claims.groundcrew.dev` (it stands in
//! the claimers' role, so the guard follows the grant whatever the group is called) or, inside a
//! claim, the right `own`; whoever has `manage` passes, so admins keep working. Every refusal is
//! worded for the person who meets it: what is not allowed, and after `; ` what is.

use groundcrew::tenancy::SYSTEM_NAMESPACE;
use serde_json::{Value, json};

use crate::meta;
use crate::refusal::NOT_IN_INDEX;
use crate::settings::Settings;

/// API version of the policies; since Kubernetes 1.30.
const API: &str = "admissionregistration.k8s.io/v1";

const CLAIMS: &str = "authorizer.group('groundcrew.dev').resource('claims')";

/// Clocks of several API servers differ; a claim made at one may be checked at another.
const SLACK_SECONDS: u64 = 60;

/// Returns the policies and their bindings, each policy before its binding.
#[must_use]
pub fn objects(settings: &Settings) -> Vec<Value> {
    let mut objects = Vec::new();
    for (name, spec, parameters) in [
        namespaces(settings),
        entries(),
        contents(),
        role_bindings(),
        index(settings),
        release(),
    ] {
        objects.push(json!({
            "apiVersion": API,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": metadata(&name),
            "spec": spec,
        }));
        let mut binding = json!({"policyName": name, "validationActions": ["Deny"]});
        if let Some(parameters) = parameters {
            binding["paramRef"] = parameters;
        }
        objects.push(json!({
            "apiVersion": API,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": metadata(&name),
            "spec": binding,
        }));
    }
    objects
}

type Policy = (String, Value, Option<Value>);

fn metadata(name: &str) -> Value {
    json!({"name": name, "labels": {meta::MANAGED_BY.0: meta::MANAGED_BY.1}})
}

fn rule(group: &str, resources: &[&str], operations: &[&str]) -> Value {
    json!({
        "apiGroups": [group],
        "apiVersions": ["*"],
        "operations": operations,
        "resources": resources,
        "scope": "*",
    })
}

/// Every field is stated, defaults included, so that an altered policy differs from this one.
fn constraints(rules: &[Value]) -> Value {
    json!({
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "resourceRules": rules,
    })
}

/// Whom a policy watches; `inside` names the namespace that a request is about.
fn watched(inside: &str) -> Vec<Value> {
    vec![
        json!({
            "name": "claimers-and-owners",
            "expression": format!(
                "{CLAIMS}.check('create').allowed() || ({inside} != '' && \
                 {CLAIMS}.namespace({inside}).check('own').allowed())"
            ),
        }),
        json!({
            "name": "managers-pass",
            "expression": format!("!{CLAIMS}.check('manage').allowed()"),
        }),
    ]
}

/// Claimers may create these and nothing more; who may update them has other rights there.
fn others_pass() -> Value {
    json!({
        "name": "who-has-other-rights-passes",
        "expression": "!authorizer.group(request.resource.group).resource(request.resource.resource)\
                       .namespace(request.namespace).check('update').allowed()",
    })
}

fn variable(name: &str, expression: &str) -> Value {
    json!({"name": name, "expression": expression})
}

fn me() -> Value {
    variable("me", "request.userInfo.username")
}

fn must(expression: impl Into<String>, message: impl Into<String>) -> Value {
    json!({
        "expression": expression.into(),
        "message": message.into(),
        "reason": "Forbidden",
    })
}

fn policy(name: &str, spec: Value, parameters: Option<Value>) -> Policy {
    let mut spec = spec;
    spec["failurePolicy"] = json!("Fail");
    (format!("groundcrew-claims-{name}"), spec, parameters)
}

/// A claimer makes only claims, his own, within the cap; and changes only what is his to change.
fn namespaces(settings: &Settings) -> Policy {
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
                "you may make a namespace only by claiming it; kubectl ns-claim NAME",
            ),
            must(
                format!("{create}variables.notes[?'{owner}'].orValue('') == variables.me"),
                "you may claim only for yourself; leave --owner out",
            ),
            must(
                format!(
                    "{create}!(object.metadata.name in ['default', 'openshift', '{SYSTEM_NAMESPACE}'] || \
                     ['kube-', 'openshift-', 'groundcrew-'].exists(p, object.metadata.name.startsWith(p)))"
                ),
                "this name belongs to the cluster; choose another one",
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
                "a claim has an owner, a team, a purpose and an end, and no other annotations; kubectl ns-claim NAME",
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
                format!("a claim says its end in {expires} as RFC 3339 in UTC; kubectl ns-claim extend NAME --until TIME"),
            ),
            must(
                format!(
                    "{kept}!variables.notes[?'{expires}'].orValue('').matches('^[0-9-]+T[0-9:]+Z$') || \
                     timestamp(variables.notes['{expires}']) <= \
                     timestamp(object.metadata.creationTimestamp) + duration('{max}s')"
                ),
                format!("a claim lasts at most {total} in all; claim another one afterwards"),
            ),
            must(
                format!("{update}variables.holder == variables.me"),
                "this claim is not yours; see whose it is: kubectl ns-claim get NAME",
            ),
            must(
                format!("{update}variables.labels == variables.oldLabels"),
                "the labels of a claim are fixed, pod security among them; ask an admin",
            ),
            must(
                format!(
                    "{update}(variables.notes.all(k, k in {free} || variables.oldNotes[?k] == variables.notes[?k]) && \
                     variables.oldNotes.all(k, k in {free} || k in variables.notes))"
                ),
                "only the end, the purpose and the team of a claim may be changed; kubectl ns-claim extend NAME --by 4h",
            ),
            must(
                format!(
                    "{update}(object.metadata.?finalizers == oldObject.metadata.?finalizers && \
                     object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences)"
                ),
                "the finalizers and owner references of a claim are fixed; ask an admin",
            ),
            must(
                format!(
                    "{delete}(variables.holder == variables.me && \
                     variables.oldLabels[?'{claim}'].orValue('') == 'true')"
                ),
                "this claim is not yours; see whose it is: kubectl ns-claim get NAME",
            ),
            must(
                format!("{delete}!('{protected}' in variables.oldNotes)"),
                "this claim is protected; ask an admin",
            ),
        ],
    });
    policy("namespaces", spec, None)
}

/// What is made in the name of a claim has its place in the index, and so counts.
fn entries() -> Policy {
    let spec = json!({
        "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
        "matchConstraints": constraints(&[
            rule("", &["namespaces"], &["CREATE"]),
            rule("rbac.authorization.k8s.io", &["rolebindings"], &["CREATE"]),
        ]),
        "matchConditions": [
            watched("request.namespace").remove(0),
            watched("request.namespace").remove(1),
            {
                "name": "who-has-other-rights-passes",
                "expression": "request.resource.resource == 'namespaces' || \
                               !authorizer.group('rbac.authorization.k8s.io').resource('rolebindings')\
                               .namespace(request.namespace).check('update').allowed()",
            },
        ],
        "variables": [
            me(),
            variable(
                "name",
                "request.resource.resource == 'namespaces' ? object.metadata.name : request.namespace",
            ),
            variable(
                "concerned",
                &format!(
                    "request.resource.resource == 'namespaces' ? \
                     object.metadata.?labels[?'{}'].orValue('') == 'true' : ({YOURS})",
                    meta::CLAIM.0
                ),
            ),
        ],
        "validations": [must(
            // What is no claim of hers is refused by another policy; one refusal names one reason.
            "!variables.concerned || params.?data[?variables.name].orValue('') == variables.me",
            format!("{NOT_IN_INDEX}; kubectl ns-claim NAME"),
        )],
    });
    let parameters = json!({
        "name": meta::INDEX,
        "namespace": SYSTEM_NAMESPACE,
        "parameterNotFoundAction": "Deny",
    });
    policy("entries", spec, Some(parameters))
}

const YOURS: &str = "namespaceObject != null && \
    namespaceObject.metadata.?labels[?'groundcrew.dev/claim'].orValue('') == 'true' && \
    namespaceObject.metadata.?annotations[?'groundcrew.dev/owner'].orValue('') == variables.me";

/// Limits, quotas and network policies only in one's own claim.
fn contents() -> Policy {
    let operations = ["CREATE", "UPDATE", "DELETE"];
    let mut conditions = watched("request.namespace");
    conditions.push(others_pass());
    let spec = json!({
        "matchConstraints": constraints(&[
            rule("", &["limitranges", "resourcequotas"], &operations),
            rule("networking.k8s.io", &["networkpolicies"], &operations),
        ]),
        "matchConditions": conditions,
        "variables": [me()],
        "validations": [must(
            YOURS,
            "limits, quotas and network policies are made only in a claim of your own; kubectl ns-claim list --mine",
        )],
    });
    policy("contents", spec, None)
}

/// Roles only in one's own claim, and only the ones that a claim has.
fn role_bindings() -> Policy {
    let mut conditions = watched("request.namespace");
    conditions.push(others_pass());
    let owner = meta::OWNER_ROLE;
    let spec = json!({
        "matchConstraints": constraints(&[rule(
            "rbac.authorization.k8s.io",
            &["rolebindings"],
            &["CREATE", "UPDATE", "DELETE"],
        )]),
        "matchConditions": conditions,
        "variables": [
            me(),
            variable("role", "object == null ? oldObject.roleRef : object.roleRef"),
            variable("subjects", "object == null ? [] : object.?subjects.orValue([])"),
        ],
        "validations": [
            must(
                YOURS,
                "roles are bound only in a claim of your own; kubectl ns-claim list --mine",
            ),
            must(
                format!("variables.role.kind == 'ClusterRole' && variables.role.name in ['{owner}', 'edit']"),
                format!("in a claim only {owner} and edit are bound; kubectl ns-claim NAME --with USER"),
            ),
            must(
                format!(
                    "variables.role.name != '{owner}' || variables.subjects.all(s, \
                     (s.kind == 'User' && s.name == variables.me) || \
                     (s.kind == 'Group' && s.name.startsWith('onboard:') && s.name in request.userInfo.groups))"
                ),
                format!("{owner} is bound only to yourself; kubectl ns-claim NAME --with USER"),
            ),
            must(
                format!(
                    "variables.role.name == '{owner}' || variables.subjects.all(s, \
                     s.kind in ['User', 'Group'] && !s.name.startsWith('system:'))"
                ),
                "a claim is shared with users and groups of people; kubectl ns-claim NAME --with USER",
            ),
        ],
    });
    policy("rolebindings", spec, None)
}

fn index_only() -> Value {
    let mut rule = rule("", &["configmaps"], &["UPDATE", "DELETE"]);
    rule["resourceNames"] = json!([meta::INDEX]);
    let mut constraints = constraints(&[rule]);
    constraints["namespaceSelector"] =
        json!({"matchLabels": {"kubernetes.io/metadata.name": SYSTEM_NAMESPACE}});
    constraints
}

fn index_variables() -> [Value; 3] {
    [
        me(),
        variable("old", "oldObject.?data.orValue({})"),
        variable("new", "object == null ? {} : object.?data.orValue({})"),
    ]
}

/// The index: one's own entries only, and no more than allowed. Updates of one object are
/// serialized by the server, so the count cannot be raced.
fn index(settings: &Settings) -> Policy {
    let max = settings.max_claims;
    let [me, old, new] = index_variables();
    let spec = json!({
        "matchConstraints": index_only(),
        "matchConditions": watched("request.namespace"),
        "variables": [
            me,
            old,
            new,
            variable("mine", "variables.new.filter(n, variables.new[n] == variables.me)"),
            variable("mineBefore", "variables.old.filter(n, variables.old[n] == variables.me)"),
        ],
        "validations": [
            must(
                "request.operation == 'UPDATE'",
                "the index of claims is not yours to delete; kubectl ns-claim release NAME",
            ),
            must(
                "object != null && object.metadata.?annotations == oldObject.metadata.?annotations && \
                 object.metadata.?labels == oldObject.metadata.?labels && \
                 object.metadata.?finalizers == oldObject.metadata.?finalizers && \
                 object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences && \
                 !has(object.binaryData) && !has(object.immutable)",
                "only your own entries in the index of claims are yours to change; kubectl ns-claim NAME",
            ),
            must(
                "variables.new.all(n, n in variables.old ? variables.old[n] == variables.new[n] : \
                 variables.new[n] == variables.me) && \
                 variables.old.all(n, n in variables.new || variables.old[n] == variables.me)",
                "somebody else holds this claim, or it is not for you; kubectl ns-claim NAME",
            ),
            {
                "expression": format!(
                    "variables.mine.size() <= {max} || variables.mine.size() <= variables.mineBefore.size()"
                ),
                "message": format!("you hold all of the {max} claims that you may hold; kubectl ns-claim release NAME"),
                "messageExpression": format!(
                    "'you hold ' + string(variables.mineBefore.size()) + ' of {max} claims (' + \
                     variables.mineBefore.join(', ') + '); kubectl ns-claim release ' + \
                     (variables.mineBefore.size() > 0 ? variables.mineBefore[0] : 'NAME')"
                ),
                "reason": "Forbidden",
            },
        ],
    });
    policy("index", spec, None)
}

/// A place in the index is free when its namespace is gone or going. The policy is evaluated once
/// for each claim that there is.
fn release() -> Policy {
    let [me, old, new] = index_variables();
    let owner = meta::OWNER;
    let spec = json!({
        "paramKind": {"apiVersion": "v1", "kind": "Namespace"},
        "matchConstraints": index_only(),
        "matchConditions": watched("request.namespace"),
        "variables": [me, old, new],
        "validations": [must(
            format!(
                "!(params.metadata.name in variables.old) || params.metadata.name in variables.new || \
                 has(params.metadata.deletionTimestamp) || \
                 params.metadata.?annotations[?'{owner}'].orValue('') != variables.me"
            ),
            "the place of a claim is free when its namespace is gone; kubectl ns-claim release NAME",
        )],
    });
    let parameters = json!({
        "selector": {"matchLabels": {meta::CLAIM.0: meta::CLAIM.1}},
        "parameterNotFoundAction": "Allow",
    });
    policy("release", spec, Some(parameters))
}

/// Returns a CEL list of strings.
fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    format!("[{}]", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_fails_closed_and_denies() {
        let objects = objects(&Settings::default());
        assert_eq!(objects.len(), 12);
        for pair in objects.chunks(2) {
            assert_eq!(pair[0]["spec"]["failurePolicy"], "Fail");
            assert_eq!(pair[1]["spec"]["validationActions"], json!(["Deny"]));
            assert_eq!(pair[1]["spec"]["policyName"], pair[0]["metadata"]["name"]);
        }
    }

    #[test]
    fn every_refusal_says_what_is_allowed() {
        for object in objects(&Settings::default()) {
            for rule in object["spec"]["validations"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let message = rule["message"].as_str().unwrap();
                assert!(message.contains("; "), "{message}");
            }
        }
    }

    #[test]
    fn the_cap_is_the_installations() {
        let settings = Settings {
            max_claims: 7,
            ..Settings::default()
        };
        assert!(index(&settings).1.to_string().contains("<= 7"));
        assert!(
            namespaces(&settings)
                .1
                .to_string()
                .contains("duration('604860s')")
        );
    }
}
