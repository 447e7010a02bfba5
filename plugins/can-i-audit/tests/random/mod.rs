//! Seeded worlds in which quirks are common.

use can_i_audit::model::policy::{Binding, Meta, Policy, Role, RoleRef, Rule, Subject};
use can_i_audit::model::question::{Action, Question, Resource, Target};
use can_i_audit::model::subject::Principal;

const VERBS: [&str; 8] = ["get", "list", "create", "delete", "use", "*", "GET", "bind"];
const GROUPS: [&str; 5] = ["", "apps", "*", "example.com", "v1"];
const RESOURCES: [&str; 12] = [
    "pods",
    "pods/log",
    "pods/*",
    "*/log",
    "*/*",
    "*",
    "secrets",
    "*/scale",
    "deployments",
    "deployments/scale",
    "userextras/example.com/scopes",
    "*/example.com/scopes",
];
const NAMES: [&str; 5] = ["", "a", "b", "*", "a*"];
const URLS: [&str; 9] = [
    "*", "/", "/api", "/api*", "/api/**", "/apis/*", "/*/v1/*", "/*", "/healthz",
];
const PATHS: [&str; 9] = [
    "/", "/api", "/api/v1", "/apis", "/apis/x", "/healthz", "", "/api/*", "/x/v1/y",
];
const NAMESPACES: [&str; 4] = ["red", "blue", "green", "default"];
const USERS: [&str; 8] = [
    "alice",
    "bob",
    "*",
    "system:serviceaccount:red:app",
    "system:serviceaccount:blue:app",
    "system:anonymous",
    "system:node:n1",
    "",
];
const TEAMS: [&str; 7] = [
    "dev",
    "ops",
    "system:authenticated",
    "system:serviceaccounts",
    "system:serviceaccounts:red",
    "system:nodes",
    "system:unauthenticated",
];

/// SplitMix64: the same numbers everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("it is below a usize")
    }

    fn pick(&mut self, words: &[&str]) -> String {
        words[self.below(words.len())].to_owned()
    }

    fn some(&mut self, words: &[&str], most: usize) -> Vec<String> {
        // One list in ten is empty and so matches nothing.
        let least = usize::from(self.below(10) != 0);
        (0..self.below(most).max(least) + least)
            .map(|_| self.pick(words))
            .collect()
    }

    fn rule(&mut self) -> Rule {
        let mut rule = Rule {
            verbs: self.some(&VERBS, 3),
            ..Rule::default()
        };
        match self.below(6) {
            0 => rule.non_resource_urls = self.some(&URLS, 3),
            1 => {
                // Both at once is refused today, and old clusters may hold it.
                rule.non_resource_urls = self.some(&URLS, 1);
                rule.resources = self.some(&RESOURCES, 2);
                rule.api_groups = self.some(&GROUPS, 2);
            }
            _ => {
                rule.resources = self.some(&RESOURCES, 3);
                rule.api_groups = self.some(&GROUPS, 3);
                if self.below(3) == 0 {
                    rule.resource_names = self.some(&NAMES, 2);
                }
            }
        }
        rule
    }

    fn role(&mut self, namespace: &str, number: usize) -> Role {
        Role {
            metadata: meta(namespace, &format!("role-{number}")),
            rules: (0..self.below(6)).map(|_| self.rule()).collect(),
            aggregation_rule: None,
        }
    }

    fn binding(&mut self, namespace: &str, number: usize) -> Binding {
        let kind = match self.below(8) {
            0 => "Robot",
            1..=3 => "Role",
            _ => "ClusterRole",
        };
        let subjects = (0..self.below(4)).map(|_| self.subject()).collect();
        Binding {
            metadata: meta(namespace, &format!("binding-{number}")),
            role_ref: RoleRef {
                kind: kind.to_owned(),
                // Every tenth reference leads nowhere.
                name: format!("role-{}", self.below(11)),
            },
            subjects,
        }
    }

    fn subject(&mut self) -> Subject {
        let (kind, name) = match self.below(10) {
            0 => ("Robot", self.pick(&USERS)),
            1..=3 => ("User", self.pick(&USERS)),
            4..=6 => ("Group", self.pick(&TEAMS)),
            _ => ("ServiceAccount", "app".to_owned()),
        };
        let namespace = if kind == "ServiceAccount" && self.below(2) == 0 {
            self.pick(&NAMESPACES)
        } else {
            String::new()
        };
        Subject {
            kind: kind.to_owned(),
            namespace,
            name,
        }
    }

    pub fn policy(&mut self) -> Policy {
        let mut policy = Policy::default();
        for number in 0..10 {
            policy.cluster_roles.push(self.role("", number));
        }
        for namespace in NAMESPACES {
            for number in 0..6 {
                policy.roles.push(self.role(namespace, number));
                let binding = self.binding(namespace, number);
                policy.role_bindings.push(binding);
            }
        }
        for number in 0..16 {
            let binding = self.binding("", number);
            policy.cluster_role_bindings.push(binding);
        }
        policy
    }

    pub fn question(&mut self) -> Question {
        let principal = Principal {
            user: self.pick(&USERS),
            groups: if self.below(50) == 0 {
                vec!["system:masters".to_owned()]
            } else {
                self.some(&TEAMS, 3)
            },
        };
        let target = if self.below(5) == 0 {
            Target::Path(self.pick(&PATHS))
        } else {
            let words = self.pick(&RESOURCES);
            let (resource, subresource) = match words.split_once('/') {
                // A review may hold both in one word.
                Some((resource, sub)) if self.below(4) != 0 => {
                    (resource.to_owned(), sub.to_owned())
                }
                _ => (words, String::new()),
            };
            Target::Resource(Resource {
                group: self.pick(&GROUPS),
                resource,
                subresource,
                name: self.pick(&NAMES),
                namespace: match self.below(6) {
                    0 => String::new(),
                    1 => "nowhere".to_owned(),
                    _ => self.pick(&NAMESPACES),
                },
                ..Resource::default()
            })
        };
        Question {
            principal,
            action: Action {
                verb: self.pick(&VERBS),
                target,
            },
        }
    }
}

fn meta(namespace: &str, name: &str) -> Meta {
    Meta {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        ..Meta::default()
    }
}
