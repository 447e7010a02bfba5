//! What a plan changes; nothing, when all is as it should be.

use groundcrew::tenancy::Profile;
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};

use crate::model::objects::{binding, compare, namespace};
use crate::model::onboarding::observed::Observed;
use crate::model::onboarding::plan::{CredentialStep, NamespaceStep, Plan};
use crate::model::settings::Extra;
use crate::model::user::UserName;

/// Returns what a run would change, in the order in which it does; empty when it would write
/// nothing.
#[must_use]
pub fn changes(
    user: &UserName,
    plan: &Plan,
    observed: &Observed,
    now: Timestamp,
) -> Vec<&'static str> {
    let mut all = Vec::new();
    match plan.namespace_step {
        NamespaceStep::Create => all.push("namespace"),
        NamespaceStep::Update => all.push("labels"),
        NamespaceStep::None | NamespaceStep::Keep => {}
    }
    if plan.namespace_step != NamespaceStep::None && !limited(user, plan, observed) {
        all.push("limits");
    }
    if !bound(user, plan, &observed.bindings)
        || !wide(user, plan, &observed.wide, &observed.bindings)
        || !plan.left.is_empty()
    {
        all.push("rights");
    }
    if matches!(plan.credential, CredentialStep::Issue { .. }) {
        all.push("credential");
    }
    let record = observed.record.as_ref().map(|found| &found.record);
    let due = record.is_some_and(|record| record.generations.iter().any(|issue| issue.is_due(now)));
    if due {
        all.push("end of old credentials");
    }
    let same = record.is_some_and(|record| {
        let kept = match &plan.credential {
            CredentialStep::KeepFile(held) => {
                let mut issues = record.generations.iter();
                issues.any(|issue| issue.generation == held.generation)
            }
            CredentialStep::KeepElsewhere(_) | CredentialStep::Issue { .. } => true,
        };
        record.settings == plan.settings
            && record.namespace == plan.namespace
            && record.begun.is_none()
            && record.ended.is_none()
            && kept
    });
    if !same && all.is_empty() {
        all.push("record");
    }
    all
}

fn limited(user: &UserName, plan: &Plan, observed: &Observed) -> bool {
    let found = &observed.existing;
    let namespace = &plan.namespace;
    let profile = plan.profile.as_ref();
    let limits = profile.and_then(Profile::limit_range).is_none_or(|spec| {
        let wanted = namespace::limit_range(spec, namespace, user);
        let found = found.limits.as_ref();
        found.is_some_and(|found| compare::is_as_wanted(found, &wanted))
    });
    let quota = profile.and_then(Profile::quota).is_none_or(|spec| {
        let wanted = namespace::quota(spec, namespace, user);
        let found = found.quota.as_ref();
        found.is_some_and(|found| compare::is_as_wanted(found, &wanted))
    });
    let policy = namespace::network_policy(plan.network, namespace, user).is_none_or(|wanted| {
        let found = found.policy.as_ref();
        found.is_some_and(|found| compare::is_as_wanted(found, &wanted))
    });
    limits && quota && policy
}

fn wide(
    user: &UserName,
    plan: &Plan,
    found: &[ClusterRoleBinding],
    bindings: &[RoleBinding],
) -> bool {
    plan.settings.extras.iter().all(|extra| {
        let wanted = binding::wide_binding(*extra, user, &plan.holders.after);
        let wide = found.iter().any(|binding| {
            binding.metadata.name == wanted.metadata.name
                && binding::rebound(binding, &wanted).is_none()
        });
        let inner = binding::claims_in_records(user, &plan.holders.after);
        let mut inside = bindings.iter().filter(|one| {
            one.metadata.namespace == inner.metadata.namespace
                && one.metadata.name == inner.metadata.name
        });
        let whole = *extra != Extra::Claims
            || inside.any(|binding| binding::rebound(binding, &inner).is_none());
        wide && whole
    })
}

fn bound(user: &UserName, plan: &Plan, found: &[RoleBinding]) -> bool {
    plan.places.iter().all(|place| {
        let wanted =
            binding::role_binding(&place.namespace, user, &place.role, &plan.holders.after);
        found.iter().any(|binding| {
            binding.metadata.namespace.as_ref() == Some(&place.namespace)
                && binding.role_ref.name == place.role
                && binding::rebound(binding, &wanted).is_none()
        })
    })
}
