//! What an offboarding was asked for.

use std::path::PathBuf;

use groundcrew::flags::{DryRun, OutputArgs};
use groundcrew::write::Writer;

use crate::model::user::UserName;

/// What a run was asked for.
pub struct Options {
    pub user: UserName,
    pub keep_namespace: bool,
    pub archive: Option<PathBuf>,
    pub dry_run: DryRun,
    pub yes: bool,
    pub output: OutputArgs,
    pub writer: Writer,
}
