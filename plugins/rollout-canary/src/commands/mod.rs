//! The commands, one module each, and what they share.

pub mod abort;
pub mod break_glass;
pub mod doctor;
pub mod history;
pub mod plan;
pub mod promote;
pub mod start;
pub mod status;

mod ask;
mod ending;
mod judging;
pub use ending::told;
mod session;

pub use session::{Common, Open, WaitArgs, open, read};
