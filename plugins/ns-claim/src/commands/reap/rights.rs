//! The rights of a run, read from the kinds of what it does.
//!
//! All kinds are asked for, whatever this run finds to do: a schedule that could not delete is told
//! on its first day, not when the first claim is due.

use groundcrew::client::Session;
use groundcrew::client::access::Access;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use k8s_openapi::api::core::v1::{
    ConfigMap, Event, Namespace, PersistentVolume, Pod, ResourceQuota, Service,
};

use crate::model::meta;

/// A kind of step.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Seeing claims, index, ledger and quotas.
    Look,
    /// Warning an owner.
    Warn,
    /// Deleting a claim, with its tombstone.
    Delete,
    /// Shortening the grace of pods in what is going.
    Hasten,
    /// Writing down what was seen.
    Record,
    /// Putting entries into the index and taking them out.
    Entry,
}

impl Kind {
    /// Every kind that a run is made of.
    pub const ALL: [Self; 6] = [
        Self::Look,
        Self::Warn,
        Self::Delete,
        Self::Hasten,
        Self::Record,
        Self::Entry,
    ];

    /// Returns the rights that such a step takes.
    #[must_use]
    pub fn rights(self, session: &Session) -> Vec<Access> {
        let maps = session.in_(SYSTEM_NAMESPACE).of::<ConfigMap>();
        let namespaces = session.of::<Namespace>();
        let pods = session.everywhere::<Pod>();
        match self {
            Self::Look => vec![
                namespaces.right("get"),
                namespaces.right("list"),
                session.everywhere::<ResourceQuota>().right("list"),
                maps.right("get").named(meta::INDEX),
                maps.right("get").named(meta::LEDGER),
                maps.right("list"),
            ],
            Self::Warn => vec![
                namespaces.right("patch"),
                session.everywhere::<Event>().right("create"),
            ],
            Self::Delete => vec![
                namespaces.right("delete"),
                session.everywhere::<Service>().right("list"),
                session.of::<PersistentVolume>().right("list"),
                maps.right("patch"),
            ],
            Self::Hasten => vec![pods.right("list"), pods.right("delete")],
            Self::Record => vec![
                maps.right("create"),
                maps.right("update"),
                maps.right("delete"),
            ],
            Self::Entry => vec![maps.right("patch").named(meta::INDEX)],
        }
    }
}
