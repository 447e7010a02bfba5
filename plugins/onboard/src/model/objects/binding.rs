//! Who the user is bound as, and the bindings that give them rights.

use groundcrew::error::{Error, Result};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, RoleBinding, RoleRef, Subject,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;

use crate::model::holder::Holder;
use crate::model::labels;
use crate::model::labels::binding_name;
use crate::model::login::Asserted;
use crate::model::objects::compare::lacks;
use crate::model::settings::Extra;
use crate::model::user::UserName;

/// A binding of either kind.
pub trait Binding: Resource<DynamicType = ()> + Clone {
    /// Who it names.
    fn subjects(&self) -> &Option<Vec<Subject>>;

    /// Lets it name others.
    fn set_subjects(&mut self, subjects: Option<Vec<Subject>>);
}

impl Binding for RoleBinding {
    fn subjects(&self) -> &Option<Vec<Subject>> {
        &self.subjects
    }

    fn set_subjects(&mut self, subjects: Option<Vec<Subject>>) {
        self.subjects = subjects;
    }
}

impl Binding for ClusterRoleBinding {
    fn subjects(&self) -> &Option<Vec<Subject>> {
        &self.subjects
    }

    fn set_subjects(&mut self, subjects: Option<Vec<Subject>>) {
        self.subjects = subjects;
    }
}

/// Returns the binding that gives `extra` to `holders`.
#[must_use]
pub fn wide_binding(extra: Extra, user: &UserName, holders: &[Holder]) -> ClusterRoleBinding {
    ClusterRoleBinding {
        metadata: labels::object(&extra.binding_name(user), None, user),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: extra.role().to_owned(),
        },
        subjects: Some(holders.iter().map(Holder::subject).collect()),
    }
}

/// Returns the half of the right to claim that lies in the namespace of records: to write the
/// user's own entries into the index of claims. `kubectl ns-claim install` makes the Role.
#[must_use]
pub fn claims_in_records(user: &UserName, holders: &[Holder]) -> RoleBinding {
    let name = Extra::Claims.binding_name(user);
    RoleBinding {
        metadata: labels::object(&name, Some(SYSTEM_NAMESPACE), user),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "Role".to_owned(),
            name: Extra::Claims.role().to_owned(),
        },
        subjects: Some(holders.iter().map(Holder::subject).collect()),
    }
}

/// Returns the role of those who may ask for their next certificate: to make a request and to see
/// what became of it. Who approves is for others to say.
#[must_use]
pub fn renewer() -> ClusterRole {
    let words = |all: &[&str]| all.iter().map(|word| (*word).to_owned()).collect();
    let (key, value) = labels::MANAGED_BY;
    let mut role = ClusterRole {
        rules: Some(vec![PolicyRule {
            api_groups: Some(words(&["certificates.k8s.io"])),
            resources: Some(words(&["certificatesigningrequests"])),
            verbs: words(&["create", "get"]),
            ..PolicyRule::default()
        }]),
        ..ClusterRole::default()
    };
    role.metadata.name = Some(Extra::Renewal.role().to_owned());
    role.metadata.labels = Some([(key.to_owned(), value.to_owned())].into());
    role
}

/// Returns the binding that gives `role` in the user's namespace to `holders`.
#[must_use]
pub fn role_binding(
    namespace: &str,
    user: &UserName,
    role: &str,
    holders: &[Holder],
) -> RoleBinding {
    RoleBinding {
        metadata: labels::object(&binding_name(user), Some(namespace), user),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: role.to_owned(),
        },
        subjects: Some(holders.iter().map(Holder::subject).collect()),
    }
}

/// Returns what gives the same role to the same holders under the second name.
#[must_use]
pub fn next(wanted: &RoleBinding, user: &UserName) -> RoleBinding {
    let mut next = renewed(wanted);
    next.metadata.name = Some(labels::next_binding_name(user));
    next
}

