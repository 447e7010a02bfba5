//! `kubectl can-i-audit`: who can do what, why, and what of it is dangerous.

fn main() {}
