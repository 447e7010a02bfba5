//! `kubectl can-i-audit matrix`: who may do what, as a table.

mod html;
mod render;

use std::str::FromStr;

use can_i_audit::cells::{Bits, Held, Universe};
use can_i_audit::engine::World;
use can_i_audit::subject::{MASTERS, Principal, Subject};
use clap::{Args, ValueEnum};
use groundcrew::app::Interrupt;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::ui::Ui;

use crate::observe::Common;
use crate::wording;

/// Show who can do what as a table
///
/// For one subject: resources and verbs, in the namespace of -n or of the context. For several, or
/// everybody: one row for each subject and namespace that it is bound in. What a subject can do
/// through the groups of its kind and cluster-wide counts in every row.
#[derive(Args, Debug)]
pub struct MatrixArgs {
    /// sa:NAMESPACE/NAME, user:NAME, group:NAME, node:NAME, anonymous or me; none is everybody
    subjects: Vec<String>,

    /// What the rows are
    #[arg(long, value_name = "WHAT", value_enum)]
    rows: Option<Rows>,

    /// Verbs that are shown
    #[arg(
        long,
        value_name = "VERB",
        value_delimiter = ',',
        default_value = "get,list,watch,create,update,patch,delete,deletecollection"
    )]
    verbs: Vec<String>,

    /// Show subresources too
    #[arg(long)]
    subresources: bool,

    /// Format of the answer: table, csv, markdown, html or json
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        default_value = "table",
        help_heading = "Output options"
    )]
    format: Format,

    /// Letters instead of marks
    #[arg(long)]
    ascii: bool,

    #[command(flatten)]
    pub common: Common,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Rows {
    Subject,
    Resource,
    Namespace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Table,
    Csv,
    Markdown,
    Html,
    Json,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "table" => Self::Table,
            "csv" => Self::Csv,
            "markdown" => Self::Markdown,
            "html" => Self::Html,
            "json" => Self::Json,
            _ => return Err("the formats are table, csv, markdown, html, json".to_owned()),
        })
    }
}

/// Rows, columns and what stands where they meet.
struct Matrix {
    /// Headers of the columns that name the row.
    head: Vec<&'static str>,
    columns: Vec<String>,
    rows: Vec<Row>,
    /// The cells are marks (allowed or not) and not lists of verbs.
    marks: bool,
}

struct Row {
    names: Vec<String>,
    /// For each column the verbs, each as its index in `verbs`.
    cells: Vec<Vec<u8>>,
    /// For each column the bindings behind it; empty unless they are shown.
    through: Vec<String>,
}

/// Columns: a resource with its cells, for each verb that is shown.
struct Column {
    title: String,
    cells: Vec<Option<usize>>,
}

/// Somebody, with what the authorizer sees.
struct Who {
    shown: String,
    subject: Subject,
    principal: Principal,
}

/// Shows it.
///
/// # Errors
///
/// That a subject is none, or nothing could be read.
pub async fn run(args: MatrixArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    if args.verbs.len() > 32 {
        return Err(Error::usage("at most 32 verbs are shown"));
    }
    let observed = args.common.read(ui, interrupt).await?;
    let policy = &observed.policy;
    let mut whos = Vec::new();
    for text in &args.subjects {
        let asker = wording::asker(text, &[], &observed).await?;
        let subject = match text.parse() {
            Ok(subject) => subject,
            Err(_) => Subject::of_user(&asker.principal.user),
        };
        whos.push(Who {
            shown: asker.shown,
            subject,
            principal: asker.principal,
        });
    }
    let world = World::new(policy);
    let universe = Universe::new(&[policy]);
    let held = Held::new(&world, &universe);
    if whos.is_empty() {
        whos = held.subjects().map(everybody).collect();
    }
    let rows = args.rows.unwrap_or(if args.subjects.len() == 1 {
        Rows::Resource
    } else {
        Rows::Subject
    });
    let maker = Maker {
        args: &args,
        world: &world,
        universe: &universe,
        held: &held,
        columns: columns(&universe, &args),
        provenance: args.format == Format::Html,
    };
    let matrix = match rows {
        Rows::Subject => maker.by_subject(&whos),
        Rows::Namespace => maker.by_namespace(one(&whos)?),
        Rows::Resource => maker.by_resource(one(&whos)?, &observed.namespace),
    };
    let text = match args.format {
        Format::Table => render::table(&matrix, &args.verbs, args.ascii),
        Format::Csv => render::csv(&matrix, &args.verbs),
        Format::Markdown => render::markdown(&matrix, &args.verbs),
        Format::Json => render::document(policy, &matrix, &args.verbs)?,
        Format::Html => html::page(policy, &matrix, &args.verbs),
    };
    ui.answer(text)?;
    if rows == Rows::Resource {
        ui.status(format_args!(
            "asked: {} in namespace {}, cluster-wide grants included.",
            whos[0].shown, observed.namespace
        ));
    } else if args.format == Format::Table && !matrix.marks {
        ui.status(render::legend(&args.verbs));
    }
    observed.say(ui);
    observed.finish()?;
    Ok(observed.exit(Exit::Done))
}

fn one(whos: &[Who]) -> Result<&Who> {
    match whos {
        [who] => Ok(who),
        _ => Err(
            Error::usage("rows of resources or namespaces are about one subject")
                .with_hint("kubectl can-i-audit matrix sa:NAMESPACE/NAME --rows resource"),
        ),
    }
}

fn everybody(subject: &Subject) -> Who {
    Who {
        shown: subject.to_string(),
        subject: subject.clone(),
        principal: subject.principal(&[], true),
    }
}

