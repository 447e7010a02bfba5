//! `kubectl can-i-audit verify`: does the server agree?

use std::collections::BTreeSet;
use std::time::Duration;

use can_i_audit::model::engine::{Grants, World};
use can_i_audit::model::kind::Kind;
use can_i_audit::model::policy::Policy;
use can_i_audit::model::question::{Action, Question, Resource, Target};
use can_i_audit::model::sample::{Random, Sampler};
use can_i_audit::model::subject::Subject;
use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::Table;
use groundcrew::plural::count;
use serde::Serialize;

use super::answer::document;
use super::flags::SourceArgs;
use crate::cluster;
use crate::cluster::reviews::{self, Verdict};

/// Check the answers to random questions against the API server
///
/// Sends random questions about this cluster's own subjects, roles and namespaces to the server as
/// SubjectAccessReviews. A different answer means that an authorizer other than RBAC decides too;
/// the exit code is then 3.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// Number of questions
    #[arg(long, value_name = "N", default_value_t = 2000)]
    samples: usize,

    /// Seed of the random questions
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    source: SourceArgs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    samples: usize,
    seed: u64,
    /// Questions that are allowed, by both.
    allowed: usize,
    /// Allowed questions whose binding, as the server names it, is among the chains found.
    named_bindings: usize,
    /// Questions that the two answer differently, or where the server names another binding.
    disagreements: Vec<Disagreement>,
    /// Other authorizers, and what they mean.
    foreign: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Disagreement {
    user: String,
    groups: Vec<String>,
    question: String,
    namespace: String,
    expected: bool,
    server: bool,
    reason: String,
    likely: &'static str,
}

/// Time for the server's own caches to follow a change.
const SETTLE: Duration = Duration::from_millis(750);
/// Disagreements that a table shows.
const SHOWN: usize = 20;

/// Verifies.
///
/// # Errors
///
/// That one may not ask, or nothing could be read.
pub async fn run(args: VerifyArgs, frame: &Frame) -> Result<Exit> {
    let ui = &frame.ui;
    if args.source.is_offline() {
        return Err(Error::usage(
            "verify requires a cluster and does not accept --from",
        ));
    }
    let observed = args.source.read(frame).await?;
    let session = observed.live("verify")?;
    let policy = &observed.policy;
    if !policy.can_deny_everywhere() {
        return Err(Error::new(
            groundcrew::error::Kind::Incomplete,
            "some roles or bindings could not be read, so nothing can be compared",
        ));
    }
    let questions = questions(policy, args.samples, args.seed);
    let progress = ui.progress(format!("asking {}", count(questions.len(), "question")));
    let verdicts = frame
        .interrupt
        .guard(reviews::ask(session, &questions))
        .await?;
    drop(progress);
    let mut open = compare(policy, &questions, &verdicts);
    let mut fresh = None;
    if !open.differ.is_empty() {
        // Somebody may have changed something in between: look and ask again.
        tokio::time::sleep(SETTLE).await;
        let mut again = frame
            .interrupt
            .guard(cluster::policy::read(session, args.source.chunk()))
            .await?;
        again.sort();
        let differing: Vec<Question> = open
            .differ
            .iter()
            .map(|index| questions[*index].clone())
            .collect();
        let answers = frame
            .interrupt
            .guard(reviews::ask(session, &differing))
            .await?;
        let second = compare(&again, &differing, &answers);
        open.allowed += second.allowed;
        open.named += second.named;
        open.differ = second.differ.iter().map(|at| open.differ[*at]).collect();
        let verdicts: Vec<Verdict> = second
            .differ
            .iter()
            .map(|at| answers[*at].clone())
            .collect();
        fresh = Some((again, verdicts));
    }
    let disagreements = match &fresh {
        Some((policy, verdicts)) => {
            let world = World::new(policy);
            let pairs = open.differ.iter().zip(verdicts);
            pairs
                .map(|(index, verdict)| disagreement(&world, &questions[*index], verdict))
                .collect()
        }
        None => Vec::new(),
    };
    let foreign = frame.interrupt.guard(probe(policy, session)).await?;
    let answer = Answer {
        samples: questions.len(),
        seed: args.seed,
        allowed: open.allowed,
        named_bindings: open.named,
        disagreements,
        foreign,
    };
    let text = match document(Kind::AccessVerification, policy, &answer, &args.output)? {
        Some(text) => text,
        None => render(&answer, &args.output),
    };
    ui.answer(text)?;
    for line in &answer.foreign {
        ui.warning(line);
    }
    observed.say(ui);
    observed.finish()?;
    Ok(if answer.disagreements.is_empty() {
        observed.exit(Exit::Done)
    } else {
        Exit::No
    })
}

fn questions(policy: &Policy, samples: usize, seed: u64) -> Vec<Question> {
    let sampler = Sampler::new(policy);
    let mut random = Random::new(seed);
    let mut questions = Vec::with_capacity(samples);
    while questions.len() < samples {
        let question = sampler.question(&mut random);
        // The server refuses a review about nobody.
        let nobody = question.principal.user.is_empty() && question.principal.groups.is_empty();
        if !nobody {
            questions.push(question);
        }
    }
    questions
}

#[derive(Default)]
struct Compared {
    allowed: usize,
    named: usize,
    differ: Vec<usize>,
}

fn compare(policy: &Policy, questions: &[Question], verdicts: &[Verdict]) -> Compared {
    let world = World::new(policy);
    let mut compared = Compared::default();
    for (index, (question, verdict)) in questions.iter().zip(verdicts).enumerate() {
        let grants = world.grants(question);
        let named = named_binding(&verdict.reason);
        let known = named
            .as_ref()
            .is_none_or(|named| bindings(&world, &grants).contains(named));
        if grants.allowed() != verdict.allowed || (verdict.allowed && !known) {
            compared.differ.push(index);
            continue;
        }
        compared.allowed += usize::from(verdict.allowed);
        compared.named += usize::from(verdict.allowed && named.is_some());
    }
    compared
}

