//! The document of findings.

use can_i_audit::model::engine::World;
use can_i_audit::model::risks::Finding;
use can_i_audit::model::risks::row::Row;
use serde::{Serialize, Serializer};

/// Its body.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'a> {
    pub(super) suppressed: usize,
    pub(super) findings: Rows<'a>,
}

/// The findings as rows, each made when it is written: there may be very many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a> {
    pub(super) world: &'a World<'a>,
    pub(super) found: &'a [Finding],
}

impl<'a> Rows<'a> {
    /// Returns the rows.
    pub(super) fn iter(self) -> impl Iterator<Item = Row<'a>> {
        self.found
            .iter()
            .map(move |finding| Row::new(self.world, finding))
    }
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
