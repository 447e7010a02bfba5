//! Rules without regard to names: does a list of rules reach something at all?

use super::World;
use super::rules::{Asked, SetId};
use crate::question::Action;

/// How far a list of rules reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Not at all.
    #[default]
    None,
    /// To objects of certain names.
    Named,
    /// To every object.
    All,
}

impl World<'_> {
    /// Says how far each distinct list of rules reaches, in the order of their numbers.
    #[must_use]
    pub fn reach(&self, action: &Action) -> Vec<Reach> {
        let asked = Asked::new(action, &self.symbols);
        self.sets
            .iter()
            .map(|set| {
                let rules = set.compiled.iter();
                rules
                    .map(|rule| rule.reach(&asked))
                    .max()
                    .unwrap_or_default()
            })
            .collect()
    }

    /// Returns the rules of a list that reach something, by index.
    #[must_use]
    pub fn reaching(&self, set: SetId, action: &Action) -> Vec<usize> {
        let asked = Asked::new(action, &self.symbols);
        let rules = self.sets[set.index()].compiled.iter().enumerate();
        rules
            .filter(|(_, rule)| rule.reach(&asked) > Reach::None)
            .map(|(index, _)| index)
            .collect()
    }
}
