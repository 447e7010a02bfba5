//! The bindings of a user, and what becomes of them as a run changes them one after the other.

use std::collections::BTreeMap;

use groundcrew::tenancy::{CLAIM_OWNER_BINDING, SYSTEM_NAMESPACE};
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use kube::Resource;

use crate::model::change::{Change, Line};
use crate::model::holder::Holder;
use crate::model::labels;
use crate::model::objects::binding;
use crate::model::objects::binding::Binding;
use crate::model::onboarding::observed::Observed;
use crate::model::onboarding::plan::Place;
use crate::model::settings::Extra;
use crate::model::user::UserName;

/// A binding of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// To a role in a namespace.
    Place(Place),
    /// To a right in the whole cluster.
    Wide(Extra),
    /// To the index of claims, in the namespace of records.
    Index,
    /// In a namespace that the user has claimed.
    Claim(String),
}

impl Bound {
    /// Returns every binding that these places and rights take.
    pub fn all<'a>(places: &'a [Place], extras: &'a [Extra]) -> impl Iterator<Item = Self> + 'a {
        let places = places.iter().cloned().map(Self::Place);
        let extras = extras.iter().flat_map(|extra| {
            let index = (*extra == Extra::Claims).then_some(Self::Index);
            std::iter::once(Self::Wide(*extra)).chain(index)
        });
        places.chain(extras)
    }

    /// Returns how it is told.
    #[must_use]
    pub fn line(&self, user: &UserName, holders: &[Holder], change: Change) -> Line {
        let to: Vec<String> = holders.iter().map(Holder::describe).collect();
        let to = to.join(", ");
        match self {
            Self::Place(place) => {
                let name = labels::binding_name(user);
                let object = format!("rolebinding/{}/{name}", place.namespace);
                Line::new(object, change, format!("{} → {to}", place.role))
            }
            Self::Wide(extra) => {
                let object = format!("clusterrolebinding/{}", extra.binding_name(user));
                Line::new(object, change, format!("{} → {to}", extra.role()))
            }
            Self::Index => {
                let name = Extra::Claims.binding_name(user);
                let object = format!("rolebinding/{SYSTEM_NAMESPACE}/{name}");
                Line::new(object, change, format!("{} → {to}", Extra::Claims.role()))
            }
            Self::Claim(namespace) => Line::new(
                format!("rolebinding/{namespace}/{CLAIM_OWNER_BINDING}"),
                change,
                format!("claim → {to}"),
            ),
        }
    }
}

/// The bindings as a run changes them one after the other.
pub struct Bindings {
    roles: BTreeMap<(Option<String>, Option<String>), RoleBinding>,
    wide: BTreeMap<(Option<String>, Option<String>), ClusterRoleBinding>,
}

impl Bindings {
    pub fn of(observed: &Observed) -> Self {
        let roles = observed.bindings.iter().chain(&observed.claims).cloned();
        let wide = observed.wide.iter().cloned();
        Self {
            roles: roles.map(|binding| (key(&binding), binding)).collect(),
            wide: wide.map(|binding| (key(&binding), binding)).collect(),
        }
    }

    pub fn remove(&mut self, namespace: &str, user: &UserName) -> Option<RoleBinding> {
        let name = labels::binding_name(user);
        self.roles.remove(&(Some(namespace.to_owned()), Some(name)))
    }

    /// Binds, and says what that changes; `None` when it does not concern these holders.
    pub fn bind(&mut self, bound: &Bound, user: &UserName, holders: &[Holder]) -> Option<Change> {
        match bound {
            Bound::Place(place) => {
                let (namespace, role) = (&place.namespace, &place.role);
                let wanted = binding::role_binding(namespace, user, role, holders);
                Some(put(&mut self.roles, wanted))
            }
            Bound::Wide(extra) => Some(put(
                &mut self.wide,
                binding::wide_binding(*extra, user, holders),
            )),
            Bound::Index => Some(put(
                &mut self.roles,
                binding::claims_in_records(user, holders),
            )),
            Bound::Claim(namespace) => {
                let key = (
                    Some(namespace.clone()),
                    Some(CLAIM_OWNER_BINDING.to_owned()),
                );
                let found = self.roles.get_mut(&key)?;
                *found = binding::reheld(found, user, holders)?;
                Some(Change::Configured)
            }
        }
    }
}

fn key<K: Resource>(object: &K) -> (Option<String>, Option<String>) {
    let metadata = object.meta();
    (metadata.namespace.clone(), metadata.name.clone())
}

fn put<K: Binding>(all: &mut BTreeMap<(Option<String>, Option<String>), K>, wanted: K) -> Change {
    let key = key(&wanted);
    match all.get(&key).map(|found| binding::rebound(found, &wanted)) {
        None => {
            all.insert(key, wanted);
            Change::Created
        }
        Some(None) => Change::Unchanged,
        Some(Some(changed)) => {
            all.insert(key, changed);
            Change::Configured
        }
    }
}
