//! The name under which this plugin works.

use groundcrew::client::Product;

/// Returns the name under which requests are sent.
#[must_use]
pub fn product() -> Product {
    Product {
        name: "kubectl-onboard",
        version: env!("CARGO_PKG_VERSION"),
    }
}

/// Returns who owns the fields that are written.
#[must_use]
pub fn field_manager(stated: Option<String>) -> String {
    stated.unwrap_or_else(|| product().name.to_owned())
}
