//! The name under which this plugin works.

use groundcrew::client::Product;

/// The program, as the server's audit log names it.
pub const PRODUCT: Product = Product::new("onboard");

/// Returns who owns the fields that are written.
#[must_use]
pub fn field_manager(given: Option<String>) -> String {
    given.unwrap_or_else(|| PRODUCT.field_manager())
}
