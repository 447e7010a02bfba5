//! Very many findings for people: a row for each cause, the worst first.

use std::collections::{HashMap, HashSet};

use can_i_audit::model::engine::{RoleAt, SetId, World};
use can_i_audit::model::grant;
use can_i_audit::model::risks::row::Row;
use can_i_audit::model::risks::{Finding, Severity};
use groundcrew::output::Table;
use groundcrew::plural::count;

use super::rows::Rows;

/// Up to so many findings have a row each.
pub(super) const EACH: usize = 100;
/// Causes of one rule and severity that have a row each; the others share one.
const MOST: usize = 10;
/// Findings of a cause that are named.
const NAMED: usize = 2;

const HEADERS: [&str; 7] = [
    "SEVERITY",
    "RULE",
    "FINDINGS",
    "SUBJECTS",
    "NAMESPACES",
    "CAUSE",
    "FOR EXAMPLE",
];

/// The common cause of findings, which one change can remove: rules of roles, or the same problem
/// of several objects.
#[derive(PartialEq, Eq, Hash)]
struct Key<'a> {
    severity: Severity,
    rule: &'static str,
    roles: Vec<(Origin, usize)>,
    detail: &'a str,
}

/// Where a right comes from. A Role that a chart or a script makes in every namespace is one
/// origin, whatever its name there; a ClusterRole is one object, and stands for itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Origin {
    ClusterRole(u32),
    EqualRoles(SetId),
    Missing,
}

impl Origin {
    fn of(world: &World<'_>, binding: usize) -> Self {
        match world.role_at(binding) {
            RoleAt::Cluster(at) => Self::ClusterRole(at),
            RoleAt::Namespaced(_) => Self::EqualRoles(world.set_of(binding)),
            RoleAt::Missing => Self::Missing,
        }
    }
}

/// Findings of one cause, by their numbers.
struct Cause {
    findings: Vec<usize>,
    /// Rules of roles that are behind them.
    rules: usize,
}

/// Renders the findings, which are sorted by severity and rule.
pub(super) fn table(rows: Rows<'_>) -> String {
    let mut table = Table::new(Some(&HEADERS));
    let alike =
        |one: &Finding, next: &Finding| (one.severity, one.rule) == (next.severity, next.rule);
    let mut begin = 0;
    for same in rows.found.chunk_by(alike) {
        let causes = causes(rows.world, same, begin);
        let (shown, others) = causes.split_at(MOST.min(causes.len()));
        for cause in shown {
            let words = words(rows, cause);
            let named = cause.findings.iter().take(NAMED);
            let named = named.map(|at| Row::new(rows.world, &rows.found[*at]).concerned());
            let named: Vec<String> = named.collect();
            table.row(cells(rows, &cause.findings, words, named.join(", ")));
        }
        if !others.is_empty() {
            let findings = others.iter().flat_map(|one| one.findings.clone());
            let mut findings: Vec<usize> = findings.collect();
            // Those of one subject beside each other again.
            findings.sort_unstable();
            let words = format!("{} more", others.len());
            table.row(cells(rows, &findings, words, "see -o wide".to_owned()));
        }
        begin += same.len();
    }
    table.render()
}

/// The causes of findings of one severity and rule, that of the most findings first.
fn causes(world: &World<'_>, same: &[Finding], begin: usize) -> Vec<Cause> {
    let mut known: HashMap<Key<'_>, usize> = HashMap::new();
    let mut causes: Vec<Cause> = Vec::new();
    for (at, finding) in same.iter().enumerate() {
        let mut roles = Vec::with_capacity(1);
        // An object is found for what is said of it, whatever the role.
        for chain in finding.chains.iter().filter(|_| finding.object.is_none()) {
            let role = (Origin::of(world, chain.binding), chain.rule);
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
        let rules = roles.len();
        let key = Key {
            severity: finding.severity,
            rule: finding.rule,
            roles,
            detail: &finding.detail,
        };
        let number = *known.entry(key).or_insert_with(|| {
            causes.push(Cause {
                findings: Vec::new(),
                rules,
            });
            causes.len() - 1
        });
        causes[number].findings.push(begin + at);
    }
    // Of equally many the first stays the first.
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.findings.len()));
    causes
}

