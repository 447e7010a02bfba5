//! Reports for other programs and for people without a terminal. The rows are plain values, so
//! that nothing here knows a plugin.

pub mod html;
pub mod junit;
pub mod markdown;
pub mod sarif;
