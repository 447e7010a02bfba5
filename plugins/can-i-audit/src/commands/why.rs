//! `kubectl can-i-audit why`: every chain to a right, or what is missing for one.

use can_i_audit::model::decision::Decision;
use can_i_audit::model::engine::World;
use can_i_audit::model::grant::{self, Grant};
use can_i_audit::model::kind::Kind;
use can_i_audit::model::nearest::{self, Miss};
use can_i_audit::model::question::{Question, Target};
use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::{Format, OutputArgs};
use serde::Serialize;

use super::answer::document;
use super::flags::{ActionArgs, SourceArgs, asker};

/// Explain why a subject can do something, or what is missing
///
/// Shows every chain from the subject, or one of its groups, through the binding and the role to
/// the rule. When access is denied, or with --not, shows the closest grants and what each is
/// missing. Exits with code 3 when access is denied.
#[derive(Args, Debug)]
pub struct WhyArgs {
    /// Show the closest grants that do not match
    #[arg(long)]
    not: bool,

    /// sa:NAMESPACE/NAME, user:NAME, group:NAME, node:NAME, anonymous or me
    subject: String,

    #[command(flatten)]
    action: ActionArgs,

    /// Additional group of the subject; repeatable
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,

    /// Ask about all namespaces at once instead of one
    #[arg(long, conflicts_with = "all_namespaces")]
    cluster_wide: bool,

    /// Ask about every namespace, one by one
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    source: SourceArgs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    subject: &'a str,
    groups: &'a [String],
    question: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    namespace: String,
    allowed: Decision,
    superuser: bool,
    grants: Vec<Grant<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nearest: Vec<Near<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Near<'a> {
    grant: Grant<'a>,
    missing: Vec<String>,
    #[serde(skip)]
    words: String,
}

/// Misses that are shown.
const MOST: usize = 5;

/// Answers.
///
/// # Errors
///
/// That the question makes no sense, or nothing could be read.
pub async fn run(args: WhyArgs, frame: &Frame) -> Result<Exit> {
    let ui = &frame.ui;
    let observed = args.source.read(frame).await?;
    let policy = &observed.policy;
    let (subject, asked) = args.action.after(args.subject);
    let literal = asked.literal;
    let asker = asker(&subject, &args.groups, literal, &observed, ui).await?;
    let action = asked.action(&observed, ui)?;
    let place = if args.cluster_wide || args.all_namespaces {
        ""
    } else {
        observed.namespace.as_str()
    };
    let action = action.within(place).read_as(observed.mode, &policy.catalog);
    // Something of the cluster is asked about once, wherever one looks.
    let anywhere = args.all_namespaces
        && action.namespace().is_empty()
        && action
            .within("-")
            .read_as(observed.mode, &policy.catalog)
            .namespace()
            == "-";
    if action.namespace() != place && !matches!(action.target, Target::Path(_)) {
        ui.status(format_args!(
            "{action} concerns the whole cluster, so only cluster-wide bindings count."
        ));
    }
    let question = Question {
        principal: asker.principal,
        action,
    };
    let world = World::new(policy);
    let mut grants = world.grants(&question);
    if anywhere {
        for namespace in world.namespaces_of(&question.principal) {
            let there = Question {
                principal: question.principal.clone(),
                action: question.action.within(namespace),
            };
            grants.chains.extend(world.grants(&there).chains);
        }
        grants.chains.sort_unstable();
        grants.chains.dedup();
    }
    let decision = Decision::of(&grants, policy, question.action.namespace());
    let misses = if args.not || !grants.allowed() {
        nearest::misses(&world, &question, MOST)
    } else {
        Vec::new()
    };
    let answer = Answer {
        subject: &asker.shown,
        groups: &question.principal.groups,
        question: question.action.to_string(),
        namespace: question.action.namespace().to_owned(),
        allowed: decision,
        superuser: grants.superuser,
        grants: grants
            .chains
            .iter()
            .map(|chain| grant::grant(&world, *chain))
            .collect(),
        nearest: misses.iter().map(|miss| near(&world, miss)).collect(),
    };
    let text = match document(Kind::AccessReasons, policy, &answer, &args.output)? {
        Some(text) => text,
        None if args.output.format == Format::Name => format!("{}\n", decision.word()),
        None => render(&world, &answer, &grants.chains, anywhere),
    };
    ui.answer(text)?;
    observed.say(ui);
    observed.finish()?;
    Ok(match decision {
        Decision::Allowed => Exit::Done,
        Decision::Denied => Exit::No,
        Decision::Unknown => observed.exit(Exit::No),
    })
}

fn near<'a>(world: &'a World<'_>, miss: &Miss) -> Near<'a> {
    Near {
        grant: grant::grant(world, miss.chain),
        missing: miss.missing.clone(),
        words: grant::words(world, miss.chain),
    }
}

fn render(
    world: &World<'_>,
    answer: &Answer<'_>,
    chains: &[can_i_audit::model::engine::Chain],
    anywhere: bool,
) -> String {
    let place = if anywhere {
        " in any namespace".to_owned()
    } else if answer.namespace.is_empty() {
        String::new()
    } else {
        format!(" in {}", answer.namespace)
    };
    let (subject, question) = (answer.subject, &answer.question);
    let mut text = match answer.allowed {
        Decision::Allowed => format!("allowed: {subject} can {question}{place}\n"),
        Decision::Denied => format!("denied: nothing grants {question} to {subject}{place}\n"),
        Decision::Unknown => {
            format!("unknown: nothing that was read grants {question} to {subject}{place}\n")
        }
    };
    if answer.superuser {
        text.push_str(
            "  system:masters → built into the API server: superusers bypass authorization\n",
        );
    }
    for chain in chains {
        let named = &world.binding(chain.binding).subjects[chain.subject];
        let inside = world.scope_of(chain.binding);
        let by = can_i_audit::model::subject::Subject::of_binding(named, inside)
            .map_or_else(|| named.name.clone(), |subject| subject.to_string());
        let by = if by == *subject {
            String::new()
        } else {
            format!("{by} → ")
        };
        text.push_str(&format!(
            "  {subject} → {by}{}\n",
            grant::words(world, *chain)
        ));
    }
    for (number, near) in answer.nearest.iter().enumerate() {
        let label = if number == 0 { "nearest:" } else { "        " };
        text.push_str(&format!(
            "{label} {}: {}\n",
            near.words,
            near.missing.join("; ")
        ));
    }
    text
}
