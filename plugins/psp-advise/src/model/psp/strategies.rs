//! The strategies that are asked about the pod and about each container: ids, seccomp, SELinux.
//!
//! Source: `pkg/security/podsecuritypolicy/{group,seccomp,selinux}`.

use serde_json::Value;

use super::errors::{forbidden, go_list, invalid, required};
use super::mutate::SECCOMP_ALLOWED;
use super::policy::{IdRange, Policy, Rule};
use crate::model::text::go_quote;

/// Prints ranges as `%v` does: `[{1 5} {7 9}]`.
pub(super) fn ranges_text(ranges: &[IdRange]) -> String {
    let parts: Vec<String> = ranges
        .iter()
        .map(|range| format!("{{{} {}}}", range.min, range.max))
        .collect();
    format!("[{}]", parts.join(" "))
}

/// `group/mustrunas.go` and `group/mayrunas.go`.
pub(super) fn groups(rule: &Rule, path: &str, groups: Option<Vec<i64>>, errors: &mut Vec<String>) {
    if rule.rule != "MustRunAs" && rule.rule != "MayRunAs" {
        return;
    }
    let printed = go_list(
        "int64",
        groups
            .as_ref()
            .map(|groups| groups.iter().map(ToString::to_string).collect()),
    );
    let groups = groups.unwrap_or_default();
    if rule.rule == "MustRunAs" && groups.is_empty() {
        let detail = "unable to validate empty groups against required ranges";
        errors.push(invalid(path, &printed, detail));
    }
    for group in groups {
        if !rule.ranges.iter().any(|range| range.contains(group)) {
            let ranges = ranges_text(&rule.ranges);
            let detail = format!("group {group} must be in the ranges: {ranges}");
            errors.push(invalid(path, &printed, &detail));
        }
    }
}

/// `seccomp/strategy.go`: no list allows only what is not set; an empty element of the list is that
/// as well; `docker/default` and `runtime/default` are one.
pub(super) fn seccomp(policy: &Policy, path: &str, profile: &str, errors: &mut Vec<String>) {
    let list = policy.metadata.annotations.get(SECCOMP_ALLOWED);
    let text = list.map(String::as_str).unwrap_or_default();
    let elements: Vec<&str> = list
        .map(|list| list.split(',').collect())
        .unwrap_or_default();
    let any = elements.contains(&"*");
    let named: Vec<&str> = elements
        .into_iter()
        .filter(|element| *element != "*")
        .collect();
    if any {
        return;
    }
    if named.is_empty() {
        if !profile.is_empty() {
            errors.push(forbidden(path, "seccomp may not be set"));
        }
        return;
    }
    let is_default = |profile: &str| matches!(profile, "docker/default" | "runtime/default");
    let allowed = named.contains(&profile)
        || (is_default(profile) && named.iter().any(|element| is_default(element)));
    if !allowed {
        let detail =
            format!("{profile} is not an allowed seccomp profile. Valid values are {text}");
        errors.push(forbidden(path, &detail));
    }
}

/// `selinux/mustrunas.go`: categories are a set, ranges of them are not opened.
pub(super) fn se_linux(policy: &Policy, path: &str, options: &Value, errors: &mut Vec<String>) {
    let rule = &policy.spec.se_linux;
    if rule.rule != "MustRunAs" {
        return;
    }
    if options.is_null() {
        errors.push(required(path, ""));
        return;
    }
    let wanted = rule.se_linux_options.clone().unwrap_or_default();
    for field in ["level", "role", "type", "user"] {
        let is = options[field].as_str().unwrap_or_default();
        let must = wanted[field].as_str().unwrap_or_default();
        let equal = if field == "level" {
            equal_levels(must, is)
        } else {
            must == is
        };
        if !equal {
            let detail = format!("must be {must}");
            errors.push(invalid(&format!("{path}.{field}"), &go_quote(is), &detail));
        }
    }
}

fn equal_levels(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let (Some((sensitivity, categories)), Some((other, others))) =
        (one.split_once(':'), other.split_once(':'))
    else {
        return false;
    };
    let sorted = |list: &str| {
        let mut list: Vec<String> = list.split(',').map(str::to_owned).collect();
        list.sort_unstable();
        list
    };
    sensitivity == other && sorted(categories) == sorted(others)
}
