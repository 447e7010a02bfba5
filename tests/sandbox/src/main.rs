//! Sandbox command line.
fn main() {}