/// Returns a binding as it can be created again: without what the server has added.
#[must_use]
pub fn renewed(found: &RoleBinding) -> RoleBinding {
    let metadata = ObjectMeta {
        name: found.metadata.name.clone(),
        namespace: found.metadata.namespace.clone(),
        labels: found.metadata.labels.clone(),
        annotations: found.metadata.annotations.clone(),
        ..ObjectMeta::default()
    };
    RoleBinding {
        metadata,
        ..found.clone()
    }
}

/// Returns `found` with the subjects, labels and annotations of `wanted`, or nothing when it has
/// them already. What others have added beside them stays.
#[must_use]
pub fn rebound<K: Binding>(found: &K, wanted: &K) -> Option<K> {
    let (has, needs) = (found.meta(), wanted.meta());
    if found.subjects() == wanted.subjects()
        && !lacks(needs.labels.as_ref(), has.labels.as_ref())
        && !lacks(needs.annotations.as_ref(), has.annotations.as_ref())
    {
        return None;
    }
    let mut changed = found.clone();
    changed.set_subjects(wanted.subjects().clone());
    let metadata = changed.meta_mut();
    let labels = metadata.labels.get_or_insert_default();
    labels.extend(needs.labels.clone().unwrap_or_default());
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.extend(needs.annotations.clone().unwrap_or_default());
    metadata.managed_fields = None;
    Some(changed)
}

/// Returns the binding of a claim of the user's with their subjects of now, or nothing when it has
/// them already or names them not at all. Other subjects in it stay.
///
/// The user's bare user name is replaced as well: it would let certificates in that were revoked.
#[must_use]
pub fn reheld(found: &RoleBinding, user: &UserName, holders: &[Holder]) -> Option<RoleBinding> {
    let theirs = |subject: &Subject| match subject.kind.as_str() {
        "Group" => user.generation_of(&subject.name).is_some(),
        "User" => subject.name == user.as_str(),
        _ => false,
    };
    let named = found.subjects.clone().unwrap_or_default();
    let (old, others): (Vec<Subject>, Vec<Subject>) = named.into_iter().partition(theirs);
    let new: Vec<Subject> = holders.iter().map(Holder::subject).collect();
    if old.is_empty() || old == new {
        return None;
    }
    let mut changed = found.clone();
    changed.subjects = Some(others.into_iter().chain(new).collect());
    changed.metadata.managed_fields = None;
    Some(changed)
}

