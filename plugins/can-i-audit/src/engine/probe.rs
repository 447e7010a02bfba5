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

/// A request in numbers, for asking it of many lists of rules.
#[derive(Debug)]
pub struct Prepared<'q>(Asked<'q>);

impl World<'_> {
    /// Turns a request into numbers.
    #[must_use]
    pub fn prepare<'q>(&self, action: &'q Action) -> Prepared<'q> {
        Prepared(Asked::new(action, &self.symbols))
    }

    /// Says how far each distinct list of rules reaches, in the order of their numbers.
    #[must_use]
    pub fn reach(&self, Prepared(asked): &Prepared<'_>) -> Vec<Reach> {
        self.sets
            .iter()
            .map(|set| {
                let rules = set.compiled.iter();
                rules
                    .map(|rule| rule.reach(asked))
                    .max()
                    .unwrap_or_default()
            })
            .collect()
    }

    /// Returns the rules of a list that reach something, by index.
    pub fn reaching(
        &self,
        set: SetId,
        Prepared(asked): &Prepared<'_>,
    ) -> impl Iterator<Item = usize> {
        let rules = self.sets[set.index()].compiled.iter().enumerate();
        rules
            .filter(|(_, rule)| rule.reach(asked) > Reach::None)
            .map(|(index, _)| index)
    }
}
