//! One module per command.

pub(crate) mod bench;
mod cargo;
pub(crate) mod demo;
pub(crate) mod dist;
pub(crate) mod down;
pub(crate) mod env;
pub(crate) mod kubectl;
pub(crate) mod logs;
pub(crate) mod record;
pub(crate) mod reference;
pub(crate) mod status;
pub(crate) mod test;
pub(crate) mod up;