/// `ClusterRole/edit, rule 1  (+2 more)`, or what is said of the objects.
fn words(rows: Rows<'_>, cause: &Cause) -> String {
    let first = &rows.found[cause.findings[0]];
    let chain = first.chains.first().filter(|_| first.object.is_none());
    let Some(chain) = chain else {
        return first.detail.clone();
    };
    let mut words = grant::rule_words(rows.world, *chain);
    let equal = cause.findings.iter().filter_map(|at| {
        let chain = rows.found[*at].chains.first()?;
        match rows.world.role_at(chain.binding) {
            RoleAt::Namespaced(role) => Some(role),
            RoleAt::Cluster(_) | RoleAt::Missing => None,
        }
    });
    let equal: HashSet<u32> = equal.collect();
    if equal.len() > 1 {
        words.push_str(&format!(" and {}", count(equal.len() - 1, "equal Role")));
    }
    if cause.rules > 1 {
        words.push_str(&format!("  (+{} more)", cause.rules - 1));
    }
    if !first.detail.is_empty() {
        words.push_str(&format!("; {}", first.detail));
    }
    words
}

/// Findings of one rule in their order, which is by subject, as the cells of a row.
fn cells(rows: Rows<'_>, findings: &[usize], cause: String, example: String) -> [String; 7] {
    let of = |at: &usize| &rows.found[*at];
    let first = &rows.found[findings[0]];
    let subjects: Vec<_> = findings
        .iter()
        .filter_map(|at| of(at).subject.as_ref())
        .collect();
    let subjects = subjects.chunk_by(|one, next| one == next).count();
    let spaces: HashSet<&str> = findings
        .iter()
        .filter_map(|at| of(at).namespace.as_deref())
        .collect();
    let everywhere = findings
        .iter()
        .any(|at| of(at).object.is_none() && of(at).namespace.is_none());
    let spaces = match (everywhere, spaces.len()) {
        (true, _) => "all".to_owned(),
        // Objects stand for themselves.
        (false, 0) => String::new(),
        (false, count) => count.to_string(),
    };
    let subjects = match subjects {
        0 => String::new(),
        count => count.to_string(),
    };
    let name = Row::new(rows.world, first).name;
    [
        first.severity.word().to_owned(),
        format!("{} {name}", first.rule),
        findings.len().to_string(),
        subjects,
        spaces,
        cause,
        example,
    ]
}

#[cfg(test)]
mod tests {
    use can_i_audit::model::policy::Policy;
    use can_i_audit::model::risks::findings;
    use serde_json::{Value, json};

    use super::*;

