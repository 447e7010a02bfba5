//! What a run does when the user made the key and the request themselves.

use groundcrew::error::{Error, Result};

use crate::model::onboarding::options::Options;
use crate::model::onboarding::plan::CredentialStep;
use crate::model::record::Record;
use crate::model::signing_request::SigningRequest;

/// Lets a request say which generation is issued, as long as it is the next one.
///
/// The group of the generation stands in the user's request, under their signature, so the number
/// cannot be chosen here: a request for another one is refused with the right number.
///
/// # Errors
///
/// Usage, when the request is for another generation than the next, or when a new credential would
/// take the rights of one that the user holds and nobody said that it may.
pub fn settle(
    options: &Options,
    step: CredentialStep,
    record: Option<&Record>,
) -> Result<CredentialStep> {
    let Some(request) = options.request() else {
        return Ok(step);
    };
    let asked = request.generation();
    let next = record.map_or(1, Record::next_generation);
    let fits = |wanted: u32| asked == wanted || is_resumed(request, record);
    match step {
        CredentialStep::KeepFile(held) if held.generation == asked => {
            // Nothing is tried out with the user's certificate here, so what a file says of itself
            // is not enough.
            let mut issued = record.into_iter().flat_map(|record| &record.generations);
            if issued.any(|issue| issue.generation == asked) || is_resumed(request, record) {
                return Ok(CredentialStep::KeepFile(held));
            }
            let path = options.out.display();
            Err(Error::conflict(format!(
                "{path} holds a certificate of generation {asked}, which is not on record"
            ))
            .with_hint("choose another file with --out"))
        }
        CredentialStep::Issue {
            generation,
            replace_file,
        } if fits(generation) => Ok(CredentialStep::Issue {
            generation: asked,
            replace_file,
        }),
        CredentialStep::Issue { generation, .. } => Err(other(options, asked, generation)),
        CredentialStep::KeepElsewhere(live) if fits(next) => Err(Error::usage(format!(
            "{} holds a {} of generation {} until {}; a new one would revoke it",
            options.user,
            live.kind.as_str(),
            live.generation,
            live.not_after
        ))
        .with_hint("pass --force to replace it")),
        CredentialStep::KeepFile(_) | CredentialStep::KeepElsewhere(_) => {
            Err(other(options, asked, next))
        }
    }
}

/// Says whether a run that died had begun to issue this generation for this very key: no other
/// certificate can carry its group, so it is no second one.
fn is_resumed(request: &SigningRequest, record: Option<&Record>) -> bool {
    let begun = record.and_then(|record| record.begun.as_ref());
    let issued = record.into_iter().flat_map(|record| &record.generations);
    begun.is_some_and(|begun| {
        begun.generation == request.generation()
            && begun.key.as_deref() == Some(request.fingerprint())
    }) && issued
        .map(|issue| issue.generation)
        .all(|issued| issued < request.generation())
}

fn other(options: &Options, asked: u32, next: u32) -> Error {
    let user = &options.user;
    Error::usage(format!(
        "the request is for generation {asked} of {user}; the next one is {next}"
    ))
    .with_hint(format!(
        "the user makes a new one with:  kubectl onboard request {user} --generation {next}"
    ))
}
