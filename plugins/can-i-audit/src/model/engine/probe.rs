//! Rules without regard to names: does a list of rules reach something at all?

use std::collections::HashMap;

use super::rules::{Asked, Compiled, Reach, SetId};
use super::symbols::Symbol;
use super::world::World;
use crate::model::question::{Action, Target};

/// A request in numbers, for asking it of many lists of rules.
#[derive(Debug)]
pub struct Prepared<'q> {
    asked: Asked<'q>,
    nameless: bool,
}

impl Prepared<'_> {
    /// Says whether a real request of this kind never carries a name: a POST to a resource, and the
    /// deletion of a collection.
    #[must_use]
    pub fn is_nameless(&self) -> bool {
        self.nameless
    }
}

impl World<'_> {
    /// Turns a request into numbers.
    #[must_use]
    pub fn prepare<'q>(&self, action: &'q Action) -> Prepared<'q> {
        let nameless = match &action.target {
            Target::Resource(resource) => {
                resource.subresource.is_empty()
                    && matches!(action.verb.as_str(), "create" | "deletecollection")
            }
            Target::Path(_) => false,
        };
        Prepared {
            asked: Asked::new(action, &self.symbols),
            nameless,
        }
    }

    /// Calls `found` with every list of rules that reaches a request: the number of the list, the
    /// place of the request, and how far. Of one list it may be called more than once.
    ///
    /// Nearly every rule has nothing to do with nearly every request, so that requests are first
    /// sorted out by their words, all at once, and only the rest is looked at.
    pub fn probe(&self, requests: &[&Prepared<'_>], mut found: impl FnMut(usize, usize, Reach)) {
        for (part, requests) in requests.chunks(u128::BITS as usize).enumerate() {
            let words = Words::new(requests);
            for (number, set) in self.sets.iter().enumerate() {
                for rule in &set.compiled {
                    let mut left = words.of_rule(rule);
                    while left != 0 {
                        let at = left.trailing_zeros() as usize;
                        left &= left - 1;
                        let reach = rule.reach(&requests[at].asked);
                        if reach > Reach::None {
                            found(number, part * u128::BITS as usize + at, reach);
                        }
                    }
                }
            }
        }
    }

    /// Returns the rules of a list that reach something, by index; those for certain names alone
    /// only where `named` says so.
    pub fn reaching(
        &self,
        set: SetId,
        request: &Prepared<'_>,
        named: bool,
    ) -> impl Iterator<Item = usize> {
        let least = if named { Reach::Named } else { Reach::All };
        let rules = self.sets[set.index()].compiled.iter().enumerate();
        rules
            .filter(move |(_, rule)| rule.reach(&request.asked) >= least)
            .map(|(index, _)| index)
    }
}

/// Which of at most 128 requests, one bit each, are about a verb, a group, a resource.
struct Words {
    verbs: HashMap<Symbol, u128>,
    groups: HashMap<Symbol, u128>,
    resources: HashMap<Symbol, u128>,
    paths: u128,
    all: u128,
}

impl Words {
    fn new(requests: &[&Prepared<'_>]) -> Self {
        let mut words = Self {
            verbs: HashMap::new(),
            groups: HashMap::new(),
            resources: HashMap::new(),
            paths: 0,
            all: 0,
        };
        let add = |into: &mut HashMap<Symbol, u128>, word: Option<Symbol>, bit: u128| {
            if let Some(word) = word {
                *into.entry(word).or_default() |= bit;
            }
        };
        for (at, Prepared { asked, .. }) in requests.iter().enumerate() {
            let bit = 1 << at;
            words.all |= bit;
            match *asked {
                Asked::Resource {
                    verb,
                    group,
                    combined,
                    starred,
                    ..
                } => {
                    add(&mut words.verbs, verb, bit);
                    add(&mut words.groups, group, bit);
                    add(&mut words.resources, combined, bit);
                    add(&mut words.resources, starred, bit);
                }
                Asked::Path { verb, .. } => {
                    add(&mut words.verbs, verb, bit);
                    words.paths |= bit;
                }
            }
        }
        words
    }

    /// Returns the requests that a rule may reach, and no fewer.
    fn of_rule(&self, rule: &Compiled) -> u128 {
        let verbs = rule.verbs.among(&self.verbs);
        if verbs == 0 {
            return 0;
        }
        let resources = rule.groups.among(&self.groups) & rule.resources.among(&self.resources);
        // A wildcard has bits also where there is no request.
        verbs & (resources | self.paths) & self.all
    }
}