    /// A role that reads Secrets, bound in so many namespaces to a user of each.
    fn given(role: &str, times: usize) -> (Value, Vec<Value>) {
        let rule = json!({"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]});
        let bindings = (0..times).map(|number| {
            json!({
                "metadata": {"name": role, "namespace": format!("n-{number}")},
                "roleRef": {"kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "User", "name": format!("{role}-{number}")}],
            })
        });
        (
            json!({"metadata": {"name": role}, "rules": [rule]}),
            bindings.collect(),
        )
    }

    fn lines(policy: &Policy) -> Vec<Vec<String>> {
        let world = World::new(policy);
        let found = findings(&world, false);
        let text = table(Rows {
            world: &world,
            found: &found,
        });
        let cells = |line: &str| -> Vec<String> {
            let cells = line.split("   ").map(str::trim);
            let cells = cells.filter(|cell| !cell.is_empty());
            cells.map(str::to_owned).collect()
        };
        text.lines().skip(1).map(cells).collect()
    }

    fn policy(roles: &[(&str, usize)]) -> Policy {
        let (mut all, mut bindings) = (Vec::new(), Vec::new());
        for (name, times) in roles {
            let (role, of_role) = given(name, *times);
            all.push(role);
            bindings.extend(of_role);
        }
        let mut policy: Policy =
            serde_json::from_value(json!({"clusterRoles": all, "roleBindings": bindings})).unwrap();
        policy.sort();
        policy
    }

    #[test]
    fn a_cause_has_one_row_with_how_many_it_concerns() {
        let rows = lines(&policy(&[("few", 1), ("many", 60)]));
        assert_eq!(
            rows[0],
            [
                "medium",
                "CIA-012 secret-read",
                "60",
                "60",
                "60",
                "ClusterRole/many, rule 1",
                "user:many-0 in n-0, user:many-1 in n-1",
            ]
        );
        assert_eq!(
            rows[1][2..],
            [
                "1",
                "1",
                "1",
                "ClusterRole/few, rule 1",
                "user:few-0 in n-0"
            ]
        );
        assert_eq!(rows.len(), 2);
    }

    /// So many namespaces with a Role that reads Secrets, and a binding to a user of each; the
    /// Role of an odd namespace has `odd` as its name.
    fn in_each(times: usize, odd: &str, verb_of_last: &str) -> Policy {
        let (mut roles, mut bindings) = (Vec::new(), Vec::new());
        for number in 0..times {
            let space = format!("n-{number:02}");
            let name = if number % 2 == 0 { "reader" } else { odd };
            let verb = if number + 1 == times {
                verb_of_last
            } else {
                "get"
            };
            let rule = json!({"verbs": [verb], "apiGroups": [""], "resources": ["secrets"]});
            roles.push(json!({"metadata": {"name": name, "namespace": space}, "rules": [rule]}));
            bindings.push(json!({
                "metadata": {"name": name, "namespace": space},
                "roleRef": {"kind": "Role", "name": name},
                "subjects": [{"kind": "User", "name": format!("u-{number:02}")}],
            }));
        }
        let mut policy: Policy =
            serde_json::from_value(json!({"roles": roles, "roleBindings": bindings})).unwrap();
        policy.sort();
        policy
    }

    #[test]
    fn equal_roles_in_many_namespaces_are_one_cause() {
        let rows = lines(&in_each(30, "reads", "get"));
        assert_eq!(
            rows[0][2..],
            [
                "30",
                "30",
                "30",
                "Role/n-00/reader, rule 1 and 29 equal Roles",
                "user:u-00 in n-00, user:u-01 in n-01",
            ]
        );
        assert_eq!(rows.len(), 1);
    }

    #[test]
    fn a_role_with_another_rule_is_another_cause() {
        let rows = lines(&in_each(30, "reader", "list"));
        let findings: Vec<&str> = rows.iter().map(|row| row[2].as_str()).collect();
        assert_eq!(findings, ["29", "1"]);
        assert_eq!(rows[1][5], "Role/n-29/reader, rule 1");
    }

    #[test]
    fn what_has_no_row_of_its_own_is_counted_so_that_the_rows_add_up_to_all_findings() {
        let names: Vec<String> = (10..10 + MOST + 3).map(|n| format!("r-{n}")).collect();
        let roles: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), 2)).collect();
        let rows = lines(&policy(&roles));
        assert_eq!(rows.len(), MOST + 1);
        assert_eq!(rows[MOST][2..], ["6", "6", "2", "3 more", "see -o wide"]);
        let sum: usize = rows
            .iter()
            .map(|row| row[2].parse::<usize>().unwrap())
            .sum();
        assert_eq!(sum, 2 * (MOST + 3));
    }

    #[test]
    fn what_is_said_of_objects_is_a_cause_too() {
        let mut policy = policy(&[("gone", 3)]);
        policy.cluster_roles.clear();
        let rows = lines(&policy);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0][2], "3");
        assert_eq!(rows[0][5], "ClusterRole \"gone\" does not exist");
    }
}
