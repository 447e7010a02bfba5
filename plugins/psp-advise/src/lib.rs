//! The engines behind `kubectl psp-advise`, without input or output.

pub mod model;
