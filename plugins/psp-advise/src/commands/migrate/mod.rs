//! `kubectl psp-advise migrate`: from PodSecurityPolicies to what today's API server enforces.
//!
//! - this file: to levels of the standards;
//! - [`vap`]: to a ValidatingAdmissionPolicy, [`templates`]: what templates have to say then;
//! - [`verify`]: the comparison with the engine on a real server.

mod templates;
mod vap;
mod verify;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use groundcrew::app::Interrupt;
use groundcrew::client;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{Format, Globals, KubeArgs, OutputArgs};
use groundcrew::output::{Document, Kind, Table, json, yaml};
use groundcrew::ui::Ui;
use psp_advise::psp::{Guaranteed, Policy, guaranteed};
use psp_advise::standards::{Level, Server, Version};
use serde::Serialize;

use crate::cli::product;
use crate::explain::policies;
use crate::files::FileArgs;
use crate::format;
use crate::scan::evaluate;
use crate::scan::options::{FailOn, Options};

/// Turn PodSecurityPolicies into what today's API server enforces, and say what is lost
///
/// --to psa, by policy: the tightest level that every pod passes which the policy admits. By pods, with
/// --pods: the tightest level that the pods themselves pass, which is often tighter, because few
/// pods use all that they might.
///
/// --to vap: a ValidatingAdmissionPolicy that admits what some policy, which the service account or
/// whoever creates the pod may use, admits as it is; the same RBAC goes on to count. It changes no
/// pod: with --pods, what each template has to say is shown. With --verify it is compared with the
/// policies on the cluster of the kubeconfig, in a namespace that goes again, before it is printed.
///
/// What cannot be carried over is listed; with --on-loss error it ends in exit code 3.
#[derive(Args, Debug)]
pub struct MigrateArgs {
    /// PodSecurityPolicies: a file or directory, or cluster; repeatable
    #[arg(
        short = 'f',
        long = "filename",
        value_name = "FILE|cluster",
        required = true,
        value_hint = clap::ValueHint::AnyPath
    )]
    filename: Vec<PathBuf>,

    /// Where to
    #[arg(long, value_name = "TARGET", value_enum, default_value = "psa")]
    to: Target,

    /// Pods and templates that live under the policies: a file or directory, or cluster
    #[arg(long, value_name = "FILE|cluster")]
    pods: Vec<PathBuf>,

    /// With --to vap, roles and bindings by which policies are used: a file or directory, or
    /// cluster; repeatable [default: every policy may be used]
    #[arg(long, value_name = "FILE|cluster")]
    rbac: Vec<PathBuf>,

    /// With --to vap, the name of the policy
    #[arg(long, value_name = "NAME", default_value = "pod-security-policies")]
    name: String,

    /// With --to vap, compare the policy with the old ones on the cluster; what it needs there is
    /// made and taken away again
    #[arg(long)]
    verify: bool,

    /// Answer every question with yes
    #[arg(short = 'y', long)]
    yes: bool,

    /// What becomes of what cannot be carried over
    #[arg(long, value_name = "WHAT", value_enum, default_value = "warn")]
    on_loss: OnLoss,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

/// `--to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Levels of the Pod Security Standards, by namespace labels.
    Psa,
    /// A ValidatingAdmissionPolicy with its binding.
    Vap,
}

/// `--on-loss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnLoss {
    /// They are listed, and the exit code is 3.
    Error,
    /// They are listed.
    Warn,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    complete: bool,
    policies: Vec<Row>,
    namespaces: BTreeMap<String, Option<Level>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    policy: String,
    /// Why it can never admit anything.
    dead: Option<String>,
    #[serde(flatten)]
    guaranteed: Guaranteed,
}

