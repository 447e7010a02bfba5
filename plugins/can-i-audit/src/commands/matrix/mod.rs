//! `kubectl can-i-audit matrix`: who may do what, as a table.

mod html;
mod layout;
mod render;
mod table;

use can_i_audit::model::engine::World;
use can_i_audit::model::permissions::{Holdings, Universe};
use clap::{Args, ValueEnum};
use groundcrew::app::Frame;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;

use super::flags::{FormatArgs, LiteralArgs, SourceArgs, asker, place};
use layout::{Maker, Shown, Who};

/// Show who can do what as a table
///
/// For one subject, shows resources and verbs in one namespace: that of -n, else a service
/// account's own, else that of the context. For several
/// subjects, or all of them, shows one row for each subject and each namespace in which it has a
/// binding. Every row includes access inherited from groups and cluster-wide bindings.
#[derive(Args, Debug)]
pub struct MatrixArgs {
    /// sa:NAMESPACE/NAME, user:NAME, group:NAME, node:NAME, anonymous or me; default: all
    subjects: Vec<String>,

    /// What each row stands for
    #[arg(long, value_name = "WHAT", value_enum)]
    rows: Option<Rows>,

    /// Verbs to show
    #[arg(
        long,
        value_name = "VERB",
        value_delimiter = ',',
        default_value = "get,list,watch,create,update,patch,delete,deletecollection"
    )]
    verbs: Vec<String>,

    #[command(flatten)]
    literal: LiteralArgs,

    /// Show subresources too
    #[arg(long)]
    subresources: bool,

    #[command(flatten)]
    output: FormatArgs<Format>,

    /// Show words instead of marks (default where the locale is not UTF-8)
    #[arg(long)]
    ascii: bool,

    #[command(flatten)]
    source: SourceArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Rows {
    Subject,
    Resource,
    Namespace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Csv,
    Markdown,
    Html,
    Json,
}

/// Shows it.
///
/// # Errors
///
/// That a subject is none, or nothing could be read.
pub async fn run(args: MatrixArgs, frame: &Frame) -> Result<Exit> {
    let ui = &frame.ui;
    if args.verbs.len() > 32 {
        return Err(Error::usage("at most 32 verbs can be shown"));
    }
    let observed = args.source.read(frame).await?;
    let policy = &observed.policy;
    let mut whos = Vec::new();
    let mut here = observed.namespace.clone();
    for text in &args.subjects {
        let asker = asker(text, &[], args.literal, &observed, ui).await?;
        place(&asker, frame, &observed).clone_into(&mut here);
        let subject = asker.subject;
        whos.push(Who {
            shown: asker.shown,
            subject,
            principal: asker.principal,
        });
    }
    let world = World::new(policy);
    let universe = Universe::new(&[policy]);
    let held = Holdings::new(&world, &universe);
    if whos.is_empty() {
        whos = held.subjects().map(Who::everybody).collect();
    }
    let rows = args.rows.unwrap_or(if args.subjects.len() == 1 {
        Rows::Resource
    } else {
        Rows::Subject
    });
    let format = args.output.format;
    let shown = Shown {
        verbs: &args.verbs,
        subresources: args.subresources,
        provenance: format == Format::Html,
    };
    let maker = Maker::new(&world, &universe, &held, shown);
    let matrix = match rows {
        Rows::Subject => maker.by_subject(&whos, !args.subjects.is_empty()),
        Rows::Namespace => maker.by_namespace(one(&whos)?),
        Rows::Resource => maker.by_resource(one(&whos)?, &here),
    };
    match format {
        Format::Table => {
            let look = table::Look::new(args.ascii, ui);
            ui.answer(table::render(&matrix, &args.verbs, look))
        }
        Format::Csv => ui.answer_with(|out| render::csv(&matrix, &args.verbs, out)),
        Format::Markdown => ui.answer(render::markdown(&matrix, &args.verbs)),
        Format::Json => ui.answer_with(|out| render::document(policy, &matrix, &args.verbs, out)),
        Format::Html => ui.answer(html::page(policy, &matrix, &args.verbs)),
    }?;
    if rows == Rows::Resource {
        ui.status(format_args!(
            "{} in namespace {}, including cluster-wide grants.",
            whos[0].shown, here
        ));
    } else if format == Format::Table && !matrix.marks {
        ui.status(table::legend(&args.verbs));
    }
    observed.say(ui);
    observed.finish()?;
    Ok(observed.exit(Exit::Done))
}

fn one(whos: &[Who]) -> Result<&Who> {
    match whos {
        [who] => Ok(who),
        _ => Err(
            Error::usage("--rows resource and --rows namespace require exactly one subject")
                .with_hint("kubectl can-i-audit matrix sa:NAMESPACE/NAME --rows resource"),
        ),
    }
}
