//! Requests that are about no kind: what the server serves, its version, its metrics.

use super::{Doing, explain};
use crate::error::Error;

/// Returns what explains an error of doing something to a thing that has no type here: a path such
/// as `/apis`, or objects whose kind is known only by its name.
///
/// ```text
/// client.list_api_groups().await.map_err(failed("get", "/apis"))?
/// ```
pub fn failed(verb: &'static str, what: impl Into<String>) -> impl Fn(kube::Error) -> Error {
    let doing = doing(verb, what);
    move |error| explain(error, &doing)
}

/// Describes doing something to a thing that has no type here.
#[must_use]
pub fn doing(verb: &'static str, what: impl Into<String>) -> Doing {
    Doing::new(verb, what.into())
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn an_error_names_the_path() {
        let status = Status::failure("no", "").with_code(503);
        let error = failed("get", "/apis")(kube::Error::Api(status.boxed()));
        assert!(error.to_string().contains("no"), "{error}");
        assert_eq!(doing("get", "/apis").to_string(), "get /apis");
    }
}
