//! Rules in numbers, and whether one allows a request
//! (`pkg/apis/rbac/v1/evaluation_helpers.go`).

use std::collections::HashMap;

use super::symbols::{Symbol, Symbols};
use crate::model::policy::Rule;
use crate::model::question::{Action, Target};

/// The number of a distinct list of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetId(u32);

impl SetId {
    pub(super) fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Returns the number as an index.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

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

/// A list of rules, in the role's order.
#[derive(Debug, Default)]
pub struct RuleSet<'a> {
    pub(super) compiled: Vec<Compiled>,
    /// The same rules as they are stored.
    pub rules: &'a [Rule],
}

#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) verbs: Words,
    pub(super) groups: Words,
    pub(super) resources: Words,
    names: Option<Box<[Symbol]>>,
    urls: Box<[Box<str>]>,
}

/// A list of words, `*` taken out.
#[derive(Debug)]
pub(super) struct Words {
    any: bool,
    list: Box<[Symbol]>,
}

impl Words {
    fn new(words: &[String], symbols: &mut Symbols) -> Self {
        Self {
            any: words.iter().any(|word| word == "*"),
            list: words.iter().map(|word| symbols.intern(word)).collect(),
        }
    }

    fn hold(&self, word: Option<Symbol>) -> bool {
        self.any || word.is_some_and(|word| self.list.contains(&word))
    }

    /// Joins what is known of each word; a wildcard is everything.
    pub(super) fn among(&self, known: &HashMap<Symbol, u128>) -> u128 {
        if self.any {
            return u128::MAX;
        }
        let of = |word| known.get(word).copied().unwrap_or_default();
        self.list.iter().map(of).fold(0, |all, one| all | one)
    }
}

/// A request in numbers; a word that no object holds is `None`.
#[derive(Debug)]
pub(super) enum Asked<'q> {
    Resource {
        verb: Option<Symbol>,
        group: Option<Symbol>,
        combined: Option<Symbol>,
        /// `*/subresource`.
        starred: Option<Symbol>,
        name: Option<Symbol>,
        /// A wildcard that stands for the name too.
        also: Option<Symbol>,
        /// The question is about one object.
        of_one: bool,
    },
    Path {
        verb: Option<Symbol>,
        path: &'q str,
    },
}

impl<'q> Asked<'q> {
    pub(super) fn new(action: &'q Action, symbols: &Symbols) -> Self {
        let verb = symbols.get(&action.verb);
        match &action.target {
            Target::Path(path) => Self::Path { verb, path },
            Target::Resource(resource) => Self::Resource {
                verb,
                group: symbols.get(&resource.group),
                combined: symbols.get(&resource.combined()),
                starred: if resource.subresource.is_empty() {
                    None
                } else {
                    symbols.get(&format!("*/{}", resource.subresource))
                },
                name: symbols.get(&resource.name),
                also: (!resource.also.is_empty())
                    .then(|| symbols.get(&resource.also))
                    .flatten(),
                of_one: !resource.name.is_empty(),
            },
        }
    }
}

impl Compiled {
    pub(super) fn new(rule: &Rule, symbols: &mut Symbols) -> Self {
        let names = rule.resource_names.iter();
        Self {
            verbs: Words::new(&rule.verbs, symbols),
            groups: Words::new(&rule.api_groups, symbols),
            resources: Words::new(&rule.resources, symbols),
            names: (!rule.resource_names.is_empty())
                .then(|| names.map(|name| symbols.intern(name)).collect()),
            urls: rule
                .non_resource_urls
                .iter()
                .map(|url| url.as_str().into())
                .collect(),
        }
    }

    pub(super) fn allows(&self, asked: &Asked<'_>) -> bool {
        match *asked {
            Asked::Path { verb, path } => {
                self.verbs.hold(verb) && self.urls.iter().any(|url| url_matches(url, path))
            }
            Asked::Resource {
                verb,
                group,
                combined,
                starred,
                name,
                also,
                ..
            } => {
                self.verbs.hold(verb)
                    && self.groups.hold(group)
                    && (self.resources.hold(combined)
                        || (starred.is_some() && self.resources.hold(starred)))
                    && self.names.as_ref().is_none_or(|names| {
                        let mut asked = name.into_iter().chain(also);
                        asked.any(|name| names.contains(&name))
                    })
            }
        }
    }
}

impl Compiled {
    /// Says how far the rule reaches when the name of the request is left open; a request with a
    /// name is reached or not. A rule that lists the empty name reaches whole collections.
    pub(super) fn reach(&self, asked: &Asked<'_>) -> Reach {
        match *asked {
            Asked::Path { .. } if self.allows(asked) => Reach::All,
            Asked::Path { .. } => Reach::None,
            Asked::Resource {
                verb,
                group,
                combined,
                starred,
                name,
                also,
                of_one,
            } => {
                let resource = self.resources.hold(combined)
                    || (starred.is_some() && self.resources.hold(starred));
                if !(self.verbs.hold(verb) && self.groups.hold(group) && resource) {
                    return Reach::None;
                }
                match &self.names {
                    None => Reach::All,
                    Some(names)
                        if name
                            .into_iter()
                            .chain(also)
                            .any(|name| names.contains(&name)) =>
                    {
                        Reach::All
                    }
                    Some(_) if of_one => Reach::None,
                    Some(_) => Reach::Named,
                }
            }
        }
    }
}

/// Says whether an entry of nonResourceURLs matches a path: all stars at its end are one.
#[must_use]
pub fn url_matches(entry: &str, path: &str) -> bool {
    entry == "*"
        || entry == path
        || (entry.ends_with('*') && path.starts_with(entry.trim_end_matches('*')))
}