/// Resources that are served, in the order of groups; unnamed objects are what is shown.
fn columns(universe: &Universe, args: &MatrixArgs) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    let mut last = None;
    for (index, cell) in universe.cells.iter().enumerate() {
        let shown = !cell.is_path
            && cell.name.is_none()
            && (args.subresources || !cell.resource.contains('/'));
        if !shown {
            continue;
        }
        let key = (&cell.group, &cell.resource);
        if last != Some(key) {
            last = Some(key);
            let title = match (cell.group.as_str(), cell.resource.split_once('/')) {
                ("", _) => cell.resource.clone(),
                (group, None) => format!("{}.{group}", cell.resource),
                (group, Some((resource, sub))) => format!("{resource}.{group}/{sub}"),
            };
            columns.push(Column {
                title,
                cells: vec![None; args.verbs.len()],
            });
        }
        if let Some(at) = args.verbs.iter().position(|verb| *verb == cell.verb)
            && let Some(column) = columns.last_mut()
        {
            column.cells[at] = Some(index);
        }
    }
    columns.retain(|column| column.cells.iter().any(Option::is_some));
    columns
}

struct Maker<'m> {
    args: &'m MatrixArgs,
    world: &'m World<'m>,
    universe: &'m Universe,
    held: &'m Held<'m>,
    columns: Vec<Column>,
    provenance: bool,
}

impl Maker<'_> {
    fn bits(&self, who: &Who, scope: Option<&str>) -> Bits {
        self.held
            .effective(&who.subject, &who.principal.groups, scope)
    }

    fn is_superuser(who: &Who) -> bool {
        who.principal.groups.iter().any(|group| group == MASTERS)
    }

    fn row(&self, who: &Who, scope: Option<&str>, names: Vec<String>) -> Row {
        let bits = self.bits(who, scope);
        let all = Self::is_superuser(who);
        let cells = self
            .columns
            .iter()
            .map(|column| verbs_in(column, &bits, all))
            .collect();
        let through = if self.provenance {
            self.through(who, scope)
        } else {
            Vec::new()
        };
        Row {
            names,
            cells,
            through,
        }
    }

    fn through(&self, who: &Who, scope: Option<&str>) -> Vec<String> {
        let bindings = self
            .world
            .bindings_of(&who.principal, Some(scope.unwrap_or_default()));
        let parts: Vec<(String, Bits)> = bindings
            .into_iter()
            .map(|(binding, _)| {
                let set = self.world.set_of(binding).index();
                let spaced = !self.world.is_cluster_wide(binding);
                let bits = self.universe.covered(self.world.rules_of(set), spaced);
                (crate::chain::binding(self.world, binding), bits)
            })
            .collect();
        self.columns
            .iter()
            .map(|column| {
                let of = parts
                    .iter()
                    .filter(|(_, bits)| column.cells.iter().flatten().any(|at| bits.has(*at)));
                of.map(|(name, _)| name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            })
            .collect()
    }

    fn by_subject(&self, whos: &[Who]) -> Matrix {
        let mut rows = Vec::new();
        for who in whos {
            let mut scopes: Vec<Option<&str>> = self.held.scopes(&who.subject).collect();
            if scopes.is_empty() {
                scopes.push(None);
            }
            for scope in scopes {
                let place = scope.unwrap_or("cluster-wide").to_owned();
                rows.push(self.row(who, scope, vec![who.shown.clone(), place]));
            }
        }
        self.verbs_matrix(vec!["SUBJECT", "SCOPE"], rows)
    }

    fn by_namespace(&self, who: &Who) -> Matrix {
        let mut rows = vec![self.row(who, None, vec!["cluster-wide".to_owned()])];
        for namespace in &self.world.policy.namespaces {
            let name = namespace.metadata.name.as_str();
            rows.push(self.row(who, Some(name), vec![name.to_owned()]));
        }
        self.verbs_matrix(vec!["NAMESPACE"], rows)
    }

    fn verbs_matrix(&self, head: Vec<&'static str>, rows: Vec<Row>) -> Matrix {
        Matrix {
            head,
            columns: self.columns.iter().map(|one| one.title.clone()).collect(),
            rows,
            marks: false,
        }
    }

    fn by_resource(&self, who: &Who, namespace: &str) -> Matrix {
        let bits = self.bits(who, Some(namespace));
        let all = Self::is_superuser(who);
        let through = if self.provenance {
            self.through(who, Some(namespace))
        } else {
            Vec::new()
        };
        let rows = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| {
                let verbs = verbs_in(column, &bits, all);
                let cells: Vec<Vec<u8>> = (0..self.args.verbs.len())
                    .map(|at| {
                        let at = u8::try_from(at).unwrap_or_default();
                        verbs.iter().copied().filter(|verb| *verb == at).collect()
                    })
                    .collect();
                let through = match through.get(index) {
                    Some(words) => vec![words.clone(); cells.len()],
                    None => Vec::new(),
                };
                Row {
                    names: vec![column.title.clone()],
                    cells,
                    through,
                }
            })
            .collect();
        Matrix {
            head: vec!["RESOURCE"],
            columns: self.args.verbs.clone(),
            rows,
            marks: true,
        }
    }
}

fn verbs_in(column: &Column, bits: &Bits, all: bool) -> Vec<u8> {
    column
        .cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| cell.is_some_and(|cell| all || bits.has(cell)))
        .filter_map(|(verb, _)| u8::try_from(verb).ok())
        .collect()
}
