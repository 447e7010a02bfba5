//! Seeded questions about a policy, half of them near to something that is granted.

use crate::model::policy::{Binding, Policy, Role, Rule};
use crate::model::question::{Action, Question, Resource, Target};
use crate::model::subject::{Principal, Subject};

/// SplitMix64: the same numbers from the same seed, on every machine.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Returns a sequence.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap_or(1);
        usize::try_from(self.next() % limit).unwrap_or_default()
    }

    fn pick<'w>(&mut self, words: &'w [String]) -> &'w str {
        if words.is_empty() {
            return "";
        }
        let at = self.below(words.len());
        &words[at]
    }
}

/// The words that questions are made of.
#[derive(Debug)]
pub struct Sampler<'a> {
    policy: &'a Policy,
    verbs: Vec<String>,
    groups: Vec<String>,
    resources: Vec<String>,
    names: Vec<String>,
    paths: Vec<String>,
    namespaces: Vec<String>,
    subjects: Vec<Subject>,
}

impl<'a> Sampler<'a> {
    /// Collects the words of a policy, and some that are in none.
    #[must_use]
    pub fn new(policy: &'a Policy) -> Self {
        let rules = || {
            policy
                .cluster_roles
                .iter()
                .chain(&policy.roles)
                .flat_map(|role| &role.rules)
        };
        let words = |of: fn(&Rule) -> &Vec<String>, more: &[&str]| {
            let mut words: Vec<String> =
                rules().flat_map(|rule| of(rule).iter().cloned()).collect();
            words.extend(more.iter().map(|&word| word.to_owned()));
            words.sort();
            words.dedup();
            words
        };
        let mut resources = words(
            |rule| &rule.resources,
            &[
                "pods",
                "secrets",
                "pods/log",
                "nowhere",
                "namespaces",
                "nodes",
            ],
        );
        resources.extend(
            policy
                .catalog
                .entries()
                .iter()
                .map(|one| one.resource.clone()),
        );
        resources.sort();
        resources.dedup();
        let mut groups = words(|rule| &rule.api_groups, &["", "example.invalid"]);
        groups.extend(policy.catalog.entries().iter().map(|one| one.group.clone()));
        groups.sort();
        groups.dedup();
        let mut namespaces: Vec<String> = policy
            .namespaces
            .iter()
            .map(|one| one.metadata.name.clone())
            .chain(
                policy
                    .role_bindings
                    .iter()
                    .map(|one| one.metadata.namespace.clone()),
            )
            .chain([String::new(), "nowhere".to_owned()])
            .collect();
        namespaces.sort();
        namespaces.dedup();
        let mut subjects: Vec<Subject> = bindings(policy)
            .flat_map(|binding| {
                let inside = &binding.metadata.namespace;
                let of = |subject| Subject::of_binding(subject, inside);
                binding.subjects.iter().filter_map(of).collect::<Vec<_>>()
            })
            // The Node authorizer answers for nodes; see `verify`.
            .filter(|subject| !is_node(subject))
            .chain([
                Subject::Anonymous,
                Subject::User("nobody-in-particular".to_owned()),
                Subject::Account("default".to_owned(), "default".to_owned()),
            ])
            .collect();
        subjects.sort();
        subjects.dedup();
        Self {
            policy,
            verbs: words(|rule| &rule.verbs, &["get", "list", "unheard-of"]),
            groups,
            resources,
            names: words(|rule| &rule.resource_names, &["", "some-name", "*"]),
            paths: words(
                |rule| &rule.non_resource_urls,
                &["/", "/api", "/apis/x", "/metrics", "/healthz/etcd"],
            ),
            namespaces,
            subjects,
        }
    }

    /// Returns a question.
    pub fn question(&self, random: &mut Random) -> Question {
        let mut question = if random.below(2) == 0 {
            self.near(random).unwrap_or_else(|| self.any(random))
        } else {
            self.any(random)
        };
        // One word in four of a near question is another one.
        if random.below(4) == 0 {
            let other = self.any(random);
            match (&mut question.action.target, other.action.target) {
                (Target::Resource(one), Target::Resource(other)) => match random.below(6) {
                    0 => question.action.verb = other_verb(self, random),
                    1 => one.group = other.group,
                    2 => one.resource = other.resource,
                    3 => one.subresource = other.subresource,
                    4 => one.name = other.name,
                    _ => one.namespace = other.namespace,
                },
                _ => question.principal = other.principal,
            }
        }
        question
    }

