//! What a subject holds in one place.

use super::capabilities::Mask;
use crate::model::engine::SetId;

/// The bindings of a subject in one scope.
#[derive(Clone, Copy, Default)]
pub(super) struct Held<'b> {
    pub(super) mask: Mask,
    /// Bindings with the index of the subject.
    pub(super) bindings: &'b [(usize, usize)],
}

/// Everything that a subject has in one place.
pub(super) struct Parts<'p> {
    pub(super) mask: Mask,
    /// Its bindings there and cluster-wide.
    pub(super) bindings: [&'p [(usize, usize)]; 2],
    /// Lists of rules beyond the bindings, and whether a RoleBinding would give them.
    pub(super) more: Option<(SetId, bool)>,
}

impl<'p> Parts<'p> {
    /// What is held through bindings of one scope.
    pub(super) fn of(held: &Held<'p>) -> Self {
        Self {
            mask: held.mask,
            bindings: [held.bindings, &[]],
            more: None,
        }
    }
}
