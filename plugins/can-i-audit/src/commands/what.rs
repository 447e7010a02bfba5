//! `kubectl can-i-audit what`: everything a subject may do.

use can_i_audit::model::engine::{Chain, World};
use can_i_audit::model::grant::{self, Grant};
use can_i_audit::model::kind::Kind;
use can_i_audit::model::policy::Rule;
use can_i_audit::model::subject::MASTERS;
use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::Table;
use serde::Serialize;

use super::answer::document;
use super::flags::{LiteralArgs, SourceArgs, asker, place};

/// List what a subject can do, scope by scope, and through which binding
///
/// Includes access through the groups that every subject of this kind belongs to. Without -A, shows
/// cluster-wide access and access in one namespace: that of -n, else a service account's own, else
/// that of the context.
#[derive(Args, Debug)]
pub struct WhatArgs {
    /// sa:NAMESPACE/NAME, user:NAME, group:NAME, node:NAME, anonymous or me
    subject: String,

    /// Additional group of the subject; repeatable
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,

    /// Show all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    #[command(flatten)]
    literal: LiteralArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    source: SourceArgs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    subject: String,
    groups: &'a [String],
    superuser: bool,
    rules: Vec<Row<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    /// Absent when it holds cluster-wide.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    allows: &'a Rule,
    grant: Grant<'a>,
    #[serde(skip)]
    chain: Chain,
}

/// Answers.
///
/// # Errors
///
/// That the subject is none, or nothing could be read.
pub async fn run(args: WhatArgs, frame: &Frame) -> Result<Exit> {
    let ui = &frame.ui;
    let observed = args.source.read(frame).await?;
    let policy = &observed.policy;
    let asker = asker(&args.subject, &args.groups, args.literal, &observed, ui).await?;
    let world = World::new(policy);
    let here = place(&asker, frame, &observed);
    let namespace = (!args.all_namespaces).then_some(here);
    let mut rows = Vec::new();
    for (binding, subject) in world.bindings_of(&asker.principal, namespace) {
        let Some(role) = world.role(binding) else {
            continue;
        };
        let inside = (!world.is_cluster_wide(binding)).then(|| world.scope_of(binding));
        for (rule, allows) in role.rules.iter().enumerate() {
            // Paths are never given through a RoleBinding.
            if inside.is_some() && allows.resources.is_empty() {
                continue;
            }
            let chain = Chain {
                binding,
                subject,
                rule,
            };
            rows.push(Row {
                namespace: inside,
                allows,
                grant: grant::grant(&world, chain),
                chain,
            });
        }
    }
    let answer = Answer {
        superuser: asker.principal.groups.iter().any(|group| group == MASTERS),
        subject: asker.shown.clone(),
        groups: &asker.principal.groups,
        rules: rows,
    };
    let text = match document(Kind::AccessRules, policy, &answer, &args.output)? {
        Some(text) => text,
        None => render(&world, &answer, &args.output),
    };
    ui.answer(text)?;
    if answer.superuser {
        ui.status("members of system:masters can do everything, whatever the roles say.");
    } else if answer.rules.is_empty() {
        ui.status(format_args!("nothing is granted to {}.", answer.subject));
    }
    if let Some(namespace) = namespace {
        ui.status(format_args!(
            "shown: cluster-wide access and access in namespace {namespace}; for all namespaces: -A"
        ));
    }
    observed.say(ui);
    observed.finish()?;
    Ok(observed.exit(Exit::Done))
}

fn render(world: &World<'_>, answer: &Answer<'_>, output: &OutputArgs) -> String {
    if answer.rules.is_empty() {
        return String::new();
    }
    let headers = ["SCOPE", "VERBS", "RESOURCES", "NAMES", "THROUGH"];
    let mut table = Table::new((!output.no_headers).then_some(headers.as_slice()));
    for row in &answer.rules {
        let rule = row.allows;
        let mut what = resources(rule);
        if row.namespace.is_none() {
            what.extend(rule.non_resource_urls.iter().cloned());
        }
        let names: Vec<String> = rule
            .resource_names
            .iter()
            .map(|name| {
                if name.is_empty() {
                    "\"\" (whole collections)".to_owned()
                } else {
                    name.clone()
                }
            })
            .collect();
        let names = if names.is_empty() {
            "*".to_owned()
        } else {
            shortened(&names, output)
        };
        table.row([
            row.namespace.unwrap_or("cluster-wide"),
            &shortened(&rule.verbs, output),
            &shortened(&what, output),
            &names,
            &grant::words(world, row.chain),
        ]);
    }
    table.render()
}

/// `pods`, `deployments.apps`, `*.*`.
fn resources(rule: &Rule) -> Vec<String> {
    let mut all = Vec::new();
    for group in &rule.api_groups {
        for resource in &rule.resources {
            all.push(if group.is_empty() {
                resource.clone()
            } else {
                match resource.split_once('/') {
                    Some((name, sub)) => format!("{name}.{group}/{sub}"),
                    None => format!("{resource}.{group}"),
                }
            });
        }
    }
    all
}

/// Words beyond what fits on a line are counted; `-o wide` shows them all.
fn shortened(words: &[String], output: &OutputArgs) -> String {
    const MOST: usize = 4;
    if output.format == Format::Wide || words.len() <= MOST + 1 {
        return words.join(",");
    }
    format!("{},… (+{})", words[..MOST].join(","), words.len() - MOST)
}