/// Checks that the user's binding names nobody but them: what somebody has added by hand is not
/// dropped unasked.
///
/// # Errors
///
/// Conflict, with the subject named; never with `force`.
pub fn check_subjects<K: Binding>(
    found: &K,
    user: &UserName,
    asserted: &[Asserted],
    force: bool,
) -> Result<()> {
    let login = |subject: &Subject| {
        asserted.iter().any(|one| match one {
            Asserted::User(name) => subject.kind == "User" && subject.name == *name,
            Asserted::Group(name) => subject.kind == "Group" && subject.name == *name,
        })
    };
    let theirs = |subject: &Subject| match subject.kind.as_str() {
        _ if login(subject) => true,
        "Group" => user.generation_of(&subject.name).is_some(),
        "ServiceAccount" => {
            subject.name == binding_name(user)
                && subject.namespace.as_deref() == Some(SYSTEM_NAMESPACE)
        }
        _ => false,
    };
    let mut subjects = found.subjects().iter().flatten();
    let Some(other) = subjects.find(|subject| !theirs(subject)).filter(|_| !force) else {
        return Ok(());
    };
    let name = found.meta().name.as_deref().unwrap_or_default();
    let place = match &found.meta().namespace {
        Some(namespace) => format!("rolebinding {namespace}/{name}"),
        None => format!("clusterrolebinding {name}"),
    };
    let kind = other.kind.to_lowercase();
    Err(Error::conflict(format!(
        "{place} also gives rights to {kind} {:?}, which {user}'s access does not need",
        other.name
    ))
    .with_hint("give them a binding of their own, or pass --force-conflicts to take them out"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> UserName {
        UserName::parse("alice").unwrap()
    }

    #[test]
    fn rights_hang_on_a_group_or_an_account_never_on_the_user() {
        for holder in [
            Holder::Group("onboard:alice:g1".to_owned()),
            Holder::ServiceAccount("onboard-alice".to_owned()),
        ] {
            let binding = role_binding("alice", &alice(), "edit", &[holder]);
            let subjects = binding.subjects.unwrap();
            assert_eq!(subjects.len(), 1);
            assert_ne!(subjects[0].kind, "User");
        }
    }

    fn bound_to(holders: &[Holder]) -> RoleBinding {
        role_binding("alice", &alice(), "edit", holders)
    }

    #[test]
    fn a_binding_that_names_somebody_else_is_not_taken_over_unasked() {
        let group = |name: &str| Holder::Group(name.to_owned());
        let theirs = [
            group("onboard:alice:g1"),
            group("onboard:alice:g2"),
            Holder::ServiceAccount("onboard-alice".to_owned()),
        ];
        assert!(check_subjects(&bound_to(&theirs), &alice(), &[], false).is_ok());
        for other in [
            group("onboard:alice2:g1"),
            group("developers"),
            Holder::ServiceAccount("onboard-bob".to_owned()),
        ] {
            let found = bound_to(&[theirs[0].clone(), other]);
            let error = check_subjects(&found, &alice(), &[], false).unwrap_err();
            assert!(error.to_string().contains("alice/onboard-alice"), "{error}");
            assert!(check_subjects(&found, &alice(), &[], true).is_ok());
        }
    }

    #[test]
    fn a_claim_is_held_by_the_generations_that_live_and_by_others_as_before() {
        let group = |name: &str| Holder::Group(name.to_owned());
        let [one, two] = ["onboard:alice:g1", "onboard:alice:g2"].map(group);
        let claim = bound_to(&[group("qa"), one.clone()]);
        let both = [one, two.clone()];
        let during = reheld(&claim, &alice(), &both).unwrap();
        let names = |binding: &RoleBinding| -> Vec<String> {
            let subjects = binding.subjects.clone().unwrap_or_default();
            subjects.into_iter().map(|subject| subject.name).collect()
        };
        assert_eq!(
            names(&during),
            ["qa", "onboard:alice:g1", "onboard:alice:g2"]
        );
        assert_eq!(reheld(&during, &alice(), &both), None);
        let after = reheld(&during, &alice(), std::slice::from_ref(&two)).unwrap();
        assert_eq!(names(&after), ["qa", "onboard:alice:g2"]);
        let bare = bound_to(&[Holder::Asserted(Asserted::User("alice".to_owned()))]);
        let bare = reheld(&bare, &alice(), std::slice::from_ref(&two)).unwrap();
        assert_eq!(names(&bare), ["onboard:alice:g2"]);
        let anothers = bound_to(&[group("onboard:alice2:g1")]);
        assert_eq!(reheld(&anothers, &alice(), &[two]), None);
    }

    #[test]
    fn what_others_have_written_on_a_binding_stays() {
        let [one, two] = ["g1", "g2"].map(|g| Holder::Group(format!("onboard:alice:{g}")));
        let mut found = bound_to(std::slice::from_ref(&one));
        let note = ("note".to_owned(), "kept".to_owned());
        let labels = found.metadata.labels.get_or_insert_default();
        labels.extend([note.clone()]);
        assert_eq!(rebound(&found, &bound_to(&[one])), None);
        let changed = rebound(&found, &bound_to(std::slice::from_ref(&two))).unwrap();
        assert_eq!(changed.subjects, bound_to(&[two]).subjects);
        assert_eq!(changed.metadata.labels.unwrap()["note"], "kept");
    }
}
