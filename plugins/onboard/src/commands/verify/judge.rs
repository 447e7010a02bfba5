//! What has to be asked, and what the answers mean. Pure.

use groundcrew::client::access::{Access, granted};
use groundcrew::finding::Sight;
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::{PolicyRule, RoleBinding, Subject as BindingSubject};

use crate::cluster::access_reviews::{Answer, Subject};
use crate::cluster::proof::expected;
use crate::commands::verify::document::{Credential, State, Verification};
use crate::model::check::Check;
use crate::model::credential_kind::CredentialKind;
use crate::model::found::FoundNamespace;
use crate::model::generation::Generation;
use crate::model::identity;
use crate::model::identity::Binding;
use crate::model::labels;
use crate::model::objects::binding;
use crate::model::record::Record;
use crate::model::settings::Extra;
use crate::model::user::UserName;

/// What the cluster says about a user.
#[derive(Debug)]
pub struct Person {
    /// The user's record.
    pub record: Record,
    /// The rules of the user's role.
    pub rules: Sight<Vec<PolicyRule>>,
    /// The user's binding.
    pub binding: Sight<Option<RoleBinding>>,
    /// Every binding of the cluster, and the namespaces that the user has claimed.
    pub bindings: Sight<(Vec<Binding>, Vec<String>)>,
    /// The user's namespace.
    pub namespace: Sight<Option<FoundNamespace>>,
    /// Generations of tokens whose Secret is there.
    pub secrets: Sight<Vec<u32>>,
}

/// What is asked about one generation.
#[derive(Debug)]
pub struct Questions {
    generation: u32,
    /// The subject that it is asked about.
    pub subject: Subject,
    /// What is asked.
    pub accesses: Vec<Access>,
    /// Whether the user should be allowed, in the same order.
    expected: Vec<bool>,
}

/// Returns what has to be asked about each generation: a live one can do what its role says and
/// nothing more, an expired or revoked one nothing at all.
pub fn questions(user: &UserName, person: &Person, now: Timestamp) -> Vec<Questions> {
    let record = &person.record;
    let namespace = &record.namespace;
    let claims = record.settings.extras.contains(&Extra::Claims);
    let token_lives = record
        .live(now)
        .any(|issue| issue.kind == CredentialKind::Token);
    let mut all = Vec::new();
    for issue in &record.generations {
        let (accesses, expected): (Vec<_>, Vec<_>) = match (State::of(issue, now), &person.rules) {
            (State::Live, Ok(rules)) => {
                let wanted = expected::telling(namespace)
                    .into_iter()
                    .filter(|access| granted(rules, access));
                let beyond = expected::beyond(namespace, rules, claims).into_iter();
                wanted
                    .map(|access| (access, true))
                    .chain(beyond.map(|access| (access, false)))
                    .unzip()
            }
            (State::Live, Err(_)) => expected::beyond(namespace, &[], claims)
                .into_iter()
                .map(|access| (access, false))
                .unzip(),
            // The service account is the same for every token; its Secret tells them apart.
            (State::Revoked | State::Replaced, _)
                if issue.kind == CredentialKind::Token && token_lives =>
            {
                continue;
            }
            (State::Revoked | State::Replaced, _) => expected::telling(namespace)
                .into_iter()
                .chain(expected::beyond(namespace, &[], claims))
                .map(|access| (access, false))
                .unzip(),
            // The server refuses the credential itself, whatever its groups may do.
            (State::Expired | State::Unknown, _) => continue,
        };
        all.push(Questions {
            generation: issue.generation,
            subject: match &issue.asserted {
                Some(asserted) => Subject::from((user, asserted)),
                None => Subject::of(user, issue.kind, &issue.groups),
            },
            accesses,
            expected,
        });
    }
    all
}

