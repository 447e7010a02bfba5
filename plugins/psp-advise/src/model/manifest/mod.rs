//! Manifests as kubectl reads them: YAML with the rules of Go's reader, or JSON, many documents in
//! one file, and every value with its place.

mod deserialize;
mod parse;
mod scalar;
mod split;
mod tree;

pub use deserialize::{TypeError, read};
pub use parse::{Fault, parse};
pub use split::{Chunk, split};
pub use tree::{Entry, Node, Place, Segment, Value, segments};
