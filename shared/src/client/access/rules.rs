//! Evaluating rules as the API server's RBAC does (`pkg/apis/rbac/v1/evaluation_helpers.go`).

use k8s_openapi::api::authorization::v1::ResourceRule;
use k8s_openapi::api::rbac::v1::PolicyRule;

use super::right::Access;

/// Says whether any of the rules allows it.
pub(super) fn allow(rules: &[ResourceRule], access: &Access) -> bool {
    rules.iter().any(|rule| allows(rule, access))
}

fn allows(rule: &ResourceRule, access: &Access) -> bool {
    let any = |list: &[String], wanted: &str| {
        list.iter()
            .any(|element| element == "*" || element == wanted)
    };
    let names = rule.resource_names.as_deref().unwrap_or_default();
    any(&rule.verbs, &access.verb)
        && any(rule.api_groups.as_deref().unwrap_or_default(), &access.group)
        && rule.resources.iter().flatten().any(|resource| covers(resource, access))
        // A `*` among names is a name like any other.
        && (names.is_empty() || access.name.as_ref().is_some_and(|name| names.contains(name)))
}

/// Says whether a role with these rules grants it where the role is bound.
#[must_use]
pub fn granted(rules: &[PolicyRule], access: &Access) -> bool {
    rules.iter().any(|rule| {
        let rule = ResourceRule {
            api_groups: rule.api_groups.clone(),
            resource_names: rule.resource_names.clone(),
            resources: rule.resources.clone(),
            verbs: rule.verbs.clone(),
        };
        allows(&rule, access)
    })
}

/// `*` covers subresources too, `pods` does not cover `pods/log`, `*/log` covers any log.
fn covers(resource: &str, access: &Access) -> bool {
    match (resource, &access.subresource) {
        ("*", _) => true,
        (_, None) => resource == access.resource,
        (_, Some(subresource)) => resource.split_once('/').is_some_and(|(parent, sub)| {
            sub == subresource && (parent == "*" || parent == access.resource)
        }),
    }
}