    fn any(&self, random: &mut Random) -> Question {
        let at = random.below(self.subjects.len());
        let principal = self.principal(&self.subjects[at], random);
        let target = if random.below(6) == 0 {
            Target::Path(path(random.pick(&self.paths), random))
        } else {
            let (resource, subresource) = split(random.pick(&self.resources), random);
            Target::Resource(Resource {
                group: random.pick(&self.groups).to_owned(),
                resource,
                subresource,
                name: random.pick(&self.names).to_owned(),
                namespace: random.pick(&self.namespaces).to_owned(),
                ..Resource::default()
            })
        };
        Question {
            principal,
            action: Action {
                verb: random.pick(&self.verbs).to_owned(),
                target,
            },
        }
    }

    /// Asks for something that a binding gives to one of its subjects.
    fn near(&self, random: &mut Random) -> Option<Question> {
        let total = self.policy.cluster_role_bindings.len() + self.policy.role_bindings.len();
        if total == 0 {
            return None;
        }
        let at = random.below(total);
        let binding = bindings(self.policy).nth(at)?;
        let role = self.role(binding)?;
        if role.rules.is_empty() || binding.subjects.is_empty() {
            return None;
        }
        let rule = &role.rules[random.below(role.rules.len())];
        let inside = &binding.metadata.namespace;
        let subject = &binding.subjects[random.below(binding.subjects.len())];
        let subject = Subject::of_binding(subject, inside).filter(|one| !is_node(one))?;
        let concrete = |word: &str, random: &mut Random, others: &[String]| {
            if word == "*" {
                random.pick(others).to_owned()
            } else {
                word.to_owned()
            }
        };
        let word = random.pick(&rule.verbs);
        let verb = concrete(word, random, &self.verbs);
        let target = if rule.resources.is_empty() {
            Target::Path(path(random.pick(&rule.non_resource_urls), random))
        } else {
            let word = random.pick(&rule.resources);
            let word = concrete(word, random, &self.resources);
            let (resource, subresource) = split(&word, random);
            let group = random.pick(&rule.api_groups);
            Target::Resource(Resource {
                group: concrete(group, random, &self.groups),
                resource,
                subresource,
                name: random.pick(&rule.resource_names).to_owned(),
                namespace: if inside.is_empty() {
                    random.pick(&self.namespaces).to_owned()
                } else {
                    inside.clone()
                },
                ..Resource::default()
            })
        };
        Some(Question {
            principal: self.principal(&subject, random),
            action: Action { verb, target },
        })
    }

    fn role(&self, binding: &Binding) -> Option<&'a Role> {
        let name = &binding.role_ref.name;
        let inside = &binding.metadata.namespace;
        match binding.role_ref.kind.as_str() {
            "ClusterRole" => self
                .policy
                .cluster_roles
                .iter()
                .find(|role| role.metadata.name == *name),
            _ => self
                .policy
                .roles
                .iter()
                .find(|role| role.metadata.name == *name && role.metadata.namespace == *inside),
        }
    }

    fn principal(&self, subject: &Subject, random: &mut Random) -> Principal {
        let mut groups = Vec::new();
        if random.below(5) == 0
            && let Subject::Group(name) = &self.subjects[random.below(self.subjects.len())]
        {
            groups.push(name.clone());
        }
        subject.principal(&groups, random.below(4) != 0)
    }
}

fn is_node(subject: &Subject) -> bool {
    match subject {
        Subject::Node(_) => true,
        Subject::Group(name) => name == crate::model::subject::NODES,
        _ => false,
    }
}

fn bindings(policy: &Policy) -> impl Iterator<Item = &Binding> {
    policy
        .cluster_role_bindings
        .iter()
        .chain(&policy.role_bindings)
}

fn other_verb(sampler: &Sampler<'_>, random: &mut Random) -> String {
    random.pick(&sampler.verbs).to_owned()
}

/// `*/scale` becomes `pods/scale`; one in eight stays one word, as a review may hold it.
fn split(word: &str, random: &mut Random) -> (String, String) {
    match word.split_once('/') {
        Some((resource, sub)) if random.below(8) != 0 => {
            let resource = if resource == "*" && random.below(2) == 0 {
                "pods"
            } else {
                resource
            };
            (resource.to_owned(), sub.to_owned())
        }
        _ => (word.to_owned(), String::new()),
    }
}

/// A path that an entry matches, or nearly.
fn path(entry: &str, random: &mut Random) -> String {
    let stem = entry.trim_end_matches('*');
    match random.below(3) {
        0 => entry.to_owned(),
        1 => format!("{stem}x"),
        // A review without a path is not a question about a path.
        _ if stem.is_empty() => "/".to_owned(),
        _ => stem.to_owned(),
    }
}
