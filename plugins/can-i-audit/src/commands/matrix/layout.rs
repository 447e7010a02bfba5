//! Lays out the rows and columns of the matrix.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use can_i_audit::model::engine::World;
use can_i_audit::model::grant;
use can_i_audit::model::permissions::{Effective, Holdings, PermissionSet, Universe};
use can_i_audit::model::subject::{MASTERS, Principal, Subject};

/// Rows, columns and the cells where they meet.
pub(super) struct Matrix {
    /// Headers of the columns that name the row.
    pub(super) head: Vec<&'static str>,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Row>,
    /// The cells are marks (allowed or not) and not lists of verbs.
    pub(super) marks: bool,
}

pub(super) struct Row {
    pub(super) names: Vec<String>,
    pub(super) cells: Rc<Cells>,
    /// For each column the bindings behind it; empty unless they are shown.
    pub(super) through: Vec<String>,
}

/// The cells of a row. Most rows have few, and many rows have the same.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// Columns that hold something, in order, each with its verbs as indexes.
    pub(super) filled: Vec<(usize, Vec<u8>)>,
}

impl Cells {
    /// Returns the verbs in a column.
    pub(super) fn at(&self, column: usize) -> &[u8] {
        match self.filled.binary_search_by_key(&column, |(at, _)| *at) {
            Ok(found) => &self.filled[found].1,
            Err(_) => &[],
        }
    }

    /// Returns the verbs in a column as words.
    pub(super) fn words(&self, column: usize, verbs: &[String]) -> String {
        let here = self.at(column).iter();
        let words: Vec<&str> = here
            .filter_map(|verb| verbs.get(usize::from(*verb)))
            .map(String::as_str)
            .collect();
        words.join(" ")
    }

    fn add(&mut self, column: usize, verb: u8) {
        match self.filled.last_mut() {
            Some((last, verbs)) if *last == column => verbs.push(verb),
            _ => self.filled.push((column, vec![verb])),
        }
    }
}

/// The columns to show.
#[derive(Clone, Copy)]
pub(super) struct Shown<'m> {
    pub(super) verbs: &'m [String],
    pub(super) subresources: bool,
    /// Name the bindings behind each cell.
    pub(super) provenance: bool,
}

/// A subject, as the authorizer sees it.
pub(super) struct Who {
    pub(super) shown: String,
    pub(super) subject: Subject,
    pub(super) principal: Principal,
}

impl Who {
    pub(super) fn everybody(subject: &Subject) -> Self {
        Self {
            shown: subject.to_string(),
            subject: subject.clone(),
            principal: subject.principal(&[], true),
        }
    }

    fn is_superuser(&self) -> bool {
        self.principal.groups.iter().any(|group| group == MASTERS)
    }
}

/// The resources that are columns, and what each permission is among them.
struct Columns {
    titles: Vec<String>,
    /// For each permission its column and verb, `None` when it is not shown.
    places: Vec<Option<(usize, u8)>>,
}

impl Columns {
    /// Resources that are served, in the order of groups; unnamed objects are what is shown.
    fn new(universe: &Universe, shown: Shown<'_>) -> Self {
        let mut titles: Vec<String> = Vec::new();
        let mut places = Vec::with_capacity(universe.permissions.len());
        let mut last = None;
        for one in &universe.permissions {
            let verb = shown.verbs.iter().position(|verb| *verb == one.verb);
            let wanted = !one.is_path
                && one.name.is_none()
                && (shown.subresources || !one.resource.contains('/'));
            let place = verb.filter(|_| wanted).and_then(|verb| {
                let key = (&one.group, &one.resource);
                if last != Some(key) {
                    last = Some(key);
                    titles.push(title(&one.group, &one.resource));
                }
                Some((titles.len() - 1, u8::try_from(verb).ok()?))
            });
            places.push(place);
        }
        Self { titles, places }
    }
}

fn title(group: &str, resource: &str) -> String {
    match (group, resource.split_once('/')) {
        ("", _) => resource.to_owned(),
        (group, None) => format!("{resource}.{group}"),
        (group, Some((resource, sub))) => format!("{resource}.{group}/{sub}"),
    }
}

/// Makes matrices of one world.
pub(super) struct Maker<'m> {
    world: &'m World<'m>,
    universe: &'m Universe,
    held: &'m Holdings<'m>,
    shown: Shown<'m>,
    columns: Columns,
    /// The cells of a row, for each set of permissions that was met.
    known: RefCell<HashMap<PermissionSet, Rc<Cells>>>,
}

impl<'m> Maker<'m> {
    pub(super) fn new(
        world: &'m World<'m>,
        universe: &'m Universe,
        held: &'m Holdings<'m>,
        shown: Shown<'m>,
    ) -> Self {
        Self {
            world,
            universe,
            held,
            shown,
            columns: Columns::new(universe, shown),
            known: RefCell::default(),
        }
    }