/// Shows the way.
///
/// # Errors
///
/// What cannot be read; what the server says.
pub async fn run(args: MigrateArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    if args.to == Target::Psa && (args.verify || !args.rbac.is_empty()) {
        return Err(
            Error::usage("--verify and --rbac are for a ValidatingAdmissionPolicy")
                .with_hint("--to vap"),
        );
    }
    let cluster = PathBuf::from("cluster");
    let pods_of_cluster = args.pods.contains(&cluster);
    if pods_of_cluster && args.pods.len() > 1 {
        return Err(Error::usage("--pods is files or the cluster, not both"));
    }
    let of_cluster = [&args.pods, &args.filename, &args.rbac];
    let connects = args.verify || of_cluster.iter().any(|paths| paths.contains(&cluster));
    let session = if connects {
        let product = product();
        let session = client::connect(&args.kube, &product, ui);
        Some(interrupt.guard(session).await?)
    } else {
        None
    };
    let found = interrupt
        .guard(policies(&args.filename, session.as_ref()))
        .await?;
    if found.is_empty() {
        return Err(Error::usage(
            "there is no PodSecurityPolicy in what was given",
        ));
    }
    if args.to == Target::Vap {
        return vap::run(&args, &found, session.as_ref(), ui, interrupt).await;
    }
    let (mut namespaces, mut complete) = (BTreeMap::new(), true);
    if !args.pods.is_empty() {
        let server = Server::default();
        let options = Options {
            levels: vec![Level::Baseline, Level::Restricted],
            versions: vec![Version::Minor(server.minor())],
            server,
            config: psp_advise::standards::config::Config::default(),
            fail_on: FailOn::Never,
            every_decision: false,
            namespaces: args.kube.namespace.clone().into_iter().collect(),
            selector: None,
            custom: Vec::new(),
            output: format::OutputArgs::default(),
        };
        let files = FileArgs {
            filename: args.pods.clone(),
            recursive: true,
            pod_template_path: Vec::new(),
        };
        let reading = session.as_ref().filter(|_| pods_of_cluster);
        let report = evaluate(&files, &options, reading, ui, interrupt).await?;
        for missing in &report.not_evaluated {
            ui.warning(format_args!("not evaluated: {missing}"));
        }
        complete = report.complete;
        namespaces = report
            .namespaces
            .into_iter()
            .map(|namespace| (namespace.name, namespace.today))
            .collect();
    }
    let mut rows: Vec<Row> = found.iter().map(row).collect();
    rows.sort_by(|one, other| one.policy.cmp(&other.policy));
    let lost = rows.iter().any(|row| !row.guaranteed.lost.is_empty());
    let body = Body {
        complete,
        policies: rows,
        namespaces,
    };
    ui.answer(match args.output.format {
        Format::Json => json(&Document::new(Kind::PodSecurityMigration, &body))?,
        Format::Yaml => yaml(&Document::new(Kind::PodSecurityMigration, &body))?,
        Format::Name => body
            .policies
            .iter()
            .map(|row| format!("podsecuritypolicy/{}\n", row.policy))
            .collect(),
        Format::Table | Format::Wide => table(&body, &args.output),
    })?;
    Ok(match (complete, lost && args.on_loss == OnLoss::Error) {
        (false, _) => Exit::Incomplete,
        (true, true) => Exit::No,
        (true, false) => Exit::Done,
    })
}

fn row(policy: &Policy) -> Row {
    Row {
        policy: policy.metadata.name.clone(),
        dead: policy.dead(),
        guaranteed: guaranteed(policy),
    }
}

fn table(body: &Body, output: &OutputArgs) -> String {
    let names = [
        "POLICY",
        "GUARANTEES",
        "NOT TIGHTER BECAUSE OF",
        "LOST",
        "TEMPLATES HAVE TO SAY",
    ];
    let mut table = Table::new((!output.no_headers).then_some(&names));
    for row in &body.policies {
        let guaranteed = &row.guaranteed;
        let because = match guaranteed.level {
            Level::Privileged => &guaranteed.not_baseline,
            Level::Baseline | Level::Restricted => &guaranteed.not_restricted,
        };
        let level = match &row.dead {
            Some(_) => "nothing: it admits no pod".to_owned(),
            None => guaranteed.level.to_string(),
        };
        table.row([
            row.policy.clone(),
            level,
            because.join(", "),
            guaranteed.lost.join(", "),
            guaranteed.mutating.join(", "),
        ]);
    }
    let mut text = table.render();
    if !body.namespaces.is_empty() {
        let names = ["NAMESPACE", "BY ITS PODS"];
        let mut table = Table::new((!output.no_headers).then_some(&names));
        for (name, level) in &body.namespaces {
            let level = level.map_or_else(|| "?".to_owned(), |level| level.to_string());
            table.row([name, &level]);
        }
        text.push('\n');
        text.push_str(&table.render());
    }
    text
}
