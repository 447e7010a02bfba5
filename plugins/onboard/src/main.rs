//! `kubectl onboard`.
fn main() {}