    fn of(&self, who: &Who) -> Effective<'m> {
        self.held.of(&who.subject, &who.principal.groups)
    }

    fn row(
        &self,
        who: &Who,
        effective: &Effective<'_>,
        scope: Option<&str>,
        names: Vec<String>,
    ) -> Row {
        Row {
            names,
            cells: self.cells(who, effective, scope),
            through: self.through(who, scope),
        }
    }

    fn cells(&self, who: &Who, effective: &Effective<'_>, scope: Option<&str>) -> Rc<Cells> {
        if who.is_superuser() {
            return Rc::new(self.laid_out(0..self.columns.places.len()));
        }
        let bits = effective.within(scope);
        if let Some(cells) = self.known.borrow().get(&bits) {
            return Rc::clone(cells);
        }
        let cells = Rc::new(self.laid_out(bits.iter()));
        self.known.borrow_mut().insert(bits, Rc::clone(&cells));
        cells
    }

    fn laid_out(&self, numbers: impl Iterator<Item = usize>) -> Cells {
        let mut cells = Cells::default();
        for (column, verb) in numbers.filter_map(|at| self.columns.places[at]) {
            cells.add(column, verb);
        }
        for (_, verbs) in &mut cells.filled {
            verbs.sort_unstable();
        }
        cells
    }

    /// For each column the bindings behind it.
    fn through(&self, who: &Who, scope: Option<&str>) -> Vec<String> {
        if !self.shown.provenance {
            return Vec::new();
        }
        let bindings = self
            .world
            .bindings_of(&who.principal, Some(scope.unwrap_or_default()));
        let mut through = vec![String::new(); self.columns.titles.len()];
        for (binding, _) in bindings {
            let set = self.world.set_of(binding).index();
            let spaced = !self.world.is_cluster_wide(binding);
            let bits = self.universe.covered(self.world.rules_of(set), spaced);
            let name = grant::binding(self.world, binding);
            for (column, _) in self.laid_out(bits.iter()).filled {
                let words = &mut through[column];
                if !words.is_empty() {
                    words.push_str(", ");
                }
                words.push_str(&name);
            }
        }
        through
    }

    /// Rows for the scopes in which each is bound. With `with_groups` also for those in which its
    /// groups are; where all subjects are shown, groups have rows of their own.
    pub(super) fn by_subject(&self, whos: &[Who], with_groups: bool) -> Matrix {
        let mut rows = Vec::new();
        for who in whos {
            let effective = self.of(who);
            let mut scopes: Vec<Option<&str>> = if with_groups {
                effective.scopes().into_iter().collect()
            } else {
                self.held.scopes(&who.subject).collect()
            };
            if scopes.is_empty() {
                scopes.push(None);
            }
            for scope in scopes {
                let place = scope.unwrap_or("cluster-wide").to_owned();
                rows.push(self.row(who, &effective, scope, vec![who.shown.clone(), place]));
            }
        }
        self.verbs_matrix(vec!["SUBJECT", "SCOPE"], rows)
    }

    pub(super) fn by_namespace(&self, who: &Who) -> Matrix {
        let effective = self.of(who);
        let mut rows = vec![self.row(who, &effective, None, vec!["cluster-wide".to_owned()])];
        for namespace in &self.world.policy.namespaces {
            let name = namespace.metadata.name.as_str();
            rows.push(self.row(who, &effective, Some(name), vec![name.to_owned()]));
        }
        self.verbs_matrix(vec!["NAMESPACE"], rows)
    }

    fn verbs_matrix(&self, head: Vec<&'static str>, rows: Vec<Row>) -> Matrix {
        Matrix {
            head,
            columns: self.columns.titles.clone(),
            rows,
            marks: false,
        }
    }

    pub(super) fn by_resource(&self, who: &Who, namespace: &str) -> Matrix {
        let whole = self.cells(who, &self.of(who), Some(namespace));
        let through = self.through(who, Some(namespace));
        let rows = self
            .columns
            .titles
            .iter()
            .enumerate()
            .map(|(index, title)| {
                let verbs = whole.at(index).iter();
                let filled = verbs.map(|verb| (usize::from(*verb), vec![*verb]));
                let cells = Cells {
                    filled: filled.collect(),
                };
                let through = through.get(index).map_or_else(Vec::new, |words| {
                    vec![words.clone(); self.shown.verbs.len()]
                });
                Row {
                    names: vec![title.clone()],
                    cells: Rc::new(cells),
                    through,
                }
            })
            .collect();
        Matrix {
            head: vec!["RESOURCE"],
            columns: self.shown.verbs.to_vec(),
            rows,
            marks: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use can_i_audit::model::catalog::Catalog;
    use can_i_audit::model::policy::Policy;
    use serde_json::json;

    #[test]
    fn who_is_asked_about_has_rows_for_what_the_groups_give() {
        let mut policy: Policy = serde_json::from_value(json!({
            "roles": [{"metadata": {"name": "r", "namespace": "pay"},
                       "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}],
            "roleBindings": [{"metadata": {"name": "all", "namespace": "pay"},
                "roleRef": {"kind": "Role", "name": "r"},
                "subjects": [{"kind": "Group", "name": "system:authenticated"}]}],
        }))
        .unwrap();
        policy.catalog = Catalog::built_in();
        let world = World::new(&policy);
        let universe = Universe::new(&[&policy]);
        let held = Holdings::new(&world, &universe);
        let verbs = ["get".to_owned()];
        let shown = Shown {
            verbs: &verbs,
            subresources: false,
            provenance: false,
        };
        let maker = Maker::new(&world, &universe, &held, shown);
        let alice = [Who::everybody(&Subject::of_user("alice"))];
        let places = |with_groups| -> Vec<(String, usize)> {
            let rows = maker.by_subject(&alice, with_groups).rows;
            rows.into_iter()
                .map(|row| (row.names[1].clone(), row.cells.filled.len()))
                .collect()
        };
        assert_eq!(places(true), [("pay".to_owned(), 1)]);
        assert_eq!(places(false), [("cluster-wide".to_owned(), 0)]);
    }
}
