//! What the refusal of a write means.

use groundcrew::write::{is_conflict, status};

/// Says whether somebody else was faster: the object has another version, or a `test` of a JSON Patch
/// did not hold.
///
/// That is 422 with the API machinery's own words and nothing more
/// (`apiserver/pkg/endpoints/handlers/patch.go`, `NewGenericServerResponse`). A value that is not
/// allowed is 422 as well, and names its field; an admission webhook says so in its own words.
#[must_use]
pub fn is_outrun(error: &kube::Error) -> bool {
    is_conflict(error)
        || status(error).is_some_and(|status| {
            let causes = status.details.as_ref().map(|details| &details.causes);
            let fields =
                causes.is_some_and(|causes| causes.iter().any(|cause| !cause.field.is_empty()));
            status.code == 422 && !fields && status.message.contains("rejected our request")
        })
}

/// Says whether an error is about reaching the server and not about what was asked.
#[must_use]
pub fn is_blind(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code == 429 || status.code >= 500,
        kube::Error::Service(_) | kube::Error::HyperError(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use serde_json::{Value, json};

    use super::*;

    fn error(code: u16, message: &str, field: Option<&str>) -> kube::Error {
        let causes: Vec<Value> = field.iter().map(|field| json!({"field": field})).collect();
        let status: Status = serde_json::from_value(json!({
            "status": "Failure", "code": code, "message": message, "reason": "Invalid",
            "details": {"causes": causes}}))
        .unwrap();
        kube::Error::Api(status.boxed())
    }

    #[test]
    fn only_a_version_or_a_test_that_does_not_hold_is_looked_at_again() {
        let own = "the server rejected our request due to an error in our request";
        assert!(is_outrun(&error(409, "the object has been modified", None)));
        assert!(is_outrun(&error(422, own, None)));
        let invalid = "Deployment.apps \"web\" is invalid";
        assert!(!is_outrun(&error(422, invalid, Some("spec.replicas"))));
        let webhook = "admission webhook \"x\" denied the request: no";
        assert!(!is_outrun(&error(422, webhook, None)));
        assert!(!is_outrun(&error(403, own, None)));
    }
}