/// Puts everything together for a user.
pub fn person(
    user: &UserName,
    person: &Person,
    questions: &[Questions],
    answers: &[Sight<Vec<Answer>>],
    now: Timestamp,
) -> Verification {
    let record = &person.record;
    let mut checks = vec![
        alive(record, now),
        namespace(record, &person.namespace),
        binding(user, record, &person.binding, now),
        others(user, record, &person.bindings),
    ];
    if let Err(why) = &person.rules {
        let role = record.home_role();
        checks.push(Check::undecided(
            format!("rules of ClusterRole {role}"),
            why,
        ));
    }
    for (asked, answer) in questions.iter().zip(answers) {
        checks.extend(judge(asked, answer));
    }
    checks.extend(secrets(record, &person.secrets, now));
    let credential = |issue: &Generation| Credential {
        r#type: Some(issue.kind),
        generation: Some(issue.generation),
        not_after: Some(issue.not_after),
        state: State::of(issue, now),
    };
    Verification {
        file: None,
        user: Some(record.user.clone()),
        namespace: Some(record.namespace.clone()),
        credentials: record.generations.iter().map(credential).collect(),
        can: None,
        checks,
    }
}

/// Looks for bindings that name the user and that are not on record, whoever made them.
fn others(user: &UserName, record: &Record, found: &Sight<(Vec<Binding>, Vec<String>)>) -> Check {
    let what = format!("no other binding names {user}");
    match found {
        Err(why) => Check::undecided(what, why),
        Ok((found, claimed)) => {
            let others = identity::others(user, record, claimed, found);
            let told: Vec<String> = others.iter().map(ToString::to_string).collect();
            Check::new(what, (!told.is_empty()).then(|| told.join("; ")))
        }
    }
}

fn alive(record: &Record, now: Timestamp) -> Check {
    let failure = record
        .live(now)
        .next()
        .is_none()
        .then(|| match record.generations.last() {
            None => "no credential was ever issued".to_owned(),
            Some(last) => format!(
                "none: the latest one, g{}, is {}",
                last.generation,
                State::of(last, now).as_str()
            ),
        });
    Check::new("a live credential", failure)
}

fn judge(asked: &Questions, answer: &Sight<Vec<Answer>>) -> Vec<Check> {
    let generation = asked.generation;
    let name = |access: &Access, expected: bool| {
        let word = if expected { "can" } else { "cannot" };
        format!("g{generation} {word} {access}")
    };
    let pairs = asked.accesses.iter().zip(&asked.expected);
    let answers = match answer {
        Ok(answers) => answers,
        Err(why) => {
            let what = format!("g{generation}, {} rights", asked.accesses.len());
            return vec![Check::undecided(what, why)];
        }
    };
    pairs
        .zip(answers)
        .map(|((access, expected), answer)| {
            let name = name(access, *expected);
            match (expected, answer.allowed, &answer.trouble) {
                (true, true, _) | (false, false, None) => Check::new(name, None),
                (_, false, Some(trouble)) => Check::undecided(name, trouble),
                (true, false, None) => Check::new(name, Some("the user cannot".to_owned())),
                (false, true, _) => {
                    let through = match answer.reason.as_str() {
                        "" => String::new(),
                        reason => format!(": {reason}"),
                    };
                    Check::new(name, Some(format!("the user can{through}")))
                }
            }
        })
        .collect()
}

/// Compares the namespace with the record.
pub fn namespace(record: &Record, found: &Sight<Option<FoundNamespace>>) -> Check {
    let name = &record.namespace;
    let what = format!("namespace {name}");
    match found {
        Err(why) => Check::undecided(what, why),
        Ok(None) => Check::new(what, Some("it does not exist".to_owned())),
        Ok(Some(found)) => {
            let owner = found.annotations.get(labels::OWNER);
            let failure = if found.terminating {
                Some("it is being deleted".to_owned())
            } else if owner != Some(&record.user) && !record.settings.no_namespace {
                Some(match owner {
                    Some(other) => format!("its owner is {other:?}"),
                    None => "it has no owner annotation".to_owned(),
                })
            } else {
                None
            };
            Check::new(what, failure)
        }
    }
}