/// Kind and `name` or `name/namespace`, as the server quotes them.
fn bindings(world: &World<'_>, grants: &Grants) -> BTreeSet<(String, String)> {
    grants
        .chains
        .iter()
        .map(|chain| {
            let meta = &world.binding(chain.binding).metadata;
            if world.is_cluster_wide(chain.binding) {
                ("ClusterRoleBinding".to_owned(), meta.name.clone())
            } else {
                (
                    "RoleBinding".to_owned(),
                    format!("{}/{}", meta.name, meta.namespace),
                )
            }
        })
        .collect()
}

/// Reads `RBAC: allowed by RoleBinding "name/ns" of …`.
fn named_binding(reason: &str) -> Option<(String, String)> {
    let rest = reason.strip_prefix("RBAC: allowed by ")?;
    let (kind, rest) = rest.split_once(' ')?;
    let (name, _) = rest.strip_prefix('"')?.split_once("\" of ")?;
    Some((kind.to_owned(), name.to_owned()))
}

fn disagreement(world: &World<'_>, question: &Question, verdict: &Verdict) -> Disagreement {
    let expected = world.allows(question);
    let likely = match (expected, verdict.allowed) {
        (true, false) if verdict.denied => "an authorizer before RBAC denies it (webhook, cloud)",
        (true, false) => "RBAC is not an authorizer of this cluster, or it changed a moment ago",
        (false, true) if verdict.reason.starts_with("RBAC:") => "it changed a moment ago",
        (false, true) => "another authorizer allows it (webhook, ABAC, Node, cloud IAM)",
        _ => "another binding, created a moment ago, grants it too",
    };
    Disagreement {
        user: question.principal.user.clone(),
        groups: question.principal.groups.clone(),
        question: question.action.to_string(),
        namespace: question.action.namespace().to_owned(),
        expected,
        server: verdict.allowed,
        reason: verdict.reason.clone(),
        likely,
    }
}

/// Finds authorizers that are not RBAC by questions that RBAC cannot allow here.
async fn probe(policy: &Policy, session: &groundcrew::client::Session) -> Result<Vec<String>> {
    let world = World::new(policy);
    let ask = |subject: Subject, verb: &str, resource: &str, name: &str| Question {
        principal: subject.principal(&[], true),
        action: Action {
            verb: verb.to_owned(),
            target: Target::Resource(Resource {
                resource: resource.to_owned(),
                name: name.to_owned(),
                ..Resource::default()
            }),
        },
    };
    let node = "can-i-audit-probe".to_owned();
    let user = || Subject::User("can-i-audit-probe".to_owned());
    let probes = [
        (
            ask(Subject::Node(node.clone()), "get", "nodes", &node),
            "the Node authorizer is enabled: RBAC alone does not decide what nodes can read",
        ),
        (
            ask(user(), "probe", "can-i-audit-probes", ""),
            "everything is allowed to everyone: another authorizer (AlwaysAllow, ABAC, a webhook) \
             decides, so the answers given here do not apply",
        ),
        (
            ask(Subject::Anonymous, "get", "secrets", ""),
            "another authorizer lets anonymous requests read Secrets",
        ),
    ];
    let open: Vec<_> = probes
        .into_iter()
        .filter(|(question, _)| !world.allows(question))
        .collect();
    let questions: Vec<Question> = open.iter().map(|(question, _)| question.clone()).collect();
    let verdicts = reviews::ask(session, &questions).await?;
    Ok(open
        .iter()
        .zip(verdicts)
        .filter(|(_, verdict)| verdict.allowed)
        .map(|((_, means), _)| (*means).to_owned())
        .collect())
}

fn render(answer: &Answer, output: &OutputArgs) -> String {
    if output.format == Format::Name {
        let users: BTreeSet<&str> = answer
            .disagreements
            .iter()
            .map(|one| one.user.as_str())
            .collect();
        return users.iter().map(|user| format!("user:{user}\n")).collect();
    }
    let agreed = answer.samples - answer.disagreements.len();
    let mut text = format!(
        "the server agrees on {agreed} of {} (seed {}). {} are allowed, and for {} of them it names a \
         binding that was found here too.\n",
        count(answer.samples, "question"),
        answer.seed,
        answer.allowed,
        answer.named_bindings
    );
    if answer.disagreements.is_empty() {
        return text;
    }
    let headers = ["USER", "QUESTION", "NAMESPACE", "HERE", "SERVER", "LIKELY"];
    let mut table = Table::new((!output.no_headers).then_some(headers.as_slice()));
    let word = |allowed: bool| if allowed { "allowed" } else { "denied" };
    for one in answer.disagreements.iter().take(SHOWN) {
        table.row([
            one.user.as_str(),
            &one.question,
            &one.namespace,
            word(one.expected),
            word(one.server),
            one.likely,
        ]);
    }
    text.push_str(&table.render());
    if answer.disagreements.len() > SHOWN {
        text.push_str(&format!(
            "and {} more; see -o json\n",
            answer.disagreements.len() - SHOWN
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binding_in_a_reason_is_read_with_its_namespace() {
        let reason = "RBAC: allowed by RoleBinding \"b/ns\" of Role \"r\" to User \"u\"";
        let found = named_binding(reason);
        assert_eq!(found, Some(("RoleBinding".to_owned(), "b/ns".to_owned())));
        assert_eq!(named_binding("RBAC: role \"x\" not found"), None);
    }
}
