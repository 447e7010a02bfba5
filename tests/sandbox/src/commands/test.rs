//! placeholder
use crate::error::{Error, Result};
use std::process::ExitCode;
pub(crate) fn run(_filter: Option<&str>, _keep: bool) -> Result<ExitCode> {
    Err(Error::new("later"))
}