/// Compares the binding with the record.
pub fn binding(
    user: &UserName,
    record: &Record,
    found: &Sight<Option<RoleBinding>>,
    now: Timestamp,
) -> Check {
    let what = format!(
        "rolebinding {}/{}",
        record.namespace,
        labels::binding_name(user)
    );
    let holders = record.holders(user, now);
    let found = match found {
        Err(why) => return Check::undecided(what, why),
        Ok(found) => found,
    };
    let failure = match found {
        None if holders.is_empty() => None,
        None => Some("it does not exist".to_owned()),
        Some(found) => {
            let wanted =
                binding::role_binding(&record.namespace, user, record.home_role(), &holders);
            let (wanted, got) = (
                subjects(wanted.subjects.as_deref()),
                subjects(found.subjects.as_deref()),
            );
            let role = &found.role_ref.name;
            if role != record.home_role() && !record.home_role().is_empty() {
                Some(format!("it gives {role} instead of {}", record.home_role()))
            } else if got != wanted {
                Some(format!(
                    "it names [{}] instead of [{}]",
                    got.join(", "),
                    wanted.join(", ")
                ))
            } else {
                None
            }
        }
    };
    Check::new(what, failure)
}

fn subjects(subjects: Option<&[BindingSubject]>) -> Vec<String> {
    let mut all: Vec<String> = subjects
        .into_iter()
        .flatten()
        .map(|subject| format!("{} {}", subject.kind.to_lowercase(), subject.name))
        .collect();
    all.sort();
    all
}

/// A token is as alive as its Secret.
fn secrets(record: &Record, found: &Sight<Vec<u32>>, now: Timestamp) -> Vec<Check> {
    let tokens = record
        .generations
        .iter()
        .filter(|issue| issue.kind == CredentialKind::Token);
    tokens
        .filter_map(|issue| {
            let generation = issue.generation;
            let lives = match State::of(issue, now) {
                State::Live => true,
                State::Revoked | State::Replaced => false,
                State::Expired | State::Unknown => return None,
            };
            let what = if lives {
                format!("g{generation}'s token has its Secret")
            } else {
                format!("g{generation}'s token no longer has a Secret")
            };
            Some(match found {
                Err(why) => Check::undecided(what, why),
                Ok(found) => {
                    let there = found.contains(&generation);
                    let failure = (there != lives).then(|| {
                        if there {
                            "it still exists, and the token works".to_owned()
                        } else {
                            "it is gone, and the token with it".to_owned()
                        }
                    });
                    Check::new(what, failure)
                }
            })
        })
        .collect()
}

/// What a file's credential says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Certificate or token.
    pub kind: CredentialKind,
    /// Its generation.
    pub generation: u32,
    /// When it expires.
    pub not_after: Timestamp,
    /// SHA-256 of the certificate.
    pub sha256: Option<String>,
}

/// Returns what the record says about the credential of a file.
pub fn on_record(record: &Record, held: &Held, now: Timestamp) -> (State, Check) {
    let generation = held.generation;
    let what = format!("generation {generation} on record");
    let found = record
        .generations
        .iter()
        .find(|issue| issue.generation == generation);
    let Some(issue) = found else {
        let begun = record.begun.as_ref();
        if let Some(begun) = begun.filter(|begun| begun.generation == generation) {
            let why = format!("the run of {} that issues it has not finished", begun.by);
            return (State::Unknown, Check::undecided(what, why));
        }
        let why = Some("it is not on record".to_owned());
        return (State::Unknown, Check::new(what, why));
    };
    if issue.kind != held.kind || (held.sha256.is_some() && issue.sha256 != held.sha256) {
        let why = format!(
            "the record has a different {} with that number",
            issue.kind.as_str()
        );
        return (State::Unknown, Check::new(what, Some(why)));
    }
    let state = State::of(issue, now);
    let later = record
        .generations
        .iter()
        .map(|issue| issue.generation)
        .max();
    let instead = match later {
        Some(later) if later > generation => format!(", and replaced by generation {later}"),
        _ => String::new(),
    };
    let failure = match state {
        State::Live | State::Unknown => None,
        State::Revoked => {
            let at = issue
                .revoked_at
                .map(|at| at.to_string())
                .unwrap_or_default();
            Some(format!("revoked at {at}{instead}"))
        }
        State::Replaced => Some(format!("its grace period is over{instead}")),
        State::Expired => Some(format!("expired at {}{instead}", issue.not_after)),
    };
    (state, Check::new(what, failure))
}

#[cfg(test)]
mod tests;
