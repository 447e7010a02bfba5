//! The policies on the index of claims, and on what has to stand in it.

use groundcrew::tenancy::SYSTEM_NAMESPACE;
use serde_json::{Value, json};

use super::cel::{Policy, constraints, me, must, policy, rule, variable, watched};
use super::contents::YOURS;
use crate::model::index::CLOSING;
use crate::model::meta;
use crate::model::settings::Settings;

/// The guard's words when the index does not name the claimer yet; its copy of the index lags by
/// some milliseconds.
pub const NOT_IN_INDEX: &str = "the index does not name you as its holder";

/// What is made in the name of a claim has its place in the index, and so counts.
pub fn entries() -> Policy {
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
            // Other people's namespaces are refused by another policy; one refusal names one reason.
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

/// Says that the keys of this project are as they were; others may be a platform's, which labels
/// and annotates what passes by.
fn own_kept(field: &str) -> String {
    let of = |object: &str| format!("{object}.metadata.?{field}.orValue({{}})");
    let (old, new) = (of("oldObject"), of("object"));
    let own = "(k.startsWith('groundcrew.dev/') || k == 'app.kubernetes.io/managed-by')";
    // Bounded, so that nobody fills what others write too.
    format!(
        "{new}.all(k, {old}[?k] == {new}[?k] || (!{own} && {new}[k].size() <= 256)) && \
         {old}.all(k, !{own} || k in {new}) && ({new}.size() <= 32 || {new}.size() <= {old}.size())"
    )
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
pub fn index(settings: &Settings) -> Policy {
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
                "you cannot delete the index of claims; kubectl ns-claim release NAME",
            ),
            must(
                format!(
                    "object != null && {} && {} && object.metadata.?finalizers == oldObject.metadata.?finalizers && \
                     object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences && \
                     !has(object.binaryData) && !has(object.immutable)",
                    own_kept("annotations"),
                    own_kept("labels"),
                ),
                "you can change only your own entries in the index of claims; kubectl ns-claim NAME",
            ),
            must(
                "variables.new.all(n, n in variables.old ? variables.old[n] == variables.new[n] : \
                 variables.new[n] == variables.me) && \
                 variables.old.all(n, n in variables.new || variables.old[n] == variables.me)",
                "someone else holds this claim, or you tried to claim for another user; kubectl ns-claim NAME",
            ),
            must(
                // Two requests on two connections may each see what was before the other, so a
                // claimer who could remove an entry could keep its namespace.
                "variables.old.all(n, n in variables.new)",
                "the reaper frees the place of a claim, when its namespace is gone; kubectl ns-claim release NAME",
            ),
            must(
                format!(
                    "variables.new.all(n, n in variables.old || \
                     (n.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && !((n + '{CLOSING}') in variables.old)))"
                ),
                "this name is being freed, or cannot be one of a namespace; choose another one",
            ),
            {
                "expression": format!(
                    "variables.mine.size() <= {max} || variables.mine.size() <= variables.mineBefore.size()"
                ),
                "message": format!("you hold {max} claims, the most allowed; kubectl ns-claim release NAME"),
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
