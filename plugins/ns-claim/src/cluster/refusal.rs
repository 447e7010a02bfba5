//! The server's refusals, in the words of the guard where the guard refused.

use groundcrew::cluster::Objects;
use groundcrew::error::Error;
use groundcrew::write::{AnyObject, status};

/// What stands before a policy's own words in its refusal (apiserver's
/// `plugin/policy/validating/dispatcher.go`).
const MARK: &str = "denied request: ";

/// Returns the words of the policy that refused, if one did.
#[must_use]
pub fn words(error: &kube::Error) -> Option<&str> {
    let message = &status(error)?.message;
    if !message.contains("ValidatingAdmissionPolicy") {
        return None;
    }
    message.split_once(MARK).map(|(_, words)| words.trim())
}

/// Explains an error of doing something to one object; a policy's refusal with its words alone.
#[must_use]
pub fn told<K: AnyObject>(
    objects: &Objects<K>,
    verb: &'static str,
    name: &str,
    error: kube::Error,
) -> Error {
    match words(&error) {
        Some(words) => {
            let doing = objects.doing(verb).named(name);
            worded(words).with_detail(format!("while: {doing}"))
        }
        None => objects.explain(verb, name, error),
    }
}

fn worded(words: &str) -> Error {
    let (what, hint) = words.split_once("; ").unwrap_or((words, ""));
    let error = Error::failed(format!("not allowed: {what}"));
    if hint.is_empty() {
        error
    } else {
        error.with_hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn a_policys_refusal_is_told_in_its_own_words() {
        let message = "configmaps \"claims\" is forbidden: ValidatingAdmissionPolicy 'p' with \
                       binding 'b' denied request: you hold 3 of 3 claims (a, b, c); release one";
        let error = kube::Error::Api(Status::failure(message, "Invalid").with_code(422).boxed());
        let told = worded(words(&error).unwrap());
        assert_eq!(
            told.to_string(),
            "not allowed: you hold 3 of 3 claims (a, b, c)"
        );
        assert_eq!(told.hints(), ["release one"]);
    }
}
