//! A seeded cluster full of roles and bindings.

use serde_json::{Value, json};

/// How much there is of everything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) name: &'static str,
    pub(super) namespaces: usize,
    pub(super) bindings: usize,
    pub(super) roles: usize,
    pub(super) subjects: usize,
}

/// Small, medium and large; each holds what the one before holds.
pub(super) const SIZES: [Size; 3] = [
    Size {
        name: "S",
        namespaces: 50,
        bindings: 200,
        roles: 30,
        subjects: 100,
    },
    Size {
        name: "M",
        namespaces: 500,
        bindings: 2_000,
        roles: 300,
        subjects: 1_000,
    },
    Size {
        name: "L",
        namespaces: 5_000,
        bindings: 20_000,
        roles: 3_000,
        subjects: 10_000,
    },
];

const VERBS: [&str; 7] = [
    "get", "list", "watch", "create", "update", "patch", "delete",
];
const RESOURCES: [(&str, &str); 10] = [
    ("", "pods"),
    ("", "pods/log"),
    ("", "pods/exec"),
    ("", "secrets"),
    ("", "configmaps"),
    ("", "services"),
    ("apps", "deployments"),
    ("batch", "jobs"),
    ("networking.k8s.io", "ingresses"),
    ("example.com", "widgets"),
];
const API: &str = "rbac.authorization.k8s.io";

/// Numbers from the number of an object: every run makes the same cluster.
struct Random(u64);

impl Random {
    fn new(kind: u64, number: usize) -> Self {
        Self((kind << 32) ^ number as u64)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap_or_default() % limit.max(1)
    }
}

/// Returns the namespaces that `size` has and `before` has not.
pub(super) fn namespaces(before: usize, size: Size) -> Vec<Value> {
    (before..size.namespaces)
        .map(|number| {
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space(number)}})
        })
        .collect()
}

/// Returns everything else that `size` has and `before` has not.
pub(super) fn objects(before: Option<Size>, size: Size) -> Vec<Value> {
    let from = |of: fn(Size) -> usize| before.map_or(0, of);
    let mut all = Vec::new();
    for number in from(|size| size.subjects)..size.subjects {
        if number % 2 == 0 {
            all.push(json!({
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {
                    "name": format!("app-{number}"),
                    "namespace": space(number % size.namespaces),
                },
            }));
        }
    }
    for number in from(|size| size.roles)..size.roles {
        let mut random = Random::new(1, number);
        let rules: Vec<Value> = (0..=random.below(7)).map(|_| rule(&mut random)).collect();
        all.push(json!({
            "apiVersion": format!("{API}/v1"),
            "kind": "ClusterRole",
            "metadata": {"name": format!("bench-{number}")},
            "rules": rules,
        }));
    }
    for number in from(|size| size.bindings)..size.bindings {
        all.push(binding(number, size));
    }
    all
}

fn space(number: usize) -> String {
    format!("bench-{number}")
}

fn rule(random: &mut Random) -> Value {
    let (group, resource) = RESOURCES[random.below(RESOURCES.len())];
    let verbs: Vec<&str> = (0..=random.below(3))
        .map(|_| VERBS[random.below(VERBS.len())])
        .collect();
    json!({"apiGroups": [group], "resources": [resource], "verbs": verbs})
}

fn binding(number: usize, size: Size) -> Value {
    let mut random = Random::new(2, number);
    let subjects: Vec<Value> = (0..2).map(|_| subject(&mut random, size)).collect();
    let role = format!("bench-{}", random.below(size.roles));
    let cluster_wide = number.is_multiple_of(100);
    let mut metadata = json!({"name": format!("bench-{number}")});
    if !cluster_wide {
        metadata["namespace"] = json!(space(number % size.namespaces));
    }
    json!({
        "apiVersion": format!("{API}/v1"),
        "kind": if cluster_wide { "ClusterRoleBinding" } else { "RoleBinding" },
        "metadata": metadata,
        "roleRef": {"apiGroup": API, "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    })
}

fn subject(random: &mut Random, size: Size) -> Value {
    let number = random.below(size.subjects);
    match number % 10 {
        0 | 2 | 4 | 6 | 8 => json!({
            "kind": "ServiceAccount",
            "name": format!("app-{number}"),
            "namespace": space(number % size.namespaces),
        }),
        9 => json!({"kind": "Group", "apiGroup": API, "name": format!("team-{}", number % 300)}),
        _ => json!({"kind": "User", "apiGroup": API, "name": format!("user-{number}")}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_cluster_holds_what_the_smaller_one_lacks_and_nothing_twice() {
        let [small, middle, _] = SIZES;
        let first = objects(None, small).len();
        let second = objects(Some(small), middle).len();
        assert_eq!(first + second, objects(None, middle).len());
        assert_eq!(first, 50 + 30 + 200);
    }
}
