//! What the server refused with.

use kube::Error;
use kube::core::Status;

/// Returns the server's status of a refusal.
#[must_use]
pub fn status(error: &Error) -> Option<&Status> {
    match error {
        Error::Api(status) => Some(status),
        _ => None,
    }
}

/// Says whether the server refused it for want of a right.
#[must_use]
pub fn is_forbidden(error: &Error) -> bool {
    status(error).is_some_and(|status| status.code == 403)
}

/// Says whether the object (or its namespace) does not exist.
#[must_use]
pub fn is_not_found(error: &Error) -> bool {
    status(error).is_some_and(|status| status.code == 404)
}

/// Says whether the object exists already or was changed in between.
#[must_use]
pub fn is_conflict(error: &Error) -> bool {
    status(error).is_some_and(|status| status.code == 409)
}
