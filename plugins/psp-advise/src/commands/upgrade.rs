//! `kubectl psp-advise diff` and `upgrade`: what changes between two sets of manifests, and between
//! two servers.

mod plan;

use std::path::PathBuf;

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::client;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{Format as Suite, Globals, KubeArgs, OutputArgs};
use groundcrew::output::{Document, Kind, Table, json, yaml};
use groundcrew::ui::Ui;
use psp_advise::standards::{Level, Server, Version};

use crate::cli::product;
use crate::files::FileArgs;
use crate::scan::evaluate;
use crate::scan::options::{FailOn, Options};
use crate::scan::report::Report;
use crate::server::{self, Choice};
use plan::{Comparison, compare};

/// Show whether new manifests ask for more than old ones
///
/// Exit code 3 when an object violates a check that it did not violate before, or is new and
/// violates one: a gate for pull requests.
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// Manifests as they are: a file or directory
    #[arg(value_name = "OLD", value_hint = clap::ValueHint::AnyPath)]
    old: PathBuf,

    /// Manifests as they are to be
    #[arg(value_name = "NEW", value_hint = clap::ValueHint::AnyPath)]
    new: PathBuf,

    /// API server that decides: v1.31 [default: the newest known]
    #[arg(long, value_name = "VERSION", value_parser = server::parse)]
    server_version: Option<Choice>,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,
}

/// Show which verdicts change when the API server is upgraded
///
/// With --version, for namespaces that pin that version; otherwise for those that follow the
/// server (latest). Exit code 3 when something no longer passes.
#[derive(Args, Debug)]
pub struct UpgradeArgs {
    /// API server as it is: v1.30, or cluster
    #[arg(long, value_name = "VERSION", value_parser = server::parse)]
    from: Choice,

    /// API server as it is to be: v1.36
    #[arg(long, value_name = "VERSION", value_parser = server::parse)]
    to: Choice,

    /// Version that namespaces pin
    #[arg(
        long = "version",
        id = "policy-version",
        value_name = "VERSION",
        default_value = "latest"
    )]
    version: Version,

    #[command(flatten)]
    files: FileArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

/// Compares two sets of manifests.
///
/// # Errors
///
/// A path that is not there.
pub async fn diff(args: DiffArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let server = match args.server_version {
        Some(Choice::Stated(server)) => server,
        Some(Choice::Cluster) => return Err(needs_no_cluster()),
        None => Server::default(),
    };
    let options = options(server, Version::Minor(server.minor()), None);
    let files = |path: PathBuf| FileArgs {
        filename: vec![path],
        recursive: true,
        pod_template_path: Vec::new(),
    };
    let before = evaluate(&files(args.old), &options, None, ui, interrupt).await?;
    let after = evaluate(&files(args.new), &options, None, ui, interrupt).await?;
    answer(&before, &after, &args.output, ui)
}

fn needs_no_cluster() -> Error {
    Error::usage("a diff of manifests asks no cluster").with_hint("--server-version v1.36")
}

/// Compares two servers.
///
/// # Errors
///
/// What the server says; a path that is not there.
pub async fn upgrade(args: UpgradeArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let offline = !args.files.filename.is_empty();
    let session = if offline && args.from != Choice::Cluster {
        None
    } else {
        let product = product();
        let session = client::connect(&args.kube, &product, ui);
        Some(interrupt.guard(session).await?)
    };
    let from = match (args.from, &session) {
        (Choice::Stated(server), _) => server,
        (Choice::Cluster, Some(session)) => interrupt.guard(server::ask(session)).await?,
        (Choice::Cluster, None) => Server::default(),
    };
    let Choice::Stated(to) = args.to else {
        return Err(
            Error::usage("--to is a version: the cluster is what it is today")
                .with_hint("--from cluster --to v1.36"),
        );
    };
    let reading = session.as_ref().filter(|_| !offline);
    let namespace = args.kube.namespace.as_deref();
    let before = options(from, args.version, namespace);
    let after = options(to, args.version, namespace);
    let before = evaluate(&args.files, &before, reading, ui, interrupt).await?;
    let after = evaluate(&args.files, &after, reading, ui, interrupt).await?;
    answer(&before, &after, &args.output, ui)
}

fn options(server: Server, version: Version, namespace: Option<&str>) -> Options {
    Options {
        levels: vec![Level::Baseline, Level::Restricted],
        versions: vec![version],
        server,
        config: psp_advise::standards::config::Config::default(),
        fail_on: FailOn::Never,
        every_decision: true,
        namespaces: namespace.map(str::to_owned).into_iter().collect(),
        selector: None,
        custom: Vec::new(),
        output: crate::format::OutputArgs::default(),
    }
}

fn answer(before: &Report, after: &Report, output: &OutputArgs, ui: &Ui) -> Result<Exit> {
    for missing in before.not_evaluated.iter().chain(&after.not_evaluated) {
        ui.warning(format_args!("not evaluated: {missing}"));
    }
    let comparison = compare(before, after);
    let text = match output.format {
        Suite::Json => json(&Document::new(Kind::PodSecurityComparison, &comparison))?,
        Suite::Yaml => yaml(&Document::new(Kind::PodSecurityComparison, &comparison))?,
        Suite::Name => comparison
            .changes
            .iter()
            .map(|change| change.object.clone() + "\n")
            .collect(),
        Suite::Table | Suite::Wide => table(&comparison, output),
    };
    if comparison.changes.is_empty() {
        ui.status("no verdict changes.");
    }
    ui.answer(text)?;
    Ok(if !comparison.complete {
        Exit::Incomplete
    } else if comparison.widens {
        Exit::No
    } else {
        Exit::Done
    })
}

fn table(comparison: &Comparison, output: &OutputArgs) -> String {
    if comparison.changes.is_empty() {
        return String::new();
    }
    let names = [
        "OBJECT",
        "LEVEL",
        "BEFORE",
        "AFTER",
        "NEWLY VIOLATES",
        "NO LONGER",
    ];
    let mut table = Table::new((!output.no_headers).then_some(&names));
    for change in &comparison.changes {
        table.row([
            change.object.clone(),
            change.level.to_string(),
            word(change.before).to_owned(),
            word(change.after).to_owned(),
            change.newly.join(", "),
            change.no_longer.join(", "),
        ]);
    }
    table.render()
}

fn word(allowed: Option<bool>) -> &'static str {
    match allowed {
        Some(true) => "passes",
        Some(false) => "violates",
        None => "",
    }
}
