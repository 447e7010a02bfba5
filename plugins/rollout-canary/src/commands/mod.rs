//! The commands, one module each, and what they share.

pub mod abort;
pub mod promote;
pub mod start;
pub mod status;

mod ending;
pub use ending::told;
mod session;

pub use session::{Common, Open, WaitArgs, none, open, read};
