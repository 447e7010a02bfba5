//! What was read, or why it could not be.

use groundcrew::error::Result;

/// What was read, or why it could not be seen. What could not be seen is never "nothing".
pub type Sight<T> = std::result::Result<T, String>;

/// Keeps the reason why something could not be read, so that the rest can be looked at.
pub fn sight<T>(read: Result<T>) -> Sight<T> {
    read.map_err(|error| {
        let line = error.headline();
        line.strip_prefix("error: ").unwrap_or(&line).to_owned()
    })
}
