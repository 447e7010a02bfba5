//! Strings as numbers.

use std::collections::HashMap;

/// A string that some object holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Symbol(u32);

/// Every string that was seen.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    known: HashMap<Box<str>, Symbol>,
}

impl Symbols {
    /// Returns the number of a string, a new one if need be.
    pub(super) fn intern(&mut self, text: &str) -> Symbol {
        if let Some(symbol) = self.known.get(text) {
            return *symbol;
        }
        let next = Symbol(u32::try_from(self.known.len()).unwrap_or(u32::MAX));
        self.known.insert(text.into(), next);
        next
    }

    /// Returns the number of a string; a string that no object holds has none.
    pub(super) fn get(&self, text: &str) -> Option<Symbol> {
        self.known.get(text).copied()
    }
}
