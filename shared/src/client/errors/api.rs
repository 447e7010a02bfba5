//! Answers of the API server that are errors.

use kube::core::Status;

use super::denied::Denied;
use super::doing::Doing;
use crate::client::access::grant::grant_hint;
use crate::error::{Error, Kind};

/// The longest foreign text that is shown, such as a load balancer's error page.
const LONGEST_FOREIGN_TEXT: usize = 200;

pub(super) fn explain(status: &Status, doing: &Doing) -> Error {
    let reason = reason(status);
    let message = message(status);
    if reason == "Unauthorized" {
        return Error::failed(format!("You must be logged in to the server ({message})"))
            .with_detail(format!("while: {doing}"))
            .with_hint("the credentials are missing, wrong or expired; see which are used with: kubectl config view --minify");
    }
    if reason == "Invalid" {
        return invalid(status, &message, doing);
    }
    let error = Error::new(
        kind(status.code, &reason),
        format!("Error from server ({reason}): {message}"),
    );
    let error = hints(error.verbatim(), &reason, &message, doing);
    if names(&message, doing) {
        error
    } else {
        error.with_detail(format!("while: {doing}"))
    }
}

fn hints(error: Error, reason: &str, message: &str, doing: &Doing) -> Error {
    match reason {
        "Forbidden" => forbidden(error, message, doing),
        "TooManyRequests" => error.with_hint("the server stayed busy; run the command again later"),
        _ => error,
    }
}

/// Adds what is missing and how an admin grants it.
///
/// Only the authorizer's own refusals get that: admission (quota, pod security, a webhook) says
/// "forbidden" as well, and no right of anybody would change its mind.
fn forbidden(error: Error, message: &str, doing: &Doing) -> Error {
    let Some(denied) = Denied::read(message, doing) else {
        return error;
    };
    let role = format!(
        "groundcrew-{}-{}",
        denied.access.verb, denied.access.resource
    );
    error
        .with_detail(format!("missing: {}", denied.access))
        .with_hint(grant_hint(
            std::slice::from_ref(&denied.access),
            &denied.user,
            &role,
        ))
}

/// kubectl's `The Namespace "x" is invalid: …` with one line per cause.
fn invalid(status: &Status, message: &str, doing: &Doing) -> Error {
    let Some(details) = &status.details else {
        return Error::failed(format!("The request is invalid: {message}"))
            .verbatim()
            .with_detail(format!("while: {doing}"));
    };
    let mut what = "The request is invalid".to_owned();
    if !details.kind.is_empty() || !details.name.is_empty() {
        what = format!("The {} \"{}\" is invalid", details.kind, details.name);
    }
    let mut causes: Vec<String> = Vec::new();
    for cause in &details.causes {
        let line = format!("{}: {}", cause.field, cause.message);
        if !causes.contains(&line) {
            causes.push(line);
        }
    }
    match causes.as_slice() {
        [] => Error::failed(format!("{what}: {message}")).verbatim(),
        [one] => Error::failed(format!("{what}: {one}")).verbatim(),
        many => many.iter().fold(
            Error::failed(format!("{what}:")).verbatim(),
            |error, line| error.with_detail(format!("* {line}")),
        ),
    }
}

/// Says whether the server's words already tell what was being done.
fn names(message: &str, doing: &Doing) -> bool {
    let plural = doing.resource.split('.').next().unwrap_or_default();
    let named = doing
        .name
        .as_ref()
        .is_none_or(|name| message.contains(name.as_str()));
    named && message.contains(plural)
}

fn kind(code: u16, reason: &str) -> Kind {
    match (code, reason) {
        (409, _) | (_, "Conflict" | "AlreadyExists") => Kind::Conflict,
        (408 | 504, _) | (_, "Timeout") => Kind::TimedOut,
        _ => Kind::Failed,
    }
}

/// The server's reason, or the one that belongs to the code when no `Status` was sent.
fn reason(status: &Status) -> String {
    if !status.reason.is_empty() && !is_foreign(status) {
        return status.reason.clone();
    }
    let name = match status.code {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        408 | 504 => "Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "RequestEntityTooLarge",
        415 => "UnsupportedMediaType",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        code => return code.to_string(),
    };
    name.to_owned()
}

/// kube's mark on an answer that was no `Status`: a page of some proxy, or plain text.
fn is_foreign(status: &Status) -> bool {
    status.reason == "Failed to parse error data"
}

fn message(status: &Status) -> String {
    if !is_foreign(status) {
        return status.message.clone();
    }
    let line = status
        .message
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty());
    let Some(line) = line.filter(|line| !line.starts_with('<')) else {
        return format!(
            "the answer ({}) did not come from a Kubernetes API server",
            status.code
        );
    };
    line.chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_FOREIGN_TEXT)
        .collect()
}
